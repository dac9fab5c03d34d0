// Quantizers of FAISS beside see::compress at equal bytes, every byte counted: the errors of both
// on one table, as Markdown. bench/compare_quantizers.sh builds and runs it.
//
//   compare_quantizers TABLE [--first N] [--ratios R,...] [--methods NAME,...] [--bits N,...]
//                      [--shares S,...] [--beams N,...] [--train-beam N] [--train N]
//                      [--threads T] [--json FILE] [--ours-only FILE]...
//
// For each ratio, method, number of bits a code and, of opq, share of a row that the rotation
// leaves, the number of codes a row is the one whose bytes come nearest to the ratio, within 15%
// (codes packed, codebooks and rotation two bytes a number, a mean none). Each is trained on at
// most --train rows (65,536, drawn with a fixed seed), and the error is that of all rows, with
// codebooks as floats. Since bytes differ a little, the best of a method's settings is the one
// whose error is least beside the Gaussian reference at its own bytes; it gets a model of
// see::compress of exactly as many bytes beside it. --json keeps what was measured, after every
// setting;
// --ours-only takes FAISS's side from such files and measures only ours.

#include <omp.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <sstream>
#include <tuple>

#include "quantizers.hpp"
#include "see/compress/compress.hpp"
#include "see/core/random.hpp"
#include "see/eval/error.hpp"
#include "see/eval/rate_distortion.hpp"
#include "see/file/model_file.hpp"
#include "see/io/json.hpp"
#include "see/io/read_table.hpp"

namespace {

using see::Index;

struct Options {
  std::string table;
  Index first = see::all_rows;
  std::vector<double> ratios = {10, 20, 40, 80};
  std::vector<std::string> methods = {"pq", "opq", "rq"};
  std::vector<int> bits = {4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::vector<double> shares = {1, 0.5};  ///< of a row that the rotation of opq leaves
  std::vector<int> beams = {5, 32};       ///< of rq in encoding
  int train_beam = 5;
  Index train = 65536;
  unsigned threads = 1;
  std::string json;
  std::vector<std::string> ours_only;
};

/// One setting as measured; FAISS's for a ratio, or a model of as many bytes as the key says.
struct Measured {
  double ratio = 0;
  bench::QuantizerSetting setting;
  int beam = 0;  ///< none but for rq
  std::uint64_t bytes = 0;
  double error = 0;
  double cosine = 0;
  double seconds = 0;
};

struct Model {
  std::string method;  ///< or why there is none
  bool made = false;
  std::uint64_t bytes = 0;
  double error = 0;
  double cosine = 0;
  double seconds = 0;
};

class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

double wanted_bytes(const see::Table& table, double ratio) {
  return 4.0 * static_cast<double>(table.rows()) * static_cast<double>(table.dim()) / ratio;
}

see::RowMatrix<float> training_rows(const see::Table& table, Index most) {
  if (table.rows() <= most) return table.matrix();
  see::Random random(1);
  see::RowMatrix<float> rows(most, table.dim());
  Index at = 0;
  for (const std::size_t row : see::detail::sample_without_replacement(
           static_cast<std::size_t>(table.rows()), static_cast<std::size_t>(most), random))
    rows.row(at++) = table.matrix().row(static_cast<Index>(row));
  return rows;
}

/// The whole comparison: what was measured, and how it is kept and shown.
class Comparison {
 public:
  Comparison(const Options& options, const see::Table& table)
      : options_(options),
        table_(table),
        run_(see::threads(options.threads)),
        spread_(see::spectrum(see::TableRows(table), run_)) {}

  void measure_faiss() {
    const see::RowMatrix<float> rows = training_rows(table_, options_.train);
    for (const double ratio : options_.ratios)
      for (const std::string& method : options_.methods)
        for (const int bits : options_.bits)
          for (const double share : method == "opq" ? options_.shares : std::vector<double>{1})
            measure(ratio, method, bits, share, rows);
  }

  void load(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    see::detail::require(in.good(), path, ": cannot be read");
    const see::detail::JsonValue file = see::detail::parse_json(text.str());
    const auto member = [](const see::detail::JsonValue& object,
                           const char* key) -> const see::detail::JsonValue& {
      const see::detail::JsonValue* const value = object.find(key);
      see::detail::require(value, "a file of measurements lacks the key ", key);
      return *value;
    };
    const auto real = [&](const see::detail::JsonValue& object, const char* key) {
      return std::stod(member(object, key).number());
    };
    see::detail::require(member(file, "rows").integer() == table_.rows() &&
                             member(file, "dim").integer() == table_.dim(),
                         path, ": measured on a table of another size");
    for (const see::detail::JsonValue& one : member(file, "faiss").items())
      faiss_.push_back(
          {real(one, "ratio"),
           {member(one, "method").string(), member(one, "parts").integer(),
            static_cast<int>(member(one, "bits").integer()), member(one, "width").integer()},
           static_cast<int>(member(one, "beam").integer()),
           static_cast<std::uint64_t>(member(one, "bytes").integer()),
           real(one, "relative_error"),
           real(one, "mean_cosine"),
           real(one, "seconds")});
  }

  /// Puts what several files gave in the order of ratios and methods.
  void sort() {
    std::stable_sort(faiss_.begin(), faiss_.end(), [](const Measured& a, const Measured& b) {
      return std::tie(a.ratio, a.setting.method) < std::tie(b.ratio, b.setting.method);
    });
  }

  void measure_ours() {
    for (const Measured* best : best_settings()) {
      if (ours_.contains(best->bytes)) continue;
      Model& model = ours_[best->bytes];
      const Clock clock;
      try {
        const see::Model<float> made = see::compress(table_, {.bytes = best->bytes, .run = run_});
        model.seconds = clock.seconds();
        model.method = made.fit.find("method")->second;
        model.bytes = see::model_bytes(made).total;
        const see::Fidelity fidelity = see::fidelity(see::TableRows(table_), made.embedding, run_);
        model.error = fidelity.relative_error;
        model.cosine = fidelity.mean_cosine;
        model.made = true;
      } catch (const see::Error& error) {
        model.method = error.what();
      }
      std::fprintf(stderr, "see %llu bytes: %s, error %.4f, %.0f s\n",
                   static_cast<unsigned long long>(best->bytes), model.method.c_str(), model.error,
                   model.seconds);
      save();
    }
  }

  /// The table of best settings, then all that was searched.
  std::string markdown() const {
    std::string text = format(
        "%td x %td numbers.\n\n| ratio | FAISS | codes a row | bytes | its error, cosine | `see` "
        "in "
        "as many bytes | its error, cosine | quotient of errors |\n| ",
        table_.rows(), table_.dim());
    for (int column = 0; column < 8; ++column) text += "--- | ";
    text.back() = '\n';
    for (const Measured* best : best_settings()) {
      text += format("| %g | %s | %s | %llu | %.4f, %.4f | ", best->ratio,
                     best->setting.method.c_str(), codes(*best).c_str(),
                     static_cast<unsigned long long>(best->bytes), best->error, best->cosine);
      const auto found = ours_.find(best->bytes);
      if (found == ours_.end() || !found->second.made) {
        text += "none | | |\n";
        continue;
      }
      const Model& model = found->second;
      text += format("%s, %llu | %.4f, %.4f | %.3f |\n", model.method.c_str(),
                     static_cast<unsigned long long>(model.bytes), model.error, model.cosine,
                     model.error / best->error);
    }
    return text + grid();
  }

  void save() const {
    if (options_.json.empty()) return;
    std::ofstream out(options_.json);
    out << "{\n \"rows\": " << table_.rows() << ",\n \"dim\": " << table_.dim()
        << ",\n \"train\": " << options_.train << ",\n \"train_beam\": " << options_.train_beam
        << ",\n \"faiss\": [";
    const char* separator = "\n";
    for (const Measured& one : faiss_) {
      out << separator
          << format(
                 "  {\"ratio\": %g, \"method\": \"%s\", \"parts\": %td, \"bits\": %d, \"width\": "
                 "%td, "
                 "\"beam\": %d, \"bytes\": %llu, \"relative_error\": %.6f, "
                 "\"mean_cosine\": %.6f, \"seconds\": %.1f}",
                 one.ratio, one.setting.method.c_str(), one.setting.parts, one.setting.bits,
                 one.setting.width, one.beam, static_cast<unsigned long long>(one.bytes), one.error,
                 one.cosine, one.seconds);
      separator = ",\n";
    }
    out << "\n ],\n \"see\": [";
    separator = "\n";
    for (const auto& [bytes, model] : ours_) {
      if (!model.made) continue;
      out << separator
          << format(
                 "  {\"allowed\": %llu, \"bytes\": %llu, \"method\": \"%s\", "
                 "\"relative_error\": %.6f, \"mean_cosine\": %.6f, \"seconds\": %.1f}",
                 static_cast<unsigned long long>(bytes),
                 static_cast<unsigned long long>(model.bytes), model.method.c_str(), model.error,
                 model.cosine, model.seconds);
      separator = ",\n";
    }
    out << "\n ]\n}\n";
    out.close();
    see::detail::require(out.good(), options_.json, ": cannot be written");
  }

 private:
  void measure(double ratio, const std::string& method, int bits, double share,
               const see::RowMatrix<float>& rows) {
    const auto setting = bench::nearest_setting(method, bits, share, table_.rows(), table_.dim(),
                                                wanted_bytes(table_, ratio));
    if (!setting || setting->centroids() > rows.rows()) return;
    Measured result{ratio, *setting};
    result.bytes = setting->bytes(table_.rows(), table_.dim());
    const double miss = static_cast<double>(result.bytes) / wanted_bytes(table_, ratio) - 1;
    if (std::abs(miss) > 0.15) return;  // says nothing about the ratio
    const Clock clock;
    const bench::TrainedQuantizer quantizer(*setting, rows, options_.train_beam);
    for (const int beam : method == "rq" ? options_.beams : std::vector<int>{0}) {
      result.beam = beam;
      const see::RowMatrix<float> rebuilt = quantizer.rebuild(table_.matrix(), beam);
      const see::Fidelity fidelity =
          see::fidelity(see::TableRows(table_), see::TableRows(rebuilt), run_);
      result.error = fidelity.relative_error;
      result.cosine = fidelity.mean_cosine;
      result.seconds = clock.seconds();
      faiss_.push_back(result);
      std::fprintf(stderr, "%g %s %s: %llu bytes, error %.4f, %.0f s\n", ratio, method.c_str(),
                   codes(result).c_str(), static_cast<unsigned long long>(result.bytes),
                   result.error, result.seconds);
      save();
    }
  }

  /// Error over the Gaussian reference at the same bytes.
  double over_bound(const Measured& one) const {
    return one.error / see::rate_distortion_bound(spread_, static_cast<double>(one.bytes));
  }

  /// Of each ratio and method, in the order in which they were measured.
  std::vector<const Measured*> best_settings() const {
    std::vector<const Measured*> best;
    for (const Measured& one : faiss_) {
      const auto found = std::find_if(best.begin(), best.end(), [&](const Measured* other) {
        return other->ratio == one.ratio && other->setting.method == one.setting.method;
      });
      if (found == best.end())
        best.push_back(&one);
      else if (over_bound(one) < over_bound(**found))
        *found = &one;
    }
    return best;
  }

  std::string codes(const Measured& one) const {
    std::string text = format("%td x %d bits", one.setting.parts, one.setting.bits);
    if (one.setting.width != table_.dim()) text += format(" of %td numbers", one.setting.width);
    return one.beam > 0 ? text + format(", beam %d", one.beam) : text;
  }

  std::string grid() const {
    std::string text =
        "\nAll that was searched (codes a row: error at bytes):\n\n| ratio | FAISS | settings |\n"
        "| --- | --- | --- |\n";
    const Measured* last = nullptr;
    for (const Measured& one : faiss_) {
      const bool follows =
          last && last->ratio == one.ratio && last->setting.method == one.setting.method;
      if (follows)
        text += "; ";
      else
        text += format("%s| %g | %s | ", last ? " |\n" : "", one.ratio, one.setting.method.c_str());
      text += codes(one) +
              format(": %.4f at %llu", one.error, static_cast<unsigned long long>(one.bytes));
      last = &one;
    }
    return text + (last ? " |\n" : "");
  }

  const Options& options_;
  const see::Table& table_;
  see::Executor run_;
  see::Spectrum spread_;
  std::vector<Measured> faiss_;
  std::map<std::uint64_t, Model> ours_;  ///< by the bytes allowed
};

/// `text` as a number; throws unless all of it is one.
template <class Number>
Number number(const std::string& text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  see::detail::require(error == std::errc() && stop == end && value > 0, "\"", text,
                       "\", needed a positive number");
  return value;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

template <class Number>
std::vector<Number> numbers(const std::string& text) {
  std::vector<Number> values;
  for (const std::string& part : split(text)) values.push_back(number<Number>(part));
  return values;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (!name.starts_with("--")) {
      options.table = name;
      continue;
    }
    see::detail::require(i + 1 < argc, name, " needs a value");
    const std::string value = argv[++i];
    if (name == "--first")
      options.first = number<Index>(value);
    else if (name == "--ratios")
      options.ratios = numbers<double>(value);
    else if (name == "--methods")
      options.methods = split(value);
    else if (name == "--bits")
      options.bits = numbers<int>(value);
    else if (name == "--beams")
      options.beams = numbers<int>(value);
    else if (name == "--shares")
      options.shares = numbers<double>(value);
    else if (name == "--train-beam")
      options.train_beam = number<int>(value);
    else if (name == "--train")
      options.train = number<Index>(value);
    else if (name == "--threads")
      options.threads = number<unsigned>(value);
    else if (name == "--json")
      options.json = value;
    else if (name == "--ours-only")
      options.ours_only.push_back(value);
    else
      see::detail::fail("unknown option ", name);
  }
  see::detail::require(!options.table.empty(), "needed a table");
  for (const std::string& method : options.methods)
    see::detail::require(method == "pq" || method == "opq" || method == "rq" || method == "lsq",
                         "method ", method, ", needed pq, opq, rq or lsq");
  return options;
}

void compare(const Options& options) {
  const see::Table table = see::read_table(options.table, {.first = options.first});
  Comparison comparison(options, table);
  if (options.ours_only.empty()) comparison.measure_faiss();
  for (const std::string& file : options.ours_only) comparison.load(file);
  comparison.sort();
  comparison.measure_ours();
  std::fputs(comparison.markdown().c_str(), stdout);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    omp_set_num_threads(static_cast<int>(options.threads));
    compare(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "compare_quantizers: %s\n", error.what());
    return 1;
  }
}
