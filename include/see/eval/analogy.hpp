#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <istream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "see/core/parallel.hpp"
#include "see/core/row_source.hpp"
#include "see/core/types.hpp"
#include "see/error.hpp"
#include "see/eval/cosine.hpp"
#include "see/eval/neighbors.hpp"
#include "see/eval/word_lookup.hpp"

namespace see {

/// words[0] is to words[1] as words[2] is to words[3].
struct AnalogyQuestion {
  std::array<std::string, 4> words;
  std::size_t category = 0;
};

/// Questions and the names of their categories.
struct AnalogySet {
  std::vector<std::string> categories;
  std::vector<AnalogyQuestion> questions;
};

/// Reads Google's format (questions-words.txt; Mikolov et al., arXiv:1301.3781): a line `: name`
/// starts a category, the lines after it hold four words each. Blank lines and lines that start
/// with # are skipped. Throws FileError with the line where one is something else; `name` is the
/// file's in messages.
inline AnalogySet read_analogies(std::istream& in, std::string_view name = "stream") {
  AnalogySet set;
  detail::for_lines(in, name, [&](Index line, const std::vector<std::string_view>& fields) {
    if (fields.front().front() == ':') {
      std::string category(fields.front().substr(1));
      for (std::size_t i = 1; i < fields.size(); ++i)
        category.append(category.empty() ? "" : " ").append(fields[i]);
      set.categories.push_back(std::move(category));
      return;
    }
    detail::require<FileError>(fields.size() == 4, name, ":", line, ": ", fields.size(),
                               " fields, needed four words");
    detail::require<FileError>(!set.categories.empty(), name, ":", line,
                               ": a question, needed a line ': category' before it");
    AnalogyQuestion question;
    std::copy(fields.begin(), fields.end(), question.words.begin());
    question.category = set.categories.size() - 1;
    set.questions.push_back(std::move(question));
  });
  return set;
}

/// The same from a file. Throws FileError also where it cannot be read.
inline AnalogySet read_analogies(const std::string& path) {
  auto in = detail::open_text(path);
  return read_analogies(in, path);
}

/// Questions answered, in one category or in all.
struct AnalogyCount {
  std::string name;
  Index asked = 0;
  Index correct = 0;
  Index skipped = 0;  ///< left out, as a word is unknown

  /// correct / asked; NaN where none was asked.
  double accuracy() const {
    return asked > 0 ? static_cast<double>(correct) / static_cast<double>(asked)
                     : std::numeric_limits<double>::quiet_NaN();
  }
};

struct AnalogyResult {
  AnalogyCount total;
  std::vector<AnalogyCount> categories;  ///< in the order of the set
};

/// 3CosAdd: of all rows but the three of the question, the one of largest cosine with
/// b/|b| - a/|a| + c/|c| should be that of the fourth word. Words are looked up as written, then in
/// lower case; questions with an unknown word are skipped. Cost: nearest() with a query a question,
/// in batches of 2^25 numbers, each of which expands the table once.
/// Throws where `lookup` gives a row that is out of range or a question a category that is none.
template <RowSource Source>
AnalogyResult analogy_accuracy(const Source& source, const AnalogySet& set,
                               const WordLookup& lookup, const Executor& run = serial()) {
  AnalogyResult result;
  result.total.name = "total";
  for (const std::string& name : set.categories) result.categories.push_back({name});

  struct Asked {
    std::array<Index, 3> given;
    Index answer;
    std::size_t category;
  };
  std::vector<Asked> asked;
  for (const AnalogyQuestion& question : set.questions) {
    detail::require(question.category < set.categories.size(), "a question of category ",
                    question.category, ", needed one below ", set.categories.size());
    std::array<Index, 4> rows{};
    bool known = true;
    for (std::size_t i = 0; i < 4 && known; ++i) {
      const auto row = find_word(lookup, question.words[i]);
      known = row.has_value();
      rows[i] = row.value_or(0);
    }
    if (!known) {
      ++result.categories[question.category].skipped;
      continue;
    }
    detail::require_row_ids(rows, source.num_embeddings());
    asked.push_back({{rows[0], rows[1], rows[2]}, rows[3], question.category});
  }

  const Index dim = source.embedding_dim();
  const auto batch =
      static_cast<std::size_t>(std::max<Index>(256, (Index{1} << 25) / std::max<Index>(1, dim)));
  for (std::size_t first = 0; first < asked.size(); first += batch) {
    const auto some = std::span(asked).subspan(first, std::min(batch, asked.size() - first));
    RowMatrix<float> queries(static_cast<Index>(some.size()), dim);
    std::vector<Index> given;
    RowMatrix<float> rows(3, dim);
    for (std::size_t i = 0; i < some.size(); ++i) {
      source.forward(std::span<const Index>(some[i].given), rows);
      normalize_rows(rows);
      queries.row(static_cast<Index>(i)) = rows.row(1) - rows.row(0) + rows.row(2);
      given.insert(given.end(), some[i].given.begin(), some[i].given.end());
    }
    const auto answers = nearest(source, queries, 1, given, run);
    for (std::size_t i = 0; i < some.size(); ++i) {
      AnalogyCount& count = result.categories[some[i].category];
      ++count.asked;
      count.correct += !answers[i].empty() && answers[i].front().row == some[i].answer;
    }
  }
  for (const AnalogyCount& count : result.categories) {
    result.total.asked += count.asked;
    result.total.correct += count.correct;
    result.total.skipped += count.skipped;
  }
  return result;
}

}  // namespace see
