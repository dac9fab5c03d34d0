#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "see/error.hpp"
#include "see/file/model_file.hpp"
#include "see/torch/any_embedding.hpp"
#include "transformer/vocabulary.hpp"

/// Words and tables as tensors of an archive of torch.
namespace transformer {

inline torch::Tensor to_bytes(const std::string& text) {
  torch::Tensor bytes = torch::empty({static_cast<std::int64_t>(text.size())}, torch::kByte);
  std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return bytes;
}

inline std::string from_bytes(const torch::Tensor& bytes) {
  const torch::Tensor all = bytes.contiguous();
  return {static_cast<const char*>(all.data_ptr()), static_cast<std::size_t>(all.numel())};
}

/// A file beside another, which is removed again.
class FileAside {
 public:
  explicit FileAside(std::filesystem::path path) : path_(std::move(path)) { path_ += ".layer"; }
  ~FileAside() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  FileAside(const FileAside&) = delete;
  FileAside& operator=(const FileAside&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Each word and a line feed.
inline torch::Tensor to_bytes(const Vocabulary& words) {
  std::string lines;
  for (const std::string& word : words.words()) lines += word + '\n';
  return to_bytes(lines);
}

inline Vocabulary to_vocabulary(const torch::Tensor& bytes) {
  Words words;
  std::istringstream lines(from_bytes(bytes));
  for (std::string word; std::getline(lines, word);) words.push_back(word);
  return Vocabulary(std::move(words));
}

/// The model file of an entangled table, which has its index and codes; nothing of a dense one.
/// A file beside `path` is used.
inline torch::Tensor layer_bytes(const see::torch::AnyEmbedding& table,
                                 const std::filesystem::path& path) {
  if (!table->is_entangled()) return torch::empty({0}, torch::kByte);
  const FileAside aside(path);
  see::save_model(aside.path(), table->entangled()->layer());
  std::ifstream file(aside.path(), std::ios::binary);
  return to_bytes(std::string{std::istreambuf_iterator<char>(file), {}});
}

/// The table of layer_bytes(), or a dense one.
inline see::torch::AnyEmbedding read_table(const torch::Tensor& layer, std::int64_t words,
                                           std::int64_t dim) {
  if (layer.numel() == 0) return see::torch::AnyEmbedding(words, dim);
  const FileAside aside(std::filesystem::temp_directory_path() /
                        ("transformer-" + std::to_string(std::random_device()())));
  std::ofstream(aside.path(), std::ios::binary) << from_bytes(layer);
  return see::torch::AnyEmbedding(
      see::torch::EntangledEmbedding(see::load_model(aside.path()).embedding));
}

/// Throws see::FileError where it cannot be written.
inline void write(torch::serialize::OutputArchive& archive, const std::filesystem::path& path) {
  try {
    archive.save_to(path.string());
  } catch (const c10::Error&) {
    throw see::FileError("cannot write " + path.string());
  }
}

}  // namespace transformer
