#include "report.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>
#include <utility>

namespace see::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string note(const Metadata& fit, std::string_view name) {
  const auto found = fit.find(name);
  return found == fit.end() ? std::string() : found->second;
}

std::string note(const Model<float>& model, std::string_view name) { return note(model.fit, name); }

template <class Number>
std::optional<Number> parse(const std::string& digits) {
  Number value{};
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (digits.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

double ratio(const Report& report) {
  return 4.0 * static_cast<double>(report.words) * static_cast<double>(report.dim) /
         static_cast<double>(report.bytes.total);
}

/// The parts of bytes.total, in the order in which both forms print them.
std::vector<std::pair<const char*, std::uint64_t>> shares(const ModelBytes& bytes) {
  return {{"factors", bytes.factors}, {"index", bytes.index}, {"gains", bytes.gains},
          {"basis", bytes.basis},     {"codes", bytes.codes}, {"knowledge", bytes.knowledge},
          {"header", bytes.header}};
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json json_of(const WordPairsReport& report) {
  return {{"file", report.file},
          {"pairs", report.original.pairs},
          {"skipped", report.original.skipped},
          {"original", report.original.spearman},
          {"compressed", report.compressed.spearman}};
}

Json json_of(const AnalogiesReport& report) {
  return {{"file", report.file},
          {"questions", report.original.asked},
          {"skipped", report.original.skipped},
          {"original", report.original.accuracy()},
          {"compressed", report.compressed.accuracy()}};
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// 1234567 as "1,234,567".
template <class Integer>
std::string grouped(Integer value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string percent(double share, int decimals) { return format("%.*f%%", decimals, 100 * share); }

/// The lines of the text form: a label in a column of its own.
class Lines {
 public:
  void add(const std::string& label, const std::string& value) {
    text_ += format("%-20s", label.c_str()) + value + '\n';
  }
  void share(const char* label, std::uint64_t bytes, std::uint64_t total) {
    text_ += format("  %-12s%16s bytes%8s\n", label, grouped(bytes).c_str(),
                    percent(static_cast<double>(bytes) / static_cast<double>(total), 1).c_str());
  }
  void heading(const char* label, const char* count) {
    text_ += format("\n%-24s%10s%10s%12s\n", label, count, "original", "compressed");
  }
  void row(const std::string& file, Index count, const std::string& original,
           const std::string& compressed) {
    const std::string name = std::filesystem::path(file).filename().string();
    text_ += format("  %-22s%10s%10s%12s\n", name.substr(0, 64).c_str(), grouped(count).c_str(),
                    original.c_str(), compressed.c_str());
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string joined(const std::vector<Index>& numbers, const char* separator) {
  std::string text;
  for (const Index number : numbers) text += (text.empty() ? "" : separator) + grouped(number);
  return text;
}

std::string units_text(const std::vector<Index>& units) {
  const bool alike = units.size() > 8 && std::ranges::count(units, units[0]) == std::ssize(units);
  return alike ? grouped(units.size()) + " inventories of " + grouped(units[0])
               : joined(units, " + ");
}

std::string senses_text(const Report& report) {
  if (report.rank_min == report.rank_max) return grouped(report.rank_max);
  return format("%s to %s, %.2f on average", grouped(report.rank_min).c_str(),
                grouped(report.rank_max).c_str(), report.rank_mean);
}

std::string fit_text(const Report& report) {
  std::string text = report.method.empty() ? "unknown" : report.method;
  if (!report.seed.empty()) text += ", seed " + report.seed;
  if (report.seconds) text += format(", %.1f s", *report.seconds);
  return text;
}

std::string error_text(double share) { return format("%#.4g%%", 100 * share); }

std::string correlation_text(double value) {
  return value == value ? format("%.4f", value) : "none";
}

std::string accuracy_text(const AnalogyCount& count) {
  return count.asked > 0 ? percent(count.accuracy(), 2) : "none";
}

void add_form(Lines& lines, const Report& report) {
  lines.add("row", report.how);
  lines.add("words", grouped(report.words));
  lines.add("dimension", grouped(report.dim));
  if (!report.factor_dims.empty()) {
    lines.add("factors", joined(report.factor_dims, " x ") +
                             format(" (order %zu)", report.factor_dims.size()));
    lines.add("units", units_text(report.units));
    lines.add("senses a word", senses_text(report));
  }
  lines.add("fit", fit_text(report));
}

void add_size(Lines& lines, const Report& report) {
  lines.add("size", grouped(report.bytes.total) + " bytes, ratio " + format("%.2f", ratio(report)));
  for (const auto& [name, bytes] : shares(report.bytes))
    if (bytes > 0) lines.share(name, bytes, report.bytes.total);
  lines.add("vocabulary", grouped(report.bytes.vocabulary) + " bytes, in no ratio");
}

std::string share_text(const std::optional<Index>& count, Index all) {
  return count && all > 0 ? percent(static_cast<double>(*count) / static_cast<double>(all), 1)
                          : "unknown";
}

void add_knowledge(Lines& lines, const KnowledgeSummary& knowledge, Index words) {
  lines.add("knowledge", grouped(knowledge.sememes) + " sememes, " + grouped(knowledge.morphs) +
                             " morphemes of " + grouped(knowledge.units) + " units");
  std::string coverage = share_text(knowledge.with_senses, words) + " with senses";
  if (knowledge.senses_a_word) coverage += format(" (%.2f a word)", *knowledge.senses_a_word);
  lines.add("coverage", coverage + ", " + share_text(knowledge.with_morphs_only, words) +
                            " morphemes alone, " + share_text(knowledge.with_neither, words) +
                            " neither");
  if (knowledge.collisions_before && knowledge.collisions)
    lines.add("equal words", grouped(*knowledge.collisions_before) +
                                 " before they were told apart, " + grouped(*knowledge.collisions) +
                                 " after");
  if (knowledge.equal_terms)
    lines.add("equal terms", grouped(*knowledge.equal_terms) +
                                 " words have the terms of another and differ by their codes");
  if (!knowledge.mean_explains || !knowledge.terms_explain) return;
  std::string parts = "mean " + percent(*knowledge.mean_explains, 1) + ", terms " +
                      percent(*knowledge.terms_explain, 1);
  if (knowledge.terms_bytes) parts += " (in " + grouped(*knowledge.terms_bytes) + " bytes)";
  if (knowledge.residual_explains) parts += ", codes " + percent(*knowledge.residual_explains, 1);
  lines.add("explained", parts);
}

Json json_of(const KnowledgeSummary& knowledge) {
  return {{"sememes", knowledge.sememes},
          {"morphs", knowledge.morphs},
          {"units", knowledge.units},
          {"with_senses", or_null(knowledge.with_senses)},
          {"with_morphs_only", or_null(knowledge.with_morphs_only)},
          {"with_neither", or_null(knowledge.with_neither)},
          {"senses_a_word", or_null(knowledge.senses_a_word)},
          {"collisions_before", or_null(knowledge.collisions_before)},
          {"collisions", or_null(knowledge.collisions)},
          {"equal_terms", or_null(knowledge.equal_terms)},
          {"mean_explains", or_null(knowledge.mean_explains)},
          {"terms_explain", or_null(knowledge.terms_explain)},
          {"residual_explains", or_null(knowledge.residual_explains)},
          {"terms_bytes", or_null(knowledge.terms_bytes)}};
}

void add_error(Lines& lines, const Report& report) {
  if (report.relative_error) lines.add("relative error", error_text(*report.relative_error));
  if (report.evaluation && report.evaluation->rate_distortion_bound)
    lines.add("Gaussian reference", error_text(*report.evaluation->rate_distortion_bound) +
                                        ", the least for Gaussian rows in as many bytes");
  if (report.mean_cosine) lines.add("mean cosine", correlation_text(*report.mean_cosine));
}

void add_evaluation(Lines& lines, const Evaluation& evaluation) {
  if (evaluation.neighbor_overlap)
    lines.add("neighbours kept",
              percent(*evaluation.neighbor_overlap, 1) +
                  format(" of the 10 nearest, of %s words",
                         grouped(std::min<Index>(1000, evaluation.matched)).c_str()));
  if (!evaluation.word_pairs.empty()) lines.heading("word pairs (Spearman)", "pairs");
  for (const auto& [file, original, compressed] : evaluation.word_pairs)
    lines.row(file, original.pairs, correlation_text(original.spearman),
              correlation_text(compressed.spearman));
  if (!evaluation.analogies) return;
  const auto& [file, original, compressed] = *evaluation.analogies;
  lines.heading("analogies (3CosAdd)", "questions");
  lines.row(file, original.asked, accuracy_text(original), accuracy_text(compressed));
}

void add_notes(Report& report, const Metadata& fit, const ModelBytes& bytes) {
  report.bytes = bytes;
  report.method = note(fit, "method");
  report.seed = note(fit, "seed");
  report.relative_error = parse<double>(note(fit, "relative_error"));
  report.mean_cosine = parse<double>(note(fit, "mean_cosine"));
}

/// A sentence on how a row is rebuilt, naming only what the model has.
std::string how_rows_are_made(const Model<float>& model) {
  const EmbeddingParts<float>& parts = model.embedding.parts();
  const std::string codes = parts.codes ? std::string(parts.codes->kind()) + " codes" : "";
  std::string text = codes;
  if (parts.has_terms()) {
    text = parts.shape.order() == 1 ? "the sum of the units of its senses"
                                    : "the sum over its senses of Kronecker products of " +
                                          std::to_string(parts.shape.order()) + " units";
    if (parts.inventories[0].rank() > 1)
      text += " (" + std::to_string(parts.inventories[0].rank()) + " vectors each)";
    if (!codes.empty()) text += ", plus " + codes + " of what that leaves";
  }
  if (parts.basis.has_axes()) text += ", in " + grouped(parts.shape.width()) + " principal axes";
  if (parts.basis.has_mean()) text += ", about a mean";
  return text + (parts.layer_norm ? ", then a LayerNorm" : "");
}

/// "24: human, male, royal, ..."
std::string first_names(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  std::string text = grouped(names.size());
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i == 0 ? ": " : ", ") + names[i];
  return text + (names.size() > most ? ", ..." : "");
}

KnowledgeSummary summary_of(const Model<float>& model) {
  KnowledgeSummary knowledge;
  knowledge.sememes = parse<Index>(model.knowledge.settings.at("sememes")).value_or(0);
  knowledge.morphs = model.knowledge.names.size() - knowledge.sememes;
  knowledge.units = model.embedding.lexicon().table().sizes[0];
  knowledge.with_senses = parse<Index>(note(model, "with_senses"));
  knowledge.with_morphs_only = parse<Index>(note(model, "with_morphs_only"));
  knowledge.with_neither = parse<Index>(note(model, "with_neither"));
  knowledge.senses_a_word = parse<double>(note(model, "senses_a_word"));
  if (model.embedding.parts().codes) {
    knowledge.equal_terms = parse<Index>(note(model, "collisions"));
  } else {
    knowledge.collisions_before = parse<Index>(note(model, "collisions_before"));
    knowledge.collisions = parse<Index>(note(model, "collisions"));
  }
  knowledge.mean_explains = parse<double>(note(model, "mean_explains"));
  knowledge.terms_explain = parse<double>(note(model, "terms_explain"));
  knowledge.residual_explains = parse<double>(note(model, "residual_explains"));
  knowledge.terms_bytes = parse<std::uint64_t>(note(model, "terms_bytes"));
  return knowledge;
}

}  // namespace

Report describe(const Model<float>& model, const ModelBytes& bytes) {
  const Lexicon& lexicon = model.embedding.lexicon();
  Report report;
  report.words = model.embedding.num_embeddings();
  report.dim = model.embedding.embedding_dim();
  report.how = how_rows_are_made(model);
  const EmbeddingParts<float>& parts = model.embedding.parts();
  if (parts.codes) report.codes = parts.codes->kind();
  if (parts.has_terms()) {
    report.factor_dims = parts.shape.factor_dims();
    report.units = lexicon.table().sizes;
  }
  if (parts.has_terms() && report.words > 0) {
    report.rank_min = report.rank_max = lexicon.rank(0);
    for (Index w = 0; w < report.words; ++w) {
      report.rank_min = std::min(report.rank_min, lexicon.rank(w));
      report.rank_max = std::max(report.rank_max, lexicon.rank(w));
    }
    report.rank_mean = static_cast<double>(lexicon.senses()) / static_cast<double>(report.words);
  }
  add_notes(report, model.fit, bytes);
  const KnowledgeNotes& notes = model.knowledge;
  if (notes.settings.contains("sememes"))
    report.knowledge = summary_of(model);
  else
    for (Index u = 0; u < notes.names.size(); ++u) report.unit_names.emplace_back(notes.names[u]);
  return report;
}

std::string to_json(const Report& report) {
  const auto& evaluation = report.evaluation;
  Json json;
  json["words"] = report.words;
  json["dim"] = report.dim;
  const auto of_products = [&](Json value) {
    return report.factor_dims.empty() ? Json() : std::move(value);
  };
  json["order"] = of_products(report.factor_dims.size());
  json["factor_dims"] = of_products(report.factor_dims);
  json["units"] = of_products(std::accumulate(report.units.begin(), report.units.end(), Index{0}));
  json["rank_min"] = of_products(report.rank_min);
  json["rank_mean"] = of_products(report.rank_mean);
  json["rank_max"] = of_products(report.rank_max);
  for (const auto& [name, bytes] : shares(report.bytes)) json["bytes"][name] = bytes;
  json["bytes"]["total"] = report.bytes.total;
  json["vocabulary_bytes"] = report.bytes.vocabulary;
  json["ratio"] = ratio(report);
  json["relative_error"] = or_null(report.relative_error);
  json["mean_cosine"] = or_null(report.mean_cosine);
  json["seconds"] = report.seconds ? Json(std::round(1000 * *report.seconds) / 1000) : Json();
  json["method"] = or_null(report.method);
  json["seed"] = or_null(parse<std::uint64_t>(report.seed));
  json["coder"] = or_null(report.codes);
  json["knowledge"] = report.knowledge ? json_of(*report.knowledge) : Json();
  json["unit_names"] = report.unit_names.empty() ? Json() : Json(report.unit_names);
  json["matched"] = evaluation ? Json(evaluation->matched) : Json();
  json["neighbor_overlap_10"] = evaluation ? or_null(evaluation->neighbor_overlap) : Json();
  json["rate_distortion_bound"] = evaluation ? or_null(evaluation->rate_distortion_bound) : Json();
  json["wordsim"] = Json();
  if (evaluation)
    for (const WordPairsReport& list : evaluation->word_pairs)
      json["wordsim"].push_back(json_of(list));
  json["analogy"] = Json();
  if (evaluation && evaluation->analogies) json["analogy"] = json_of(*evaluation->analogies);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string to_text(const Report& report) {
  Lines lines;
  add_form(lines, report);
  add_size(lines, report);
  if (report.evaluation)
    lines.add("rows compared", grouped(report.evaluation->matched) + " (the table has " +
                                   grouped(report.evaluation->table_rows) + ", the model " +
                                   grouped(report.words) + ")");
  if (report.knowledge) add_knowledge(lines, *report.knowledge, report.words);
  if (!report.unit_names.empty()) lines.add("named units", first_names(report.unit_names));
  add_error(lines, report);
  if (report.evaluation) add_evaluation(lines, *report.evaluation);
  return lines.take();
}

}  // namespace see::cli
