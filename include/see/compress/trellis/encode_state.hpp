#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "see/compress/checkpoint.hpp"
#include "see/core/array.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/io/safetensors.hpp"

/// How far the coding of a table's rows by a trellis is.
namespace see::detail {

/// Weighted sums of (value, target) pairs, for the line target = mean + scale * value.
struct LineFit {
  double weight = 0, value = 0, target = 0, square = 0, product = 0;

  void add(double w, double v, double t) {
    weight += w;
    value += w * v;
    target += w * t;
    square += w * v * v;
    product += w * v * t;
  }
  void add(const LineFit& other) {
    weight += other.weight;
    value += other.value;
    target += other.target;
    square += other.square;
    product += other.product;
  }
};

struct EncodeState {
  std::vector<Array<std::uint8_t>> codes;  ///< of the ranges of rows that are done
  std::vector<LineFit> fits;               ///< classes x dim: over these ranges
};

/// The state that was kept, blank where there is none. Throws FileError where it does not fit.
inline EncodeState restored_codes(const Checkpoint& checkpoint, std::size_t ranges,
                                  std::size_t cells) {
  EncodeState state;
  const auto file = checkpoint.restore();
  if (!file) return state;
  const std::string path = file->path().string();
  const auto lengths = file->array<std::uint64_t>("lengths", {-1});
  const auto codes = file->array<std::uint8_t>("codes", {-1});
  const auto fits = file->array<double>("fits", {static_cast<Index>(cells), 5});
  std::size_t at = 0;
  for (const std::uint64_t length : lengths) {
    require<FileError>(length <= codes.size() - at, path, ": codes end too early");
    const auto part = std::span(codes.data(), codes.size()).subspan(at, length);
    state.codes.emplace_back(std::vector<std::uint8_t>(part.begin(), part.end()));
    at += length;
  }
  require<FileError>(lengths.size() <= ranges && at == codes.size(), path, ": holds ",
                     lengths.size(), " ranges of ", codes.size(), " bytes, needed at most ", ranges,
                     " of ", at);
  for (std::size_t i = 0; i < cells; ++i) {
    const double* const f = fits.data() + 5 * i;
    state.fits.push_back({f[0], f[1], f[2], f[3], f[4]});
  }
  return state;
}

/// Keeps `state` where that is due.
inline void keep(Checkpoint& checkpoint, const EncodeState& state, bool now) {
  if (!checkpoint.due(now)) return;
  std::vector<std::uint64_t> lengths;
  std::vector<std::uint8_t> codes;
  std::vector<double> fits;
  for (const Array<std::uint8_t>& part : state.codes) {
    lengths.push_back(part.size());
    codes.insert(codes.end(), part.begin(), part.end());
  }
  for (const LineFit& fit : state.fits)
    fits.insert(fits.end(), {fit.weight, fit.value, fit.target, fit.square, fit.product});
  checkpoint.write({make_tensor("lengths", {Index(lengths.size())}, lengths),
                    make_tensor("codes", {Index(codes.size())}, codes),
                    make_tensor("fits", {Index(state.fits.size()), 5}, fits)});
}

}  // namespace see::detail
