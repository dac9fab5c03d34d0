#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"
#include "see/io/write_safetensors.hpp"
#include "see/knowledge/compose.hpp"
#include "see/knowledge/model_knowledge.hpp"
#include "see/model/builders.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

/// Cuts words before each 'x'; "xa" and "xb" are the morphs of "xaxb".
struct CutAtX {
  void segment(std::string_view word, std::vector<Morph>& morphs) const {
    morphs.clear();
    while (!word.empty()) {
      const auto end = std::min(word.find('x', 1), word.size());
      morphs.push_back({word.substr(0, end), std::string(word.substr(0, end))});
      word.remove_prefix(end);
    }
  }
};

struct Source {
  Vocabulary words;
  SememeAnnotation annotation;
  Morphemes morphemes;
};

/// Words with a sense for each letter that is the name of a sememe.
Source source_of(const std::vector<std::string>& names) {
  Source source;
  source.words = Vocabulary::from(names);
  source.morphemes = build_morphemes(source.words, CutAtX());
  const std::vector<std::string> sememes{"a", "b", "c", "d"};
  source.annotation.sememes = Vocabulary::from(sememes);
  for (const std::string& name : names) {
    for (const char letter : name)
      if (const auto at = source.annotation.sememes.find(std::string_view(&letter, 1))) {
        const auto id = static_cast<std::uint32_t>(*at);
        source.annotation.add_sense(id, 1, {&id, 1});
      }
    source.annotation.end_word();
  }
  return source;
}

const std::vector<std::string> known{"xa",      "xaxb",   "xbxcxa", "xlong",
                                     "xlongxb", "12",     "",       "xd\n\"\xff",
                                     "xa",      "xcxcxc", "xbxaxc", std::string("x\0y", 3)};

Model<float> model_of(const SlotFilling& filling, KnowledgeLexicon* made = nullptr) {
  const Source source = source_of(known);
  KnowledgeLexicon knowledge =
      make_knowledge_lexicon(source.words, source.annotation, source.morphemes, {filling});
  std::vector<Index> dims(static_cast<std::size_t>(filling.order), 3);
  for (int j = 0; j < filling.roles(); ++j) dims[static_cast<std::size_t>(j)] = 2;
  Model<float> model{
      EntangledEmbedding<float>(make_parts<float>(Shape(dims), knowledge.lexicon, 1)),
      source.words,
      {{"method", "see"}},
      to_notes(knowledge, {{"wordnet_sememes", "4"}})};
  if (made) *made = std::move(knowledge);
  return model;
}

const std::vector<SlotFilling> fillings{
    {1, 1, 4, 5, 6}, {2, 1, 4, 5, 6}, {2, 2, 1, 1, 2}, {3, 2, 2, 2, 2}, {2, 1, 0, 1, 3}};

/// The file with one metadata value replaced (erased where it is empty) and the checksum mended.
void change(const std::string& from, const std::string& to, const std::string& key,
            const std::string& value) {
  const SafetensorsFile file = SafetensorsFile::open(from);
  auto metadata = file.metadata();
  if (value.empty())
    metadata.erase(key);
  else
    metadata[key] = value;
  write_safetensors(to, file.tensors(), metadata);
}

}  // namespace

TEST_CASE("names of units and settings come back from a model file", "[knowledge_file]") {
  const TempDir dir;
  for (const SlotFilling& filling : fillings) {
    INFO(filling.order << " slots, " << filling.units_a_term << " units a term");
    KnowledgeLexicon made;
    const Model<float> model = model_of(filling, &made);
    save_model(dir / "m", model);
    const Model<float> back = load_model<float>(dir / "m");
    CHECK(back.knowledge.settings == model.knowledge.settings);
    CHECK(back.knowledge.settings.at("wordnet_sememes") == "4");
    const KnowledgeLexicon knowledge = knowledge_of(back);
    const KnowledgeUnits &units = knowledge.units, &before = made.units;
    REQUIRE(units.size() == before.size());
    for (Index u = 0; u < units.size(); ++u) CHECK(units.name(u) == before.name(u));
    CHECK(units.morph_counts == before.morph_counts);
    CHECK(units.distinctions == before.distinctions);
    CHECK(units.has_blank == before.has_blank);
    CHECK(knowledge.filling.order == filling.order);
    CHECK(knowledge.filling.units_a_term == filling.units_a_term);
    CHECK(knowledge.filling.most_senses == filling.most_senses);
    CHECK(knowledge.filling.sememes_a_sense == filling.sememes_a_sense);
    CHECK(knowledge.filling.most_morphs == filling.most_morphs);
    CHECK(knowledge.report.words == made.report.words);
    CHECK(knowledge.report.terms == made.report.terms);
    CHECK(knowledge.report.units == made.report.units);
  }
}

TEST_CASE("a model from a file composes what it composed before", "[knowledge_file]") {
  const TempDir dir;
  const Source unseen = source_of({"xaxlong", "xcxb", "xnewxa", "99", "xd", ""});
  for (const SlotFilling& filling : fillings) {
    KnowledgeLexicon made;
    const Model<float> model = model_of(filling, &made);
    save_model(dir / "m", model);
    const Model<float> back = load_model<float>(dir / "m");
    const Composer before(made), after(knowledge_of(back));
    const auto rows = [&](const Composer& composer, const auto& layer, const Morphemes& morphs) {
      return composer.compose(layer, unseen.words, unseen.annotation, morphs).embedding.to_dense();
    };
    CHECK(rows(after, back.embedding, unseen.morphemes) ==
          rows(before, model.embedding, unseen.morphemes));
    const auto own = build_morphemes(unseen.words, after.segmenter());
    CHECK(rows(after, back.embedding, own) == rows(before, model.embedding, own));
    const auto alone = after.compose(back.embedding, unseen.words, no_senses(6), own);
    CHECK(alone.compositions[0].senses == 0);
    CHECK(alone.compositions[0].is_known() == (filling.most_morphs > 0));
    CHECK_FALSE(alone.compositions[5].is_known());
  }
}

TEST_CASE("names count among the bytes of a model", "[knowledge_file]") {
  const TempDir dir;
  Model<float> model = model_of({});
  save_model(dir / "m", model, Precision::i8);
  const auto file = SafetensorsFile::open(dir / "m");
  const ModelBytes bytes = model_bytes(file);
  std::uint64_t names = 0;
  for (Index i = 0; i < model.knowledge.names.size(); ++i) names += model.knowledge.names[i].size();
  CHECK(bytes.knowledge > names);
  CHECK(bytes.total == std::filesystem::file_size(dir / "m") - bytes.vocabulary);
  CHECK(bytes.total == bytes.factors + bytes.index + bytes.gains + bytes.basis + bytes.codes +
                           bytes.knowledge + bytes.header);
  CHECK(model_bytes(model, Precision::i8).total == bytes.total);
  model.knowledge = {};
  save_model(dir / "none", model, Precision::i8);
  const auto plain = load_model<float>(dir / "none");
  CHECK(plain.knowledge.empty());
  CHECK(model_bytes(SafetensorsFile::open(dir / "none")).knowledge == 0);
  CHECK(says<Error>("needed one made from knowledge", [&] { knowledge_of(plain); }));
}

TEST_CASE("more names than units are not written", "[knowledge_file]") {
  const TempDir dir;
  Model<float> model = model_of({});
  const Index units = model.embedding.lexicon().table().sizes[0];
  model.knowledge.names =
      Vocabulary::from(std::vector<std::string>(static_cast<std::size_t>(units) + 1, "u"));
  CHECK(says<Error>("units, needed 1 to the", [&] { save_model(dir / "m", model); }));
  CHECK(dir.entries() == 0);
}

TEST_CASE("names that do not hold together are refused", "[knowledge_file]") {
  const TempDir dir;
  const Model<float> model = model_of({});
  save_model(dir / "m", model);
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"knowledge_names", "0"},
                                                        {"knowledge_names", "-1"},
                                                        {"knowledge_names", "1"},
                                                        {"knowledge_names", "4294967295"},
                                                        {"knowledge_names", "x"},
                                                        {"knowledge_length_bits", ""},
                                                        {"knowledge_length_bits", "0"},
                                                        {"knowledge_length_bits", "33"},
                                                        {"knowledge_length_bits", "20"}}) {
    INFO(key << " = " << value);
    change(dir / "m", dir / "bad", key, value);
    CHECK_THROWS_AS(load_model<float>(dir / "bad"), FileError);
  }
  const auto file = SafetensorsFile::open(dir / "m");
  for (const std::string name : {"knowledge.names", "knowledge.name_lengths"}) {
    INFO(name);
    auto tensors = file.tensors();
    for (Tensor& tensor : tensors)
      if (tensor.name == name) {
        tensor.shape[0] -= 1;
        tensor.bytes = tensor.bytes.first(tensor.bytes.size() - 1);
      }
    write_safetensors(dir / "bad", tensors, file.metadata());
    CHECK_THROWS_AS(load_model<float>(dir / "bad"), FileError);
    std::erase_if(tensors, [&](const Tensor& tensor) { return tensor.name == name; });
    write_safetensors(dir / "bad", tensors, file.metadata());
    CHECK_THROWS_AS(load_model<float>(dir / "bad"), FileError);
  }
}

TEST_CASE("settings that do not fit the lexicon are refused", "[knowledge_file]") {
  const TempDir dir;
  const Model<float> model = model_of({});
  save_model(dir / "m", model);
  for (const std::string name :
       {"sememes", "distinctions", "units_a_term", "most_senses", "sememes_a_sense", "most_morphs"})
    for (const std::string value : {"", "x", "-1", "99999999999999999999"}) {
      INFO(name << " = " << value);
      change(dir / "m", dir / "bad", "knowledge." + name, value);
      const auto bad = load_model<float>(dir / "bad");
      CHECK_THROWS_AS(knowledge_of(bad), Error);
    }
  for (const auto& [name, value, message] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"sememes", "1000", "needed its 1000 sememes"},
           {"distinctions", "9", "of other units"},
           {"distinctions", "9223372036854775807", "more distinctions than units"},
           {"units_a_term", "0", "units a term"},
           {"units_a_term", "9", "needed at most"},
           {"units_a_term", "2", "of other units"},
           {"sememes_a_sense", "0", "needed at least"}}) {
    INFO(name << " = " << value);
    change(dir / "m", dir / "bad", "knowledge." + name, value);
    const auto bad = load_model<float>(dir / "bad");
    CHECK(says<Error>(message, [&] { knowledge_of(bad); }));
  }
}

TEST_CASE("any flipped byte of a file with names is found or does no harm", "[knowledge_file]") {
  const TempDir dir;
  save_model(dir / "m", model_of({2, 1, 1, 1, 2}));
  const std::string good = read_file(dir / "m");
  const Source unseen = source_of({"xaxlong", "xcxb"});
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    write_file(dir / "bad", bad);
    CHECK_THROWS_AS(load_model<float>(dir / "bad"), FileError);
    try {
      const auto model = load_model<float>(dir / "bad", {.verify_checksum = false});
      const Composer composer(knowledge_of(model));
      static_cast<void>(
          composer.compose(model.embedding, unseen.words, unseen.annotation, unseen.morphemes));
    } catch (const Error&) {
    }
  }
}
