// A tour of the library on 21 words that a person has annotated with sememes, units of meaning.
//
// 1. A lexicon: each word has senses, each sense is a pair of sememes.
// 2. A fit: vectors for the sememes, so that the words' embeddings come out near given ones.
// 3. What was lost: numbers, cosines, neighbours; what was won: bytes.
// 4. A model file.
// 5. No annotation: sememes learned from a larger table, for a size that one asks for.

#include <cstdio>
#include <filesystem>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <see/compress.hpp>

namespace {

using see::Index;

// word: sememe sememe / sememe sememe ...      (senses apart by slashes)
constexpr const char* dictionary[] = {
    "apple: fruit food / computer company",
    "orange: fruit food / light color",
    "pear: fruit food",
    "cherry: fruit food / light color",
    "bread: grain food",
    "wheat: grain plant",
    "oak: wood plant",
    "table: wood tool / text data",
    "book: text paper",
    "page: text paper / computer data",
    "bank: money company / water land",
    "loan: money company",
    "cash: money paper",
    "river: water flow",
    "stream: water flow / data flow",
    "mouse: small animal / computer tool",
    "cat: small animal",
    "hawk: wing animal",
    "crane: wing animal / power tool",
    "keyboard: computer tool / music tool",
    "piano: music tool",
};

using Senses = std::vector<std::vector<Index>>;  // of one word: the sememes of each sense

struct Annotation {
  std::vector<std::string> words, sememes;
  std::vector<Senses> senses;
};

Annotation parse_dictionary() {
  Annotation result;
  std::map<std::string, Index> number_of;
  for (const char* line : dictionary) {
    std::istringstream in(line);
    std::string name;
    in >> name;
    result.words.push_back(name.substr(0, name.size() - 1));
    result.senses.push_back({{}});
    while (in >> name) {
      if (name == "/") {
        result.senses.back().emplace_back();
        continue;
      }
      const auto [found, is_new] = number_of.emplace(name, static_cast<Index>(number_of.size()));
      if (is_new) result.sememes.push_back(name);
      result.senses.back().back().push_back(found->second);
    }
  }
  return result;
}

/// Stands in for trained embeddings: every sememe has a random vector, and a row is the mean over
/// its word's senses of the sum of their sememes' vectors, plus noise. No Kronecker product occurs
/// in it.
see::Table make_table(see::Vocabulary words, const std::vector<Senses>& senses, std::size_t sememes,
                      Index dim, see::Random& random) {
  const auto normal = [&] { return static_cast<float>(random.normal()); };
  see::RowMatrix<float> meaning(static_cast<Index>(sememes), dim);
  for (float& value : meaning.reshaped()) value = normal();
  std::vector<float> values;
  for (const Senses& of_word : senses) {
    Eigen::RowVectorXf row = Eigen::RowVectorXf::Zero(dim);
    for (const auto& sense : of_word)
      for (const Index sememe : sense)
        row += meaning.row(sememe) / static_cast<float>(of_word.size());
    for (const float value : row) values.push_back(value + 0.2F * normal());
  }
  return {std::move(words), std::move(values), static_cast<Index>(senses.size()), dim};
}

/// The three words nearest to word `w`. A dense table and a layer are asked in the same way.
template <see::RowSource Rows>
std::string neighbors(const Rows& rows, const see::Vocabulary& words, Index w) {
  see::RowMatrix<float> query(1, rows.embedding_dim());
  const std::span<const Index> itself(&w, 1);
  rows.forward(itself, query);
  const auto nearest = see::nearest(rows, query, 3, itself);  // but itself
  std::string text;
  for (const see::Neighbor& neighbor : nearest[0]) text.append(" ").append(words[neighbor.row]);
  return text;
}

void print_size(const see::Model<float>& model) {
  const see::ModelBytes bytes = see::model_bytes(model);
  const double dense = 4.0 * static_cast<double>(model.embedding.num_embeddings()) *
                       static_cast<double>(model.embedding.embedding_dim());
  std::printf(
      "  sememes %.0f + index %.0f + gains %.0f + basis %.0f + codes %.0f + header %.0f = %.0f "
      "bytes\n",
      double(bytes.factors), double(bytes.index), double(bytes.gains), double(bytes.basis),
      double(bytes.codes), double(bytes.header), double(bytes.total));
  std::printf("  dense %.0f bytes: ratio %.1f\n", dense, dense / double(bytes.total));
}

/// Sections 1 to 4.
void annotated(const std::filesystem::path& file) {
  const Annotation annotation = parse_dictionary();
  const auto sememes = static_cast<Index>(annotation.sememes.size());
  see::LexiconBuilder builder(see::SlotTable::shared(2, sememes));  // senses are pairs of units
  for (const Senses& senses : annotation.senses) {
    builder.word();
    for (const auto& sense : senses) builder.sense(sense);
  }
  see::Lexicon lexicon = builder.finish();
  std::printf("Annotated: %td words, %td senses, %td sememes\n", lexicon.words(), lexicon.senses(),
              sememes);

  // A sememe is 2 vectors of 8 numbers. A sense is the sum of 2 Kronecker products of 8 x 8 = 64.
  constexpr Index dim = 64;
  see::Random random(1);
  const see::Table table = make_table(see::Vocabulary::from(annotation.words), annotation.senses,
                                      annotation.sememes.size(), dim, random);
  auto layer = see::make_see(see::Shape::cube(dim, 2), std::move(lexicon), 2);
  const see::FitReport report = see::fit(layer, table.matrix());
  const see::TableRows dense(table);
  const see::Fidelity fidelity = see::fidelity(dense, layer);
  std::printf("fitted in %d steps: relative error %.2f, mean cosine %.2f\n", report.iterations,
              fidelity.relative_error, fidelity.mean_cosine);

  for (const char* word : {"apple", "bank", "river", "mouse"}) {
    const Index w = table.words().find(word).value();
    std::printf("\n%s, rank %td:", word, layer.lexicon().rank(w));
    for (Index s = 0; s < layer.lexicon().rank(w); ++s) {
      Index units[2];
      layer.lexicon().units(w, s, units);
      std::printf(" {%s %s}", annotation.sememes[static_cast<std::size_t>(units[0])].c_str(),
                  annotation.sememes[static_cast<std::size_t>(units[1])].c_str());
    }
    const Eigen::RowVectorXf x = table.matrix().row(w), y = layer(w);
    std::printf("\n  dense   %5.2f %5.2f %5.2f ... near it:%s\n", x[0], x[1], x[2],
                neighbors(dense, table.words(), w).c_str());
    std::printf("  rebuilt %5.2f %5.2f %5.2f ... near it:%s; cosine %.2f\n", y[0], y[1], y[2],
                neighbors(layer, table.words(), w).c_str(), see::cosine(x.data(), y.data(), dim));
  }

  const see::Model<float> model{layer, table.words()};
  see::save_model(file, model);
  const see::Model<float> loaded = see::load_model(file);  // maps the file
  std::filesystem::remove(file);
  std::printf("\nsaved and loaded: rows are %s\n",
              loaded.embedding.to_dense() == layer.to_dense() ? "equal" : "NOT equal");
  print_size(model);
  std::printf("  (such small tables gain little: all words share the sememes and the header)\n\n");
}

/// Section 5: 800 words of one or two senses out of 40 sememes, which the compressor is not told.
void induced() {
  see::Random random(2);
  std::vector<Senses> senses;
  for (int w = 0; w < 800; ++w) {
    Senses of_word(1 + random.below(2));
    for (auto& sense : of_word)
      for (int j = 0; j < 2; ++j) sense.push_back(static_cast<Index>(random.below(40)));
    senses.push_back(of_word);
  }
  const see::Table table = make_table({}, senses, 40, 32, random);
  for (const double ratio : {1000, 8}) {
    std::printf("Induced: 800 words x 32, ratio %.0f\n", ratio);
    try {
      const see::Model<float> model = see::compress(table, {.ratio = ratio});
      for (const auto& [name, value] : model.fit)
        std::printf("  %s %s\n", name.c_str(), value.c_str());
      print_size(model);
    } catch (const see::Error& error) {
      std::printf("  refused: %s\n", error.what());
    }
  }
}

}  // namespace

int main() {
  annotated(std::filesystem::temp_directory_path() / "see-toy.safetensors");
  induced();
}
