#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/vocabulary.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/tensor.hpp"
#include "see/io/write_safetensors.hpp"

/// The words of a file's rows as its tensors "vocabulary.blob" and "vocabulary.offsets".
namespace see::detail {

/// Appends both, or nothing where there are no words. They view `words` and `narrow`, which becomes
/// the offsets as I32 where these suffice.
inline void append_vocabulary(const Vocabulary& words, std::vector<std::int32_t>& narrow,
                              std::vector<Tensor>& tensors) {
  if (words.empty()) return;
  const auto view = [&](const char* name, const auto& values) {
    tensors.push_back(make_tensor(name, {static_cast<Index>(values.size())}, values));
  };
  view("vocabulary.blob", words.blob());
  const Array<std::int64_t>& offsets = words.offsets();
  if (words.blob().size() > std::numeric_limits<std::int32_t>::max())
    return view("vocabulary.offsets", offsets);
  narrow.resize(offsets.size());
  std::transform(offsets.begin(), offsets.end(), narrow.begin(),
                 [](std::int64_t offset) { return static_cast<std::int32_t>(offset); });
  view("vocabulary.offsets", narrow);
}

/// The words of a file, none where it has none. Throws where the tensors do not hold together.
inline Vocabulary read_vocabulary(const SafetensorsFile& file) {
  const Tensor* const offsets = file.find("vocabulary.offsets");
  if (!offsets) return {};
  Array<std::int64_t> wide;
  if (offsets->dtype == "I32") {
    const auto narrow = file.array<std::int32_t>("vocabulary.offsets", {-1});
    wide = std::vector<std::int64_t>(narrow.begin(), narrow.end());
  } else {
    wide = file.array<std::int64_t>("vocabulary.offsets", {-1});
  }
  const auto bytes = file.array<std::uint8_t>("vocabulary.blob", {-1});
  const std::span<const char> blob(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return {Array<char>(blob, file.file()), std::move(wide)};
}

}  // namespace see::detail
