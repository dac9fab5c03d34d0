#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "see/baseline/compressed_table.hpp"
#include "see/baseline/word2ketxs.hpp"
#include "see/compress/compress.hpp"
#include "see/compress/compress_options.hpp"
#include "see/core/row_source.hpp"
#include "see/core/table.hpp"
#include "see/error.hpp"
#include "see/eval/error.hpp"

namespace see {

/// What compress_baseline takes as CompressOptions::method.
inline std::vector<std::string> baseline_methods() {
  return {"int8", "int4", "svd", "tt", "pq", "pca", "word2ketxs"};
}

namespace detail {

/// Fits one table by any of baseline_methods() within a number of bytes.
class BaselineFit {
 public:
  BaselineFit(const Table& table, const CompressOptions& options)
      : table_(table), options_(options), budget_(byte_budget(table, options)) {}

  CompressedTable run() const {
    report("fitting", 0);
    const std::string& method = options_.method;
    if (method == "word2ketxs") return word2ketxs();
    if (method == "int8") return block_codes(8);
    if (method == "int4") return block_codes(4);
    if (method == "svd") return low_rank();
    if (method == "tt") return tensor_train();
    if (method == "pq") return product_codes();
    return principal_codes();
  }

  std::uint64_t budget() const noexcept { return budget_; }

  /// Notes, at least as long as any real ones.
  static Metadata longest_notes(std::string_view method) {
    Metadata notes = detail::longest_notes();
    notes["method"] = method;
    return notes;
  }

 private:
  void report(std::string_view stage, double fraction) const {
    require(!options_.progress || options_.progress({stage, fraction, std::nan("")}),
            "compressing was cancelled");
  }

  /// Bytes of a file to which plan(content) adds what store() would.
  template <class Plan>
  std::uint64_t planned(const Plan& plan) const {
    BaselineContent content(options_.method, table_.rows(), table_.dim(), {},
                            longest_notes(options_.method));
    if (!table_.words().empty()) content.plan_words(table_.words());
    plan(content);
    return content.bytes().total;
  }

  template <class Plan>
  bool fits(const Plan& plan) const {
    return planned(plan) <= budget_;
  }

  template <class Plan>
  void require_room(const Plan& smallest, std::string_view only = "smallest") const {
    const std::uint64_t least = planned(smallest);
    require_bytes(least, only);
  }

  void require_bytes(std::uint64_t least, std::string_view only = "smallest") const {
    require(budget_ >= least, "a table of ", table_.rows(), " x ", table_.dim(), " in ", budget_,
            " bytes by method ", options_.method, ", the ", only, " takes ", least,
            " bytes (ratio ",
            fixed(4.0 * double(table_.rows()) * double(table_.dim()) / double(least), 2), ")");
  }

  Baseline wrap(std::shared_ptr<const BaselineRows> rows) const {
    return {std::move(rows), table_.words(), {}};
  }

  /// The largest number in [1, most] for which holds(number), which is monotone and true for 1.
  template <class Holds>
  static Index largest(Index most, const Holds& holds) {
    Index low = 1, high = std::max<Index>(1, most);
    while (low < high) {
      const Index middle = (low + high + 1) / 2;
      if (holds(middle))
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }

  CompressedTable block_codes(int bits) const {
    require_room([&](BaselineContent& content) { BlockCodes::plan(content, table_, bits); },
                 "smallest (its only size)");
    return wrap(bits == 8 ? BlockCodes::fit_int8(table_, options_.run)
                          : BlockCodes::fit_int4(table_, options_.run));
  }

  CompressedTable low_rank() const {
    const auto plan = [&](Index rank) {
      return [&, rank](BaselineContent& content) { LowRank::plan(content, table_, rank); };
    };
    require_room(plan(1));
    const Index rank =
        largest(std::min(table_.rows(), table_.dim()), [&](Index r) { return fits(plan(r)); });
    return wrap(LowRank::fit(table_, rank, options_.run));
  }

  CompressedTable tensor_train() const {
    const auto plan = [&](const TrainShape& shape) {
      return [&](BaselineContent& content) { TensorTrain::plan(content, shape); };
    };
    TrainShape smallest = TrainShape::of(table_.rows(), table_.dim());
    smallest.ranks = {1, 1};
    require_room(plan(smallest));
    const TensorTrainFit fit(table_, options_.run);
    report("fitting", 0.5);
    return wrap(fit.train(fit.choose([&](const TrainShape& s) { return fits(plan(s)); })));
  }

  CompressedTable product_codes() const {
    const auto plan = [&](Index parts, int bits) {
      return [&, parts, bits](BaselineContent& content) {
        ProductCodes::plan(content, table_, {.parts = parts, .bits = bits});
      };
    };
    require_room(plan(1, 1));
    const ProductPlan chosen = ProductCodes::choose(
        table_.dim(), [&](Index parts, int bits) { return fits(plan(parts, bits)); });
    const auto caller = std::this_thread::get_id();  // the one that may report
    return wrap(ProductCodes::fit(table_, chosen, options_.seed, options_.run, [&](double share) {
      if (std::this_thread::get_id() == caller) report("k-means", share);
    }));
  }

  CompressedTable principal_codes() const {
    const auto plan = [&](Index axes, Index bits) {
      return [&, axes, bits](BaselineContent& content) {
        PrincipalCodes::plan(content, table_, axes, bits);
      };
    };
    require_room(plan(0, 0));
    const PrincipalFit fit(table_, options_.run);
    report("coding", 0.5);
    return wrap(fit.code(fit.choose([&](Index axes, Index bits) { return fits(plan(axes, bits)); }),
                         [&](double share) { report("coding", 0.5 + share / 2); }));
  }

  CompressedTable word2ketxs() const {
    const auto planned_rank = [&](Index rank) {
      const Model<float> blank{make_word2ketxs<float>(table_.rows(), table_.dim(), 2, rank),
                               table_.words(), longest_notes(options_.method)};
      return model_bytes(blank, compressed_precision).total;
    };
    require_bytes(planned_rank(1));
    const Shape shape = Shape::balanced(table_.dim(), 2);
    const auto base = static_cast<Index>(std::ceil(std::sqrt(static_cast<double>(table_.rows()))));
    const Index bytes = 2 * base * (shape.factor_dim(0) + shape.factor_dim(1));  // of a product
    const Index most = std::min({static_cast<Index>(budget_ / static_cast<std::uint64_t>(bytes)),
                                 base * shape.factor_dim(0), Index{16384}});
    const Index rank = largest(most, [&](Index r) { return planned_rank(r) <= budget_; });
    return Model<float>{fit_word2ketxs(table_, rank, options_.seed, options_.run,
                                       [&](double share) { report("fitting", share); }),
                        table_.words(),
                        {}};
  }

  const Table& table_;
  const CompressOptions& options_;
  std::uint64_t budget_;
};

}  // namespace detail

/// Compresses a table by one of baseline_methods(), in at most the bytes that the options give,
/// every byte of the file but the vocabulary's counted; ranks, bits and sizes are chosen for these.
/// int8 and int4 have one size, which is written where there is room. word2ketxs gives an ordinary
/// model. The notes say how well it came out. Deterministic for a seed, for any executor.
///
/// Throws on an empty table, an unknown method, an option that the method has not (direction,
/// weights, activation, checkpoint), a number that is not finite, a size that cannot be reached
/// (naming the smallest), and where progress returns false.
inline CompressedTable compress_baseline(const Table& table, const CompressOptions& options) {
  const auto methods = baseline_methods();
  detail::require(std::ranges::count(methods, options.method) == 1, "method \"", options.method,
                  "\", needed int8, int4, svd, tt, pq, pca or word2ketxs");
  detail::require(options.direction == 0 && options.weights.empty() &&
                      options.activation.size() == 0 && options.checkpoint.empty(),
                  "a direction, weights, activation or checkpoint for method ", options.method,
                  ", which has none of these");
  detail::require(table.rows() > 0 && table.dim() > 0, "compressing a table of ", table.rows(),
                  " x ", table.dim(), ", needed at least one row and column");
  detail::require(table.matrix().allFinite(),
                  "compressing a table with a number that is not finite");
  const auto start = std::chrono::steady_clock::now();
  const detail::BaselineFit fit(table, options);
  const CompressedTable made = fit.run();
  const Fidelity fidelity = see::fidelity(TableRows(table), made, options.run);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const Metadata notes = {{"method", options.method},
                          {"seed", std::to_string(options.seed)},
                          {"relative_error", detail::fixed(fidelity.relative_error, 6)},
                          {"mean_cosine", detail::fixed(fidelity.mean_cosine, 6)},
                          {"seconds", detail::fixed(seconds.count(), 1)}};
  const CompressedTable result =
      made.model() ? CompressedTable(Model<float>{made.model()->embedding, table.words(), notes})
                   : CompressedTable(Baseline{made.baseline()->rows, table.words(), notes});
  const std::uint64_t bytes = compressed_bytes(result).total;
  detail::require(bytes <= fit.budget(), "a file of ", bytes, " bytes for a budget of ",
                  fit.budget());
  return result;
}

/// compress() or compress_baseline(), whichever has the method.
inline CompressedTable compress_by_method(const Table& table, const CompressOptions& options) {
  const auto methods = baseline_methods();
  if (std::ranges::count(methods, options.method) == 1) return compress_baseline(table, options);
  return compress(table, options);
}

}  // namespace see
