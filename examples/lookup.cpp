// Looks words up in a model file and prints the cosine of each pair that follow one another:
//
//     lookup MODEL WORD WORD...
//
// Without arguments it first makes a small model, of 400 words, and looks some of them up.

#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <see/compress.hpp>

namespace {

void look_up(const std::string& file, const std::vector<std::string>& words) {
  const see::Model<> model = see::load_model(file);  // mapped, not read
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto row = model.words.find(words[i]);
    if (!row) throw see::Error("no word \"" + words[i] + "\" in " + file);
    const Eigen::RowVectorXf vector = model.embedding(*row);
    std::printf("%s: row %td, %td numbers: %.3f %.3f ...\n", words[i].c_str(), *row, vector.size(),
                vector[0], vector[1]);
    if (i == 0) continue;
    const Eigen::RowVectorXf before = model.embedding(*model.words.find(words[i - 1]));
    std::printf("  cosine with %s: %.3f\n", words[i - 1].c_str(),
                see::cosine(before.data(), vector.data(), vector.size()));
  }
}

/// Compresses a made-up table, in which words whose numbers are equal modulo 20 are alike.
void make_model(const std::string& file) {
  std::vector<std::string> words;
  see::RowMatrix<float> rows(400, 32);
  for (see::Index w = 0; w < rows.rows(); ++w) {
    words.push_back(std::to_string(w));
    for (see::Index k = 0; k < rows.cols(); ++k)
      rows(w, k) =
          std::sin(static_cast<float>(w % 20 + k)) + 0.5F * std::cos(static_cast<float>(w * k));
  }
  const see::Table table(see::Vocabulary::from(words),
                         std::vector<float>(rows.data(), rows.data() + rows.size()), rows.rows(),
                         rows.cols());
  see::save_model(file, see::compress(table, {.ratio = 4}));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 1) {
      look_up(argv[1], {argv + 2, argv + argc});
    } else {
      const auto file = std::filesystem::temp_directory_path() / "see-lookup.safetensors";
      make_model(file.string());
      look_up(file.string(), {"7", "27", "28"});
      std::filesystem::remove(file);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lookup: %s\n", error.what());
    return 1;
  }
}
