#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "coded_layers.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/io/write_safetensors.hpp"
#include "temp_dir.hpp"

using coded::make;
using coded::setups;
using coded::trellis;
using see::EntangledEmbedding;
using see::Index;
using see::Precision;
using see::RowMatrix;

namespace {

see::Model<float> random_model(const oracle::Setup& setup) {
  see::Model<float> model{make<float>(setup)};
  std::vector<std::string> words;
  for (Index w = 0; w < setup.words; ++w) words.push_back("word" + std::to_string(w));
  model.words = see::Vocabulary::from(words);
  return model;
}

bool same_parts(const see::detail::TrellisParts& a, const see::detail::TrellisParts& b) {
  const auto same = [](const auto& x, const auto& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end());
  };
  return a.rows == b.rows && a.dim == b.dim && a.classes == b.classes &&
         a.window_bits == b.window_bits && a.sigma_scale == b.sigma_scale &&
         same(a.row_classes.bytes(), b.row_classes.bytes()) &&
         same(a.rates.bytes(), b.rates.bytes()) && same(a.sigmas, b.sigmas) &&
         same(a.means, b.means) && same(a.mean_scales, b.mean_scales) && same(a.codes, b.codes);
}

const char* const residual_tensors[] = {
    "residual.row_classes", "residual.rates",       "residual.sigmas", "residual.means",
    "residual.mean_scales", "residual.sigma_scale", "residual.codes"};

/// A model file under the change of one tensor and of the metadata.
class Tampered {
 public:
  Tampered() {
    save_model(dir_ / "m", random_model(setups()[3]));
    file_ = std::make_unique<see::SafetensorsFile>(see::SafetensorsFile::open(dir_ / "m"));
  }

  /// The bytes of a tensor as they should be.
  std::vector<std::byte> bytes(const std::string& name) const {
    const auto span = file_->at(name).bytes;
    return {span.begin(), span.end()};
  }
  std::size_t element_size(const std::string& name) const {
    return bytes(name).size() / std::size_t(file_->at(name).shape[0]);
  }

  template <class Change>
  std::string message(const Change& change) const {
    auto tensors = file_->tensors();
    auto metadata = file_->metadata();
    change(tensors, metadata);
    see::write_safetensors(dir_ / "bad", tensors, metadata);
    return message_of([&] { see::load_model(dir_ / "bad"); });
  }

  std::string with_bytes(const std::string& name, std::vector<std::byte> bytes) const {
    return message([&](auto& tensors, auto&) {
      for (see::Tensor& tensor : tensors)
        if (tensor.name == name) {
          const Index old = static_cast<Index>(tensor.bytes.size());
          tensor.shape = {tensor.shape[0] * static_cast<Index>(bytes.size()) / old};
          tensor.bytes = bytes;
        }
    });
  }

 private:
  TempDir dir_;
  std::unique_ptr<see::SafetensorsFile> file_;
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a residual comes back from its file bit for bit", "[codes]") {
  TempDir dir;
  for (const auto& setup : setups(33))
    for (const Precision precision : {Precision::f32, Precision::f16, Precision::i8}) {
      const auto model = random_model(setup);
      save_model(dir / "m", model, precision);
      const auto file = see::SafetensorsFile::open(dir / "m");
      const bool terms = model.embedding.parts().has_terms();
      CHECK(file.metadata().at("format_version") == (terms ? "2" : "3"));
      const auto back = see::load_model<float>(file);
      REQUIRE(back.embedding.parts().codes);
      CHECK(same_parts(trellis(back.embedding.parts()).parts(),
                       trellis(model.embedding.parts()).parts()));
      if (precision == Precision::f32)
        CHECK(back.embedding.to_dense() == model.embedding.to_dense());
      const auto kept = see::load_model<float>(file, {.keep_storage = true});
      CHECK(kept.embedding.to_dense() == back.embedding.to_dense());
      save_model(dir / "again", kept, precision);
      CHECK(read_file(dir / "again") == read_file(dir / "m"));
      const auto wide = see::load_model<double>(file);
      CHECK((wide.embedding.to_dense().cast<float>() - back.embedding.to_dense()).norm() <=
            1e-4F * (1 + back.embedding.to_dense().norm()));
      for (const auto& bytes : {see::model_bytes(file), see::model_bytes(model, precision)}) {
        CHECK(bytes.codes == trellis(model.embedding.parts()).bytes());
        CHECK(bytes.total == std::filesystem::file_size(dir / "m") - bytes.vocabulary);
        CHECK(bytes.total ==
              bytes.factors + bytes.index + bytes.gains + bytes.basis + bytes.codes + bytes.header);
      }
    }
}

TEST_CASE("a residual of means alone and of one class comes back", "[codes]") {
  TempDir dir;
  see::detail::TrellisParts residual;
  residual.rows = 5;
  residual.dim = 16;
  residual.window_bits = 8;
  residual.row_classes = see::PackedArray({}, 5, 0);
  residual.rates = see::PackedArray(see::Array<std::uint8_t>(see::detail::packed_bytes(64)), 16, 4);
  residual.sigmas = see::Array<std::uint8_t>(16);
  residual.means = see::Array<std::int8_t>(std::vector<std::int8_t>(16, -3));
  residual.mean_scales = {0.5F};
  auto model = random_model({.words = 5, .rank = 0, .residual = true});
  auto parts = model.embedding.parts();
  parts.codes = std::make_shared<const see::detail::TrellisCodes>(residual);
  parts.padding_idx = {};
  model.embedding = EntangledEmbedding<float>(parts);
  save_model(dir / "m", model);
  CHECK(see::load_model(dir / "m").embedding.to_dense() ==
        RowMatrix<float>::Constant(5, 16, -1.5F));

  // Rows that take no bytes cost the reader none.
  residual.rows = 0xffffffff;
  residual.row_classes = see::PackedArray({}, 0xffffffff, 0);
  std::vector<float> row(16);
  see::detail::TrellisCodes(residual).write_row(0xfffffffe, row.data());
  CHECK(row[15] == -1.5F);
  residual.codes = see::Array<std::uint8_t>(9);
  CHECK_THROWS_AS(see::detail::TrellisCodes(residual), see::Error);
}

TEST_CASE("a file that lacks a part of its residual is refused by name", "[codes]") {
  const Tampered file;
  CHECK(file.message([](auto&, auto&) {}) == "nothing thrown");
  for (const std::string name : residual_tensors) {
    INFO(name);
    CHECK(holds(file.message([&](auto& tensors, auto&) {
      std::erase_if(tensors, [&](const see::Tensor& t) { return t.name == name; });
    }),
                name));
    std::vector<std::byte> changed = file.bytes(name);
    const std::size_t element = file.element_size(name);
    changed.resize(changed.size() + element);
    const std::string what = name == "residual.codes" ? "bytes of codes" : name;
    CHECK(holds(file.with_bytes(name, changed), what));
    changed.resize(changed.size() - 2 * element);
    CHECK(holds(file.with_bytes(name, changed), what));
    CHECK(holds(file.message([&](auto& tensors, auto&) {
      for (see::Tensor& tensor : tensors)
        if (tensor.name == name) {
          tensor.shape = {Index(tensor.bytes.size()), 1};
          tensor.dtype = "U8";
        }
    }),
                name));
  }
}

TEST_CASE("metadata that do not fit a residual are refused by name", "[codes]") {
  const Tampered file;
  const auto refused = [&](const std::string& key, const std::string& value,
                           const std::string& what) {
    INFO(key << " = " << value);
    CHECK(holds(file.message([&](auto&, auto& metadata) {
      if (value.empty())
        metadata.erase(key);
      else
        metadata[key] = value;
    }),
                what));
  };
  for (const std::string key : {"residual_classes", "residual_window_bits"})
    for (const std::string value : {"", "x", "0", "-1", "4294967295", "99999999999999"})
      refused(key, value, key);
  refused("residual_classes", "65537", "residual_classes");
  refused("residual_classes", "1", "residual.row_classes");
  refused("residual_classes", "4", "residual.rates");
  refused("residual_window_bits", "7", "residual_window_bits");
  refused("residual_window_bits", "17", "residual_window_bits");
  refused("format_version", "4", "format version 4");
}

TEST_CASE("numbers that no residual has are refused", "[codes]") {
  const Tampered file;
  const auto changed = [&](const std::string& name, std::size_t at, std::uint8_t byte) {
    std::vector<std::byte> copy = file.bytes(name);
    copy[at] = std::byte{byte};
    return file.with_bytes(name, copy);
  };
  CHECK(holds(changed("residual.row_classes", 0, 0xff), "is of class 3, needed below 3"));
  CHECK(holds(changed("residual.rates", 0, 0xff), "of trellis codes"));
  const float none = std::numeric_limits<float>::quiet_NaN();
  const auto bytes = std::as_bytes(std::span(&none, 1));
  CHECK(holds(file.with_bytes("residual.sigma_scale", {bytes.begin(), bytes.end()}),
              "scale that is not finite"));
}

TEST_CASE("any flipped bit of a residual is survived without the checksum", "[codes]") {
  TempDir dir;
  save_model(dir / "m", random_model(setups()[2]));
  const std::string good = read_file(dir / "m");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    write_file(dir / "bad", bad);
    CHECK(refuses([&] { see::load_model(dir / "bad"); }));
    refuses([&] {
      const auto model = see::load_model(dir / "bad", {.verify_checksum = false});
      static_cast<void>(model.embedding.to_dense());
    });
  }
}
