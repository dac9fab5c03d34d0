#include <clocale>
#include <fstream>
#include <iterator>
#include <locale>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "see/compress/compress.hpp"
#include "see/core/random.hpp"
#include "see/eval/word_similarity.hpp"
#include "see/file/model_file.hpp"
#include "see/io/npy.hpp"
#include "see/io/read_table.hpp"
#include "see/io/words_file.hpp"
#include "see/io/write_safetensors.hpp"
#include "see/io/write_word_vectors.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

/// 1.234,5, as in German.
struct Grouping : std::numpunct<char> {
  char do_thousands_sep() const override { return '.'; }
  char do_decimal_point() const override { return ','; }
  std::string do_grouping() const override { return "\3"; }
};

/// While it lives, C++ streams group digits, and printf does where the system has such a locale.
class OtherLocale {
 public:
  OtherLocale()
      : before_(std::locale::global(std::locale(std::locale::classic(), new Grouping))),
        c_before_(std::setlocale(LC_ALL, nullptr)) {
    for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"})
      if (std::setlocale(LC_ALL, name)) break;
  }
  OtherLocale(const OtherLocale&) = delete;
  OtherLocale& operator=(const OtherLocale&) = delete;
  ~OtherLocale() {
    std::locale::global(before_);
    std::setlocale(LC_ALL, c_before_.c_str());
  }

 private:
  std::locale before_;
  std::string c_before_;
};

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Table sample() {
  std::vector<std::string> words;
  std::vector<float> values;
  Random random(4);
  for (int i = 0; i < 1200; ++i) {
    words.push_back("w" + std::to_string(i));
    for (int c = 0; c < 8; ++c) values.push_back(static_cast<float>(1234.5 * random.normal()));
  }
  return {Vocabulary::from(words), Array<float>(std::move(values)), 1200, 8};
}

/// Everything that is written, by name.
std::vector<std::string> written(const Table& table) {
  const TempDir dir;
  write_npy(dir / "t.npy", table.matrix());
  write_words(dir / "t.words.txt", table.words());
  write_text_table(dir / "t.txt", table, true);
  write_word2vec_bin(dir / "t.bin", table);
  write_safetensors(dir / "t.safetensors", {make_tensor("e", {1200, 8}, table.values())},
                    {{"rows", "1200"}});
  for (const char* method : {"trellis", "induced", "int8"})
    save_model(dir / method, compress(table, {.ratio = 3, .method = method, .run = serial()}));
  std::vector<std::string> files;
  for (const char* name :
       {"t.npy", "t.words.txt", "t.txt", "t.bin", "t.safetensors", "trellis", "induced", "int8"}) {
    files.push_back(bytes_of(dir / name));
    REQUIRE(files.back().size() > 1200);
  }
  for (const char* name : {"t.npy", "t.txt", "t.bin", "t.safetensors"})
    CHECK(read_table(dir / name).matrix() == table.matrix());
  CHECK(load_model(dir / "trellis").embedding.num_embeddings() == 1200);
  std::istringstream pairs("a b 1.5\nc d 2500.25\n");
  CHECK(read_word_pairs(pairs)[1].score == 2500.25);
  files.push_back(message_of<Error>([&] { read_table(dir / "t.npy", {-12345}); }));
  files.push_back(message_of<Error>([&] { compress(table, {.ratio = 123456.75}); }));
  return files;
}

}  // namespace

TEST_CASE("files and messages are the same in any locale", "[io]") {
  const Table table = sample();
  const auto expected = written(table);
  const OtherLocale german;
  std::ostringstream stream;
  stream << 1234.5;
  REQUIRE(stream.str() == "1.234,5");
  const auto found = written(table);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO(i);
    CHECK(found[i] == expected[i]);
  }
  CHECK(found.back().find("1.234") == std::string::npos);
}
