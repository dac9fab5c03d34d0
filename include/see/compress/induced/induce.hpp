#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "see/compress/induced/induce_plan.hpp"
#include "see/config.hpp"
#include "see/core/parallel.hpp"
#include "see/core/progress.hpp"
#include "see/core/types.hpp"

namespace see::detail {

/// How `induce` works; the defaults suit most tables.
struct InducedOptions {
  std::uint64_t seed = 1;
  Index beam = 8;             ///< partial codes followed while all rows are coded
  Index training_beam = 4;    ///< the same while the codebooks are learned
  Index preselect = 16;       ///< units of slot 1 that a search scores against all of slot 2
  int iterations = 15;        ///< of coding the sample and refitting the codebooks, at most
  double tolerance = 1e-3;    ///< relative fall of the error below which these end
  Index sample_rows = 20000;  ///< rows to learn the codebooks from
  int sweeps = 2;             ///< rounds of replacing single terms after the beam search
  std::span<const float> weights = {};  ///< one a row, above 0: how much its error counts
  Executor run = threads();
  ProgressCallback progress = {};
};

/// A learned code (see InducedPlan for the formula). Codebooks, scale table, mean and axes hold
/// half-precision values, so that storing them as such loses nothing. The terms of a row come in
/// the order of a greedy choice: the first ones alone are a coarser model of it.
struct InducedCode {
  InducedPlan plan;
  RowMatrix<float> codebook_a;             ///< U, K1 x q1
  RowMatrix<float> codebook_b;             ///< V, K2 x q2
  std::vector<std::uint16_t> index;        ///< units, in the order word, term, slot
  std::vector<std::size_t> begin{0};       ///< n + 1, where the units of each row begin in index
  Vector<float> gains;                     ///< as many as the most terms of a row
  std::vector<float> scale_table;          ///< 2^scale_bits, or empty
  std::vector<std::uint16_t> scale_index;  ///< n, or empty
  Vector<float> mean;                      ///< d, or empty
  RowMatrix<float> axes;                   ///< p x d, or empty
  FitStatus status = FitStatus::iteration_limit;
  double relative_error = 0;  ///< sum |x-y|^2 / sum |x|^2 over all rows (0 where all x are 0)

  Index rows() const noexcept { return static_cast<Index>(begin.size()) - 1; }

  /// Terms of row w.
  Index rank(Index w) const noexcept {
    const auto at = static_cast<std::size_t>(w);
    return static_cast<Index>(begin[at + 1] - begin[at]) / 2;
  }
};

/// Rows [first, first + count) as the code gives them (count x d). O(count (terms + d) p).
/// Throws where there are fewer rows.
RowMatrix<float> decode(const InducedCode& code, Index first, Index count);

/// All rows as the code gives them (n x d).
inline RowMatrix<float> decode(const InducedCode& code) { return decode(code, 0, code.rows()); }

/// sum |x-y|^2 / sum |x|^2 between the rows x of `table` and those y of `code`; 0 where every x is
/// 0.
double relative_error(ConstRowMatrixRef<float> table, const InducedCode& code, const Executor& run);

class Checkpoint;
struct InducedState;

/// Throws unless a table has rows, the plan's columns and finite numbers.
void validate_induced_input(ConstRowMatrixRef<float> table, Index dim);

/// The same as `induce`, from a state on that `checkpoint` keeps: where progress returns false
/// then, the state is kept and Cancelled thrown. Throws FileError where the state is one of another
/// table.
InducedCode induce_from(ConstRowMatrixRef<float> table, InducedState state,
                        const InducedOptions& options, Checkpoint* checkpoint);

/// Learns codebooks, codes and frame of the given form for `table` (n x d), so that
/// sum_w weights[w] |x_w - y_w|^2 is small. The codebooks are learned from a sample by turns of
/// coding it and least-squares refits; then all rows are coded with a beam search, the model is
/// refitted to them, and single terms are improved (Babenko and Lempitsky, "Additive quantization",
/// CVPR 2014, with Kronecker products for codewords). Deterministic for a seed, whatever the
/// executor. Where progress returns false, throws Cancelled.
///
/// Cost: about (iterations * sample + 2 n) * beam * terms * (K1 + preselect * K2) * q2
/// multiply-adds and n (q1 q2 + terms) numbers of memory. Throws on an invalid plan or table, and
/// where weights are not one a row, finite and above 0.
InducedCode induce(ConstRowMatrixRef<float> table, const InducedPlan& plan,
                   const InducedOptions& options = {});

}  // namespace see::detail

#if !defined(SEE_COMPILED)
#include "see/compress/induced/induce-inl.hpp"
#endif
