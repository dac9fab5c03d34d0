#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "see/core/array.hpp"
#include "see/core/vocabulary.hpp"
#include "see/io/file_content.hpp"
#include "see/io/file_reader.hpp"

/// The words of a file's rows as its tensors "vocabulary.blob" and "vocabulary.offsets".
namespace see::detail {

/// Appends both, or nothing where there are no words. Offsets are I32 where these suffice.
inline void append_vocabulary(const Vocabulary& words, FileContent& content) {
  if (words.empty()) return;
  content.add("vocabulary.blob", words.blob());
  const Array<std::int64_t>& offsets = words.offsets();
  if (words.blob().size() > std::numeric_limits<std::int32_t>::max())
    return content.add("vocabulary.offsets", offsets);
  std::vector<std::int32_t> narrow(offsets.size());
  std::transform(offsets.begin(), offsets.end(), narrow.begin(),
                 [](std::int64_t offset) { return static_cast<std::int32_t>(offset); });
  content.add("vocabulary.offsets", Array<std::int32_t>(std::move(narrow)));
}

/// The words of a file, none where it has none. Throws where the tensors do not hold together.
inline Vocabulary read_vocabulary(const FileReader& file) {
  const Tensor* const offsets = file.file().find("vocabulary.offsets");
  if (!offsets) return {};
  Array<std::int64_t> wide;
  if (offsets->dtype == "I32") {
    const auto narrow = file.array<std::int32_t>("vocabulary.offsets", {-1});
    wide = std::vector<std::int64_t>(narrow.begin(), narrow.end());
  } else {
    wide = file.array<std::int64_t>("vocabulary.offsets", {-1});
  }
  return {file.text_of("vocabulary.blob"), std::move(wide)};
}

}  // namespace see::detail
