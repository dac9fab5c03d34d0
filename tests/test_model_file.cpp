#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/io/write_safetensors.hpp"
#include "see/model/builders.hpp"
#include "see/model/int8_axes.hpp"
#include "temp_dir.hpp"

using see::EntangledEmbedding;
using see::Index;
using see::Model;
using see::Precision;

namespace {

template <class Scalar>
Model<Scalar> random_model(const oracle::Setup& setup) {
  Model<Scalar> model{EntangledEmbedding<Scalar>(oracle::random_parts<Scalar>(setup))};
  std::vector<std::string> words;
  for (Index w = 0; w < setup.words; ++w) words.push_back("word\n\xff" + std::to_string(w));
  model.words = see::Vocabulary::from(words);
  model.fit = {{"method", "test"}, {"note", "a \"quoted\" note"}};
  return model;
}

template <class Scalar>
double distance(const EntangledEmbedding<Scalar>& a, const EntangledEmbedding<Scalar>& b) {
  return double((a.to_dense() - b.to_dense()).norm()) / (1 + double(a.to_dense().norm()));
}

/// A model file with one metadata value replaced by another of any length, and the checksum mended.
std::string with_metadata(const std::filesystem::path& path, const std::string& key,
                          const std::string& value) {
  const see::SafetensorsFile file = see::SafetensorsFile::open(path);
  auto metadata = file.metadata();
  if (value.empty())
    metadata.erase(key);
  else
    metadata[key] = value;
  TempDir scratch;
  see::write_safetensors(scratch / "changed", file.tensors(), metadata);
  return read_file(scratch / "changed");
}

}  // namespace

TEST_CASE("a model comes back from its file as it was", "[model_file]") {
  TempDir dir;
  for (const auto& setup : oracle::setups()) {
    INFO("order " << setup.dims.size() << ", rank " << setup.rank);
    const auto model = random_model<float>(setup);
    save_model(dir / "m", model);
    const auto back = see::load_model<float>(dir / "m");
    CHECK(distance(back.embedding, model.embedding) == 0);
    CHECK(back.fit == model.fit);
    REQUIRE(back.words.size() == model.words.size());
    for (Index w = 0; w < model.words.size(); ++w) CHECK(back.words[w] == model.words[w]);
    CHECK(back.embedding.lexicon().table() == model.embedding.lexicon().table());

    const auto wide = random_model<double>(setup);
    save_model(dir / "d", wide, Precision::f64);
    CHECK(distance(see::load_model<double>(dir / "d").embedding, wide.embedding) == 0);
    CHECK(distance(see::load_model<double>(dir / "m").embedding, wide.embedding) < 1e-5);
    save_model(dir / "h", wide, Precision::f16);
    CHECK(distance(see::load_model<double>(dir / "h").embedding, wide.embedding) < 0.02);
    save_model(dir / "b", wide, Precision::bf16);
    CHECK(distance(see::load_model<double>(dir / "b").embedding, wide.embedding) < 0.15);
  }
}

TEST_CASE("factors stay in the precision of the file where that is asked for", "[model_file]") {
  TempDir dir;
  const std::pair<Precision, see::Storage> kinds[] = {{Precision::f32, see::Storage::native},
                                                      {Precision::f16, see::Storage::f16},
                                                      {Precision::bf16, see::Storage::bf16},
                                                      {Precision::i8, see::Storage::i8}};
  for (const auto& setup : oracle::setups())
    for (const auto& [precision, storage] : kinds) {
      const auto model = random_model<float>(setup);
      save_model(dir / "m", model, precision);
      const auto file = see::SafetensorsFile::open(dir / "m");
      const auto& parts = model.embedding.parts();
      const bool newer = precision == Precision::i8 || parts.codes;
      CHECK(file.metadata().at("format_version") == (!parts.has_terms() ? "3" : newer ? "2" : "1"));
      const auto kept = see::load_model<float>(file, {.keep_storage = true});
      const auto wide = see::load_model<float>(file);
      if (parts.has_terms()) {
        CHECK(wide.precision == precision);
        CHECK(kept.embedding.inventory().storage() == storage);
        CHECK(wide.embedding.inventory().storage() == see::Storage::native);
      }
      CHECK(distance(kept.embedding, wide.embedding) == 0);
      CHECK(distance(kept.embedding, model.embedding) < 0.15);
      for (const auto& loaded : {kept, wide}) {
        save_model(dir / "again", loaded);
        CHECK(read_file(dir / "again") == read_file(dir / "m"));
      }
    }
}

TEST_CASE("int8 factors need their scales", "[model_file]") {
  TempDir dir;
  save_model(dir / "m", random_model<float>({}), Precision::i8);
  const auto file = see::SafetensorsFile::open(dir / "m");
  auto tensors = file.tensors();
  std::erase_if(tensors, [](const see::Tensor& t) { return t.name == "inventory.0.scales"; });
  see::write_safetensors(dir / "none", tensors, file.metadata());
  CHECK(says<see::FileError>("inventory.0.scales", [&] { see::load_model(dir / "none"); }));
}

TEST_CASE("axes that are codes times a scale take a byte a number and lose nothing",
          "[model_file]") {
  TempDir dir;
  auto parts = random_model<float>({.axes = true}).embedding.parts();
  const Index dim = parts.embedding_dim();
  std::fill_n(parts.basis.axes.mutate(), dim, 0.0F);  // a row of zeros, and one of tiny numbers
  for (Index i = dim; i < 2 * dim; ++i) parts.basis.axes.mutate()[i] *= 1e-30F;
  const see::Array<float> before = parts.basis.axes;
  see::detail::round_to_int8_axes({parts.basis.axes.mutate(), parts.basis.axes.size()}, dim);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto row = before.begin() + std::ptrdiff_t(i - i % std::size_t(dim));
    float largest = 0;
    std::for_each(row, row + dim, [&](float x) { largest = std::max(largest, std::abs(x)); });
    CHECK(std::abs(parts.basis.axes[i] - before[i]) <= largest / 250);
  }
  const Model<float> model{see::EntangledEmbedding<float>(parts)};
  for (const Precision precision : {Precision::f32, Precision::f16}) {
    save_model(dir / "m", model, precision);
    const auto file = see::SafetensorsFile::open(dir / "m");
    CHECK(file.at("basis.axes").bytes.size() == parts.basis.axes.size());
    CHECK(file.metadata().at("format_version") == "2");
    const auto back = see::load_model<float>(file).embedding.parts().basis.axes;
    CHECK(std::equal(back.begin(), back.end(), parts.basis.axes.begin(), parts.basis.axes.end()));
    auto tensors = file.tensors();
    std::erase_if(tensors, [](const see::Tensor& t) { return t.name == "basis.axes.scales"; });
    see::write_safetensors(dir / "none", tensors, file.metadata());
    CHECK(says<see::FileError>("basis.axes.scales", [&] { see::load_model(dir / "none"); }));
  }
}

TEST_CASE("implicit indices take no bytes and come back", "[model_file]") {
  TempDir dir;
  const Model<float> ket{see::make_word2ket<float>(7, 16, 2, 3)};
  const Model<float> xs{see::make_word2ketxs<float>(100, 64, 3, 2)};
  for (const auto* model : {&ket, &xs}) {
    save_model(dir / "m", *model);
    const auto file = see::SafetensorsFile::open(dir / "m");
    CHECK(see::model_bytes(file).index == 0);
    CHECK(distance(see::load_model<float>(file).embedding, model->embedding) == 0);
  }
}

TEST_CASE("factors are used where they lie in the mapped file", "[model_file]") {
  TempDir dir;
  save_model(dir / "m", random_model<float>({}));
  const auto file = see::SafetensorsFile::open(dir / "m");
  auto model = see::load_model<float>(file);
  const auto bytes = std::as_bytes(std::span<const float>(model.embedding.inventory().values()));
  CHECK(bytes.data() == file.at("inventory.0").bytes.data());
  const std::string before = read_file(dir / "m");
  model.embedding.parameters()[0].values.setZero();
  CHECK(read_file(dir / "m") == before);
}

TEST_CASE("the bytes of a model add up to its file", "[model_file]") {
  TempDir dir;
  for (const auto& setup : oracle::setups())
    for (const Precision precision : {Precision::f32, Precision::f16, Precision::i8}) {
      const auto model = random_model<float>(setup);
      save_model(dir / "m", model, precision);
      const auto file = see::SafetensorsFile::open(dir / "m");
      for (const auto& bytes : {see::model_bytes(file), see::model_bytes(model, precision)}) {
        CHECK(bytes.total == std::filesystem::file_size(dir / "m") - bytes.vocabulary);
        CHECK(bytes.total ==
              bytes.factors + bytes.index + bytes.gains + bytes.basis + bytes.codes + bytes.header);
        CHECK(bytes.vocabulary == model.words.blob().size() + 4 * model.words.offsets().size());
      }
    }
}

TEST_CASE("any flipped byte is found by the checksum, and never crashes without it",
          "[model_file]") {
  TempDir dir;
  save_model(dir / "m",
             random_model<float>(
                 {.dims = {2, 3}, .rank = 3, .gains = see::GainScope::sense, .word_scale = true}));
  const std::string good = read_file(dir / "m");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    write_file(dir / "bad", bad);
    CHECK_THROWS_AS(see::load_model<float>(dir / "bad"), see::FileError);
    try {
      const auto model = see::load_model<float>(dir / "bad", {.verify_checksum = false});
      static_cast<void>(model.embedding.to_dense());
    } catch (const see::FileError&) {
    }
  }
}

TEST_CASE("a model file cut anywhere is refused", "[model_file]") {
  TempDir dir;
  save_model(dir / "m", random_model<float>({.dims = {2, 3}}));
  const std::string good = read_file(dir / "m");
  for (std::size_t size = 0; size < good.size(); size += 1 + size / 50) {
    write_file(dir / "bad", good.substr(0, size));
    CHECK_THROWS_AS(see::load_model<float>(dir / "bad", {.verify_checksum = false}),
                    see::FileError);
  }
}

TEST_CASE("metadata that do not fit are refused", "[model_file]") {
  TempDir dir;
  save_model(dir / "m",
             random_model<float>({.rank = 3, .gains = see::GainScope::sense, .layer_norm = true}));
  const auto refused = [&](const std::string& key, const std::string& value) {
    INFO(key << " = " << value);
    write_file(dir / "bad", with_metadata(dir / "m", key, value));
    CHECK_THROWS_AS(see::load_model<float>(dir / "bad"), see::FileError);
  };
  const auto loads = [&](const std::string& bytes) {
    write_file(dir / "same", bytes);
    CHECK_NOTHROW(see::load_model<float>(dir / "same"));
  };
  loads(with_metadata(dir / "m", "unknown", "entries are ignored"));
  refused("format", "other");
  refused("format_version", "4");
  refused("format_version", "0");
  refused("format_version", "one");
  refused("checksum", "");
  refused("checksum", "md5:0");
  for (const std::string key : {"format", "format_version", "words", "factor_dims", "width",
                                "slots", "index", "gain_scope", "rank_bits", "layer_norm.epsilon"})
    refused(key, "");
  refused("words", "8");
  refused("words", "99999999999999");
  refused("words", "4294967295");
  refused("words", "-9");
  refused("factor_dims", "4x4x4");
  refused("factor_dims", "4");
  refused("factor_dims", "4x0");
  refused("factor_dims", "4294967295x4294967295");
  refused("width", "17");
  refused("slots", "0");
  refused("slots", "0,1");
  refused("slots", "0,0,7,7");
  refused("index", "own");
  refused("index", "other");
  refused("gain_scope", "none");
  refused("gain_scope", "other");
  refused("rank", "4294967295");
  refused("rank", "70000");
  refused("rank_bits", "0");
  refused("rank_bits", "33");
  refused("dim", "");
  refused("dim", "15");
  refused("order", "");
  refused("order", "3");
  refused("rank_bits", "1");
  refused("layer_norm.epsilon", "x");
  refused("padding_idx", "9");
}

TEST_CASE("tensors of another shape or type are refused", "[model_file]") {
  TempDir dir;
  save_model(dir / "m", random_model<float>({.rank = 2, .uniform = true, .axes = true}));
  const auto file = see::SafetensorsFile::open(dir / "m");
  for (const std::string name : {"basis.axes", "inventory.0"}) {
    auto tensors = file.tensors();
    for (auto& tensor : tensors)
      if (tensor.name == name) std::reverse(tensor.shape.begin(), tensor.shape.end());
    see::write_safetensors(dir / "bad", tensors, file.metadata());
    CHECK_THROWS_AS(see::load_model<float>(dir / "bad"), see::FileError);
    CHECK_THROWS_AS(see::load_model<double>(dir / "bad"), see::FileError);
    for (auto& tensor : tensors = file.tensors())
      if (tensor.name == name) tensor.dtype = "I32";
    see::write_safetensors(dir / "bad", tensors, file.metadata());
    CHECK_THROWS_AS(see::load_model<float>(dir / "bad"), see::FileError);
  }
}

TEST_CASE("a model that a file cannot hold is not written", "[model_file]") {
  TempDir dir;
  auto model = random_model<float>({});
  model.embedding.parameters()[0].values(0, 0) = 1e5F;
  CHECK_NOTHROW(save_model(dir / "m", model, Precision::bf16));
  CHECK_THROWS_AS(save_model(dir / "h", model, Precision::f16), see::Error);
  model.words = model.words.first(3);
  CHECK_THROWS_AS(save_model(dir / "w", model), see::Error);
  // Nor what its reader would refuse to do for one word.
  const auto save_one = [&](Index rank, std::vector<Index> dims) {
    see::EmbeddingParts<float> parts;
    parts.shape = see::Shape(dims);
    for (const Index dim : dims) parts.inventories.emplace_back(1, 1, dim);
    const Index ranks[] = {rank};
    const std::vector<Index> sizes(dims.size(), 1);
    parts.lexicon = see::Lexicon::from_packed(see::SlotTable::per_slot(sizes), 1, ranks, {});
    save_model(dir / "m", see::Model<float>{see::EntangledEmbedding<float>(parts)});
    see::load_model(dir / "m");
  };
  CHECK_NOTHROW(save_one(65535, {2, 2}));
  CHECK_THROWS_AS(save_one(65536, {2, 2}), see::Error);
  CHECK_NOTHROW(save_one(1, {4096, 4096}));
  CHECK_THROWS_AS(save_one(1, {4096, 4097}), see::Error);
  CHECK(dir.entries() == 1);
}

TEST_CASE("a table that is no model is refused by name", "[model_file]") {
  TempDir dir;
  const std::vector<float> values(6);
  see::write_safetensors(dir / "t", {see::make_tensor("w", {2, 3}, values)});
  CHECK(says("not a see model", [&] { see::load_model<float>(dir / "t"); }));
}

TEST_CASE("nothing is left behind where a model cannot be written", "[model_file]") {
  TempDir dir;
  CHECK_THROWS_AS(save_model(dir / "absent/m", random_model<float>({})), see::FileError);
  CHECK_THROWS_AS(save_model("/dev/full", random_model<float>({})), see::FileError);
  CHECK(dir.entries() == 0);
}
