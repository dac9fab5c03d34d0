#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>

#include "see/error.hpp"
#include "transformer/archive.hpp"
#include "translate/model.hpp"

/// A translator and all that is needed to run it, as one file.
namespace translate {

struct SavedModel {
  Translator model = nullptr;
  Vocabulary source{{}}, target{{}};
};

/// Writes an archive of torch: sizes, words, parameters, and of an entangled table the model file
/// too.
inline void save(const std::filesystem::path& path, const SavedModel& saved) {
  const ModelOptions& options = saved.model->options();
  torch::serialize::OutputArchive archive, parameters;
  archive.write("translator", torch::tensor({options.source_words, options.target_words,
                                             options.dim, options.layers, options.heads},
                                            torch::kLong));
  archive.write("source_words", to_bytes(saved.source));
  archive.write("target_words", to_bytes(saved.target));
  archive.write("source_layer", layer_bytes(saved.model->source(), path));
  archive.write("target_layer", layer_bytes(saved.model->target(), path));
  saved.model->save(parameters);
  archive.write("parameters", parameters);
  write(archive, path);
}

inline SavedModel load(const std::filesystem::path& path) {
  torch::serialize::InputArchive archive, parameters;
  torch::Tensor sizes, source, target, source_layer, target_layer;
  try {
    archive.load_from(path.string());
    archive.read("translator", sizes);
    archive.read("source_words", source);
    archive.read("target_words", target);
    archive.read("source_layer", source_layer);
    archive.read("target_layer", target_layer);
    archive.read("parameters", parameters);
  } catch (const c10::Error&) {
    throw see::FileError("cannot read " + path.string() + " as a model of translate");
  }
  const auto size = [&](int i) { return sizes[i].item<std::int64_t>(); };
  const ModelOptions options{.source_words = size(0),
                             .target_words = size(1),
                             .dim = size(2),
                             .layers = size(3),
                             .heads = size(4),
                             .dropout = 0};
  SavedModel saved;
  saved.source = to_vocabulary(source);
  saved.target = to_vocabulary(target);
  saved.model = Translator(options, read_table(source_layer, options.source_words, options.dim),
                           read_table(target_layer, options.target_words, options.dim));
  saved.model->load(parameters);
  saved.model->eval();
  return saved;
}

}  // namespace translate
