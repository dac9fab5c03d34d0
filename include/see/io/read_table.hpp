#pragma once

#include <string>

#include "see/config.hpp"
#include "see/core/table.hpp"
#include "see/io/read_options.hpp"

namespace see {

/// Reads a dense table, told apart by content: .npy, safetensors, word2vec .bin, word2vec text or
/// GloVe text. `location` is FILE or, for one of several tensors of a safetensors file,
/// FILE:TENSOR; without a tensor's name the file must hold exactly one 2-D tensor of floats. The
/// words of X.npy and X.safetensors are those of X.words.txt, none where there is no such file.
/// Float32 numbers of .npy and safetensors are viewed in the mapping; everything else is converted.
/// Throws FileError where the file cannot be read, breaks its format, or holds no table or a number
/// that is not finite; Error where options.first < 1.
Table read_table(const std::string& location, const ReadOptions& options = {},
                 ReadReport* report = nullptr);

}  // namespace see

#if !defined(SEE_COMPILED)
#include "see/io/read_table-inl.hpp"
#endif
