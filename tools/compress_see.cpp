#include "compress_see.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "knowledge_sources.hpp"
#include "see/compress/knowledge/knowledge_model.hpp"
#include "see/error.hpp"
#include "see/knowledge/segment_unsupervised.hpp"

namespace see::cli {
namespace {

constexpr Index fewest_sememes = 45;  // the lexicographer files of WordNet
constexpr Index most_morphs = 40000;  // that are learned

/// A third of all bytes is to be for sememes, or a tenth where there is a residual.
Index default_sememes(const CompressCommand& command, const Table& table) {
  const std::uint64_t budget =
      detail::byte_budget(table, {.ratio = command.ratio, .bytes = command.bytes});
  const double sememes =
      command.method == "hybrid"
          ? static_cast<double>(budget) / (10 * (1.1 * static_cast<double>(table.dim()) + 12))
          : static_cast<double>(budget) / 300;
  return static_cast<Index>(std::clamp(sememes, static_cast<double>(fewest_sememes), 2000.0));
}

}  // namespace

Model<float> compressed_on_knowledge(const CompressCommand& command, const Table& table,
                                     const ProgressCallback& progress) {
  detail::require(!table.words().empty(), command.table, ": has no words, needed for --method ",
                  command.method);
  detail::require(
      command.weights.empty() && command.activation.empty() && command.checkpoint.empty(),
      "--weights, --activation and --checkpoint with --method ", command.method,
      ", needed method trellis or auto");
  const KnowledgeSources sources(command.knowledge);
  const Index sememes = command.sememes ? *command.sememes : default_sememes(command, table);
  WordKnowledge knowledge;
  knowledge.annotation = sources.annotate(table.words(), table.words(), sememes);
  if (sources.has_wordnet()) knowledge.sources["wordnet_sememes"] = std::to_string(sememes);
  const auto weights = rank_weights(table.words().size());
  knowledge.morphemes = [&](Index most) {
    auto learned = learn_morphs(table.words(),
                                {.max_morphs = std::min(most, most_morphs), .weights = weights});
    const AnySegmenter otherwise{
        [learned = std::move(learned)](std::string_view word, std::vector<Morph>& morphs) {
          learned.segment(word, morphs);
        }};
    return build_morphemes(table.words(), sources.segmenter(otherwise), most);
  };
  KnowledgeModelOptions options;
  options.ratio = command.ratio;
  options.bytes = command.bytes;
  options.residual = command.method == "hybrid";
  options.direction = command.direction;
  options.plans = knowledge_plans(command.order);
  options.run = threads(command.threads);
  options.progress = progress;
  return compress_on(table, knowledge, options).model;
}

}  // namespace see::cli
