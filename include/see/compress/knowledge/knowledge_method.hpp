#pragma once

#include "see/compress/compress_options.hpp"
#include "see/compress/knowledge/knowledge_model.hpp"
#include "see/compress/plan/method.hpp"
#include "see/knowledge/word_knowledge.hpp"
#include "see/model/model.hpp"

/// Methods see and hybrid: terms from what is known of the words.
namespace see::detail {

inline Model<float> fit_knowledge_model(const FitRequest& request) {
  KnowledgeModelOptions options;
  options.bytes = request.budget;
  options.residual = request.method == "hybrid";
  options.direction = request.options.direction;
  options.plans = knowledge_plans(request.options.knowledge->order);
  options.run = request.options.run;
  options.progress = request.report.part(0, 1);
  return compress_on(request.table, *request.options.knowledge, options).model;
}

inline constexpr Method see_method{
    .name = "see",
    .help = "sememes and morphemes that a lexicon names, alone",
    .knowledge = true,
    .fit = fit_knowledge_model,
};
inline constexpr Method hybrid_method{
    .name = "hybrid",
    .help = "the same, with trellis codes of what they leave",
    .knowledge = true,
    .direction = true,
    .fit = fit_knowledge_model,
};

}  // namespace see::detail
