#pragma once

#include <utility>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"

/// Random layers with trellis codes.
namespace coded {

/// The setups of the oracle that have codes.
inline std::vector<oracle::Setup> setups(see::Index words = 0) {
  std::vector<oracle::Setup> result;
  for (const auto& list : {oracle::setups_of_codes(), oracle::setups()})
    for (auto setup : list) {
      if (!setup.residual) continue;
      if (words > 0) setup.words = words;
      result.push_back(setup);
    }
  REQUIRE(result.size() >= 4);
  return result;
}

/// The trellis codes of a layer or of parts.
template <class Scalar>
const see::detail::TrellisCodes& trellis(const see::EmbeddingParts<Scalar>& parts) {
  return dynamic_cast<const see::detail::TrellisCodes&>(*parts.codes);
}

/// A random layer of a setup, with a padding row or without.
template <class Scalar>
see::EntangledEmbedding<Scalar> make(const oracle::Setup& setup, bool padding = true) {
  auto parts = oracle::random_parts<Scalar>(setup);
  if (padding) parts.padding_idx = 2;
  return see::EntangledEmbedding<Scalar>(std::move(parts));
}

}  // namespace coded
