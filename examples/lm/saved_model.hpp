#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>

#include "lm/model.hpp"
#include "lm/text.hpp"
#include "see/error.hpp"
#include "transformer/archive.hpp"

/// A language model and all that is needed to run it, as one file.
namespace lm {

struct SavedModel {
  LanguageModel model = nullptr;
  Vocabulary words{{}};
  SplitRule rule;  ///< of the text that it was trained on
};

/// Writes an archive of torch: sizes, words, split rule, parameters, and of an entangled table the
/// model file too, which has its index and codes.
inline void save(const std::filesystem::path& path, const SavedModel& saved) {
  const ModelOptions& options = saved.model->options();
  torch::serialize::OutputArchive archive, parameters;
  archive.write("sizes", torch::tensor({options.words, options.dim, options.layers, options.heads,
                                        options.length, saved.rule.by_book ? 1L : 0L,
                                        static_cast<long>(saved.rule.nth)},
                                       torch::kLong));
  archive.write("words", to_bytes(saved.words));
  archive.write("layer", layer_bytes(saved.model->table(), path));
  saved.model->save(parameters);
  archive.write("parameters", parameters);
  write(archive, path);
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
  saved.words = to_vocabulary(words);
  saved.model = LanguageModel(options, read_table(layer, options.words, options.dim));
  saved.model->load(parameters);
  saved.model->eval();
  return saved;
}

}  // namespace lm
