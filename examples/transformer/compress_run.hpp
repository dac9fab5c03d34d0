#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "transformer/arguments.hpp"
#include "transformer/fit_table.hpp"
#include "transformer/program.hpp"

/// What the commands `compress` share.
namespace transformer {

inline const std::string compress_help =
    R"(compress  --ratio 10      4 bytes x words x dim by the bytes of the table's model file
          --method induced    induced: sememes learned from the table; senses: a product of
                          sememes and morphemes for each sense of a word; senses_coded: such
                          products with codes of what they leave; or codes, which stay as they
                          are: trellis, svd, pq, pca, int8, int4, auto. To compare with:
                          random (units drawn at random), senses_random and senses_coded_random
                          (the senses and morphemes of other words), senses_cut (words cut at
                          random, no senses), low_rank, tt (a tensor train of three cores; its
                          index follows from the words' numbers and does not count), word2ket,
                          word2ketxs, morphte
          --order 2       units of a product of senses, word2ket and morphte
          --seed 1
)";

/// --method, one that there is.
inline std::string method_of(Arguments& arguments, const std::string& otherwise) {
  const std::string method = arguments.text("method", otherwise);
  if (!is_method(method)) throw UsageError("unknown --method " + method);
  return method;
}

/// All but the words and what is known of them.
inline FitTableOptions compress_options(Arguments& arguments) {
  FitTableOptions options;
  options.ratio = arguments.real("ratio", 10, 1);
  options.method = method_of(arguments, options.method);
  options.order = static_cast<int>(arguments.integer("order", 2));
  options.seed = static_cast<std::uint64_t>(arguments.integer("seed", 1, 0));
  return options;
}

/// A line of `name` that compare.sh reads.
inline void print(const char* name, const Compressed& table) {
  std::printf("%s, bytes: %lld -> %lld, trained numbers: %lld -> %lld, relative error %.4f\n", name,
              number(table.bytes_before), number(table.bytes_after),
              number(table.parameters_before), number(table.parameters_after),
              table.relative_error);
}

}  // namespace transformer
