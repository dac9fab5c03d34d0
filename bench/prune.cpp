// Models pruned by Fisher, activation, size and random scores beside models fitted at that size:
// the loss of each in equally many bytes, as Markdown.
//
//     prune TABLE [--first N] [--from R] [--ratio R]... [--batches N]... [--wordnet FOLDER]
//
// TABLE: embeddings with words, the most frequent first (20,000 rows are taken unless told else).
// A model of ratio --from (10) is pruned to each --ratio (20 and 40). --batches: how many batches
// of 4,096 gradients the Fisher scores see (8 and 128). --wordnet: prunes a model made from
// knowledge too, any sense of which can go; those of the induced one go from the last one on.
//
// The loss is sum_w f_w (x_w - y_w)' C (x_w - y_w) / sum_w f_w x_w' C x_w, f being zipf_weights()
// and C = E[v v'] of normal readers v whose variance along axis j of a random basis goes with
// 1 / (1 + j). A sample of the Fisher scores is a word drawn by f and a reader v; the gradient of
// 1/2 (y . v - label)^2 with a label drawn around the model's own answer is v times a normal
// number.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <see/compress.hpp>

namespace {

using see::Index;
using Model = see::Model<float>;

struct Arguments {
  std::string table, wordnet;
  Index first = 20000;
  double from = 10;
  std::vector<double> ratios;
  std::vector<Index> batches;
};

struct Experiment {
  see::Table table;
  see::RowMatrix<float> readers;  // a row times normal numbers is a reader
  see::RowLoss loss;

  double relative_loss(const Model& model) const {
    const see::RowMatrix<float> x = table.matrix();
    const auto energy = [&](const see::RowMatrix<float>& rows) {
      const see::RowMatrix<float> seen = rows * loss.activation;
      double sum = 0;
      for (Index w = 0; w < rows.rows(); ++w)
        sum += double{loss.weights[std::size_t(w)]} * double{rows.row(w).dot(seen.row(w))};
      return sum;
    };
    return energy(x - model.embedding.to_dense()) / energy(x);
  }

  void print(const char* how, const char* after, const Model& model) const {
    const see::Fidelity fidelity = see::fidelity(see::TableRows(table), model.embedding);
    std::printf("| %s | %s | %.2f | %.4f | %.4f | %.3f |\n", how, after,
                4.0 * double(table.rows() * table.dim()) / double(see::model_bytes(model).total),
                relative_loss(model), fidelity.relative_error, fidelity.mean_cosine);
    std::fflush(stdout);
  }
};

Experiment experiment_on(see::Table table) {
  Experiment experiment{std::move(table), {}, {}};
  const Index dim = experiment.table.dim();
  see::Random random(1);
  see::RowMatrix<float> normal(dim, dim);
  for (float& value : normal.reshaped()) value = static_cast<float>(random.normal());
  experiment.readers = see::detail::orthonormal_columns(normal).transpose();
  for (Index j = 0; j < dim; ++j) experiment.readers.row(j) /= std::sqrt(1 + float(j));
  experiment.loss = {see::zipf_weights(experiment.table.rows()),
                     experiment.readers.transpose() * experiment.readers};
  return experiment;
}

/// The scores by Fisher information of so many batches: each row's own, and in Kronecker factors.
std::pair<std::vector<double>, std::vector<double>> fisher_scores(const Experiment& experiment,
                                                                  const Model& model,
                                                                  Index batches) {
  constexpr Index size = 4096;
  std::vector<double> sums(experiment.loss.weights.begin(), experiment.loss.weights.end());
  std::partial_sum(sums.begin(), sums.end(), sums.begin());
  see::Random random(2);
  const Index dim = experiment.table.dim();
  see::FisherScores fisher(model.embedding);
  see::GradientMoments moments(model.embedding.num_embeddings(), dim);
  std::vector<Index> ids(size);
  see::RowMatrix<float> gradients(size, dim);
  for (Index batch = 0; batch < batches; ++batch) {
    for (Index& id : ids)
      id =
          std::lower_bound(sums.begin(), sums.end(), random.uniform() * sums.back()) - sums.begin();
    for (float& value : gradients.reshaped()) value = static_cast<float>(random.normal());
    gradients = (gradients * experiment.readers).eval();
    for (Index i = 0; i < size; ++i) gradients.row(i) *= static_cast<float>(random.normal());
    fisher.add(ids, gradients);
    moments.add(ids, gradients);
  }
  return {fisher.scores(), see::activation_scores(model.embedding, moments.loss())};
}

void prune_by(const Experiment& experiment, const Model& model, const std::string& how,
              const std::vector<double>& scores, std::uint64_t bytes) {
  Model smaller = see::prune(model, scores, bytes);
  experiment.print(how.c_str(), "", smaller);
  const auto& parts = smaller.embedding.parts();
  Model fitted = smaller;
  if (parts.has_gains() || !parts.word_scale.empty()) {
    fitted.embedding = see::fit_gains(smaller.embedding, model.embedding, experiment.loss);
    experiment.print("", "gains fitted", fitted);
  }
  see::fit(fitted.embedding, model.embedding.to_dense(), {.iterations = 10});
  experiment.print("", "all fitted", fitted);
}

void compare(const Experiment& experiment, const Arguments& arguments,
             see::CompressOptions options) {
  options.ratio = arguments.from;
  const Model model = see::compress(experiment.table, options);
  std::printf(
      "\n%s, %td words, %td senses\n\n| scores | then | times smaller | loss | relative "
      "error | mean cosine |\n|---|---|---|---|---|---|\n",
      options.method.c_str(), experiment.table.rows(), model.embedding.lexicon().senses());
  experiment.print("before pruning", "", model);
  for (const double ratio : arguments.ratios) {
    const auto bytes = static_cast<std::uint64_t>(
        4.0 * double(experiment.table.rows() * experiment.table.dim()) / ratio);
    options.ratio = ratio;
    try {
      experiment.print("fitted at this size", "", see::compress(experiment.table, options));
    } catch (const see::Error&) {
      std::printf("| fitted at this size | not possible | | | | |\n");
    }
    for (const Index batches : arguments.batches) {
      const auto [own, factors] = fisher_scores(experiment, model, batches);
      const std::string samples = ", " + std::to_string(batches) + " batches";
      prune_by(experiment, model, "Fisher" + samples, own, bytes);
      prune_by(experiment, model, "Fisher in factors" + samples, factors, bytes);
    }
    prune_by(experiment, model, "activation",
             see::activation_scores(model.embedding, experiment.loss), bytes);
    prune_by(experiment, model, "size", see::size_scores(model.embedding), bytes);
    prune_by(experiment, model, "random", see::random_scores(model.embedding), bytes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
      const std::string name = argv[i];
      if (!name.starts_with("--")) {
        arguments.table = name;
        continue;
      }
      if (i + 1 == argc) throw see::Error(name + " without a value");
      const std::string value = argv[++i];
      if (name == "--first")
        arguments.first = std::stol(value);
      else if (name == "--from")
        arguments.from = std::stod(value);
      else if (name == "--ratio")
        arguments.ratios.push_back(std::stod(value));
      else if (name == "--batches")
        arguments.batches.push_back(std::stol(value));
      else if (name == "--wordnet")
        arguments.wordnet = value;
      else
        throw see::Error("unknown option " + name);
    }
    if (arguments.table.empty()) {
      std::printf(
          "prune TABLE [--first N] [--from R] [--ratio R]... [--batches N]... "
          "[--wordnet FOLDER]\n");
      return 2;
    }
    if (arguments.ratios.empty()) arguments.ratios = {20, 40};
    if (arguments.batches.empty()) arguments.batches = {8, 128};
    const Experiment experiment =
        experiment_on(see::read_table(arguments.table).first(arguments.first));
    compare(experiment, arguments, {.method = "induced", .weights = experiment.loss.weights});
    if (arguments.wordnet.empty()) return 0;
    const see::KnowledgeSources sources({.wordnet = arguments.wordnet});
    see::CompressOptions options{.method = "see"};
    options.knowledge = sources.knowledge_of_words(experiment.table.words(), 2000);
    compare(experiment, arguments, options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "prune: %s\n", error.what());
    return 1;
  }
}
