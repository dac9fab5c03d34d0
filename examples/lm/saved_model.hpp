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
#include <utility>
#include <vector>

#include "lm/model.hpp"
#include "lm/text.hpp"
#include "see/file/model_bytes.hpp"
#include "see/file/model_file.hpp"

/// A language model and all that is needed to run it, as one file.
namespace lm {

struct SavedModel {
  LanguageModel model = nullptr;
  Vocabulary words{{}};
  SplitRule rule;  ///< of the text that it was trained on
};

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

/// Bytes of the table as a model file has it with factors in halves, which is what ratios count;
/// a dense one: 4 a number.
inline std::int64_t table_bytes(const see::torch::AnyEmbedding& table) {
  if (!table->is_entangled()) return 4 * table->num_embeddings() * table->embedding_dim();
  const see::Model<float> model{table->entangled()->layer()};
  return static_cast<std::int64_t>(see::model_bytes(model, see::Precision::f16).total);
}

/// Numbers of the table that are trained; 0 where it is codes.
inline std::int64_t table_parameters(const see::torch::AnyEmbedding& table) {
  std::int64_t numbers = 0;
  for (const auto& tensor : table->parameters()) numbers += tensor.numel();
  return numbers;
}

/// Writes an archive of torch: sizes, words, split rule, parameters, and of an entangled table the
/// model file too, which has its index and codes.
inline void save(const std::filesystem::path& path, const SavedModel& saved) {
  const ModelOptions& options = saved.model->options();
  torch::serialize::OutputArchive archive, parameters;
  std::string words;
  for (const std::string& word : saved.words.words()) words += word + '\n';
  archive.write("sizes", torch::tensor({options.words, options.dim, options.layers, options.heads,
                                        options.length, saved.rule.by_book ? 1L : 0L,
                                        static_cast<long>(saved.rule.nth)},
                                       torch::kLong));
  archive.write("words", to_bytes(words));
  torch::Tensor layer = torch::empty({0}, torch::kByte);
  if (saved.model->table()->is_entangled()) {
    const FileAside aside(path);
    see::save_model(aside.path(), saved.model->table()->entangled()->layer());
    std::ifstream file(aside.path(), std::ios::binary);
    layer = to_bytes({std::istreambuf_iterator<char>(file), {}});
  }
  archive.write("layer", layer);
  saved.model->save(parameters);
  archive.write("parameters", parameters);
  try {
    archive.save_to(path.string());
  } catch (const c10::Error&) {
    throw see::FileError("cannot write " + path.string());
  }
}

inline SavedModel load(const std::filesystem::path& path) {
  torch::serialize::InputArchive archive, parameters;
  torch::Tensor sizes, words, layer;
  try {
    archive.load_from(path.string());
    archive.read("sizes", sizes);
    archive.read("words", words);
    archive.read("layer", layer);
    archive.read("parameters", parameters);
  } catch (const c10::Error&) {
    throw see::FileError("cannot read " + path.string() + " as a model of lm");
  }
  const auto size = [&](int i) { return sizes[i].item<std::int64_t>(); };
  const ModelOptions options{.words = size(0),
                             .dim = size(1),
                             .layers = size(2),
                             .heads = size(3),
                             .length = size(4),
                             .dropout = 0};
  SavedModel saved;
  saved.rule = {.by_book = size(5) != 0, .nth = size(6)};
  Words list;
  std::istringstream lines(from_bytes(words));
  for (std::string word; std::getline(lines, word);) list.push_back(word);
  saved.words = Vocabulary(std::move(list));
  if (layer.numel() == 0) {
    saved.model = LanguageModel(options);
  } else {
    const FileAside aside(std::filesystem::temp_directory_path() /
                          ("lm-" + std::to_string(std::random_device()())));
    std::ofstream(aside.path(), std::ios::binary) << from_bytes(layer);
    const see::torch::EntangledEmbedding table(see::load_model(aside.path()).embedding);
    saved.model = LanguageModel(options, see::torch::AnyEmbedding(table));
  }
  saved.model->load(parameters);
  saved.model->eval();
  return saved;
}

}  // namespace lm
