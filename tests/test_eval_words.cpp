#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/core/random.hpp"
#include "see/eval/analogy.hpp"
#include "see/eval/word_similarity.hpp"

using namespace see;

namespace {

const std::vector<std::string> names{"king",  "queen", "man",  "woman",  "apple",
                                     "Paris", "paris", "rome", "france", "italy"};

/// Rows made so that b - a + c hits the fourth word of the classic questions.
RowMatrix<float> word_rows() {
  RowMatrix<float> rows(10, 6);
  rows << 3, 0, 1, 0, 0, 0,  // king
      3, 1, 0, 0, 0, 0,      // queen
      0, 0, 1, 0, 0.1F, 0,   // man
      0, 1, 0, 0, 0.1F, 0,   // woman
      1, 1, 1, 1, 1, 1,      // apple
      0, 0, 0, 0, 0, 1,      // Paris
      0, 0, 0, 3, 1, 0,      // paris
      0, 0, 0, 3, 0, 1,      // rome
      0, 0, 0, 0, 1, 0,      // france
      0, 0, 0, 0.1F, 0, 1;   // italy
  return rows;
}

std::vector<WordPair> pairs_of(const std::string& text) {
  std::istringstream in(text);
  return read_word_pairs(in, "pairs");
}

AnalogySet analogies_of(const std::string& text) {
  std::istringstream in(text);
  return read_analogies(in, "questions");
}

template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const FileError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

/// A file in the temporary folder, gone at the end.
struct TemporaryFile {
  TemporaryFile(const std::string& name, const std::string& text)
      : path((std::filesystem::temp_directory_path() / name).string()) {
    std::ofstream(path, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::string path;
};

}  // namespace

TEST_CASE("average_ranks: ties share the mean") {
  REQUIRE(detail::average_ranks(std::vector<double>{}).empty());
  REQUIRE(detail::average_ranks(std::vector<double>{30, 10, 20}) == std::vector<double>{3, 1, 2});
  REQUIRE(detail::average_ranks(std::vector<double>{2, 1, 2, 5, 2}) ==
          std::vector<double>{3, 1, 3, 5, 3});
  REQUIRE_THROWS_AS(detail::average_ranks(std::vector<double>{1, std::nan("")}), Error);
}

TEST_CASE("spearman: monotone maps, reversal, ties, closed form") {
  Random random(31);
  std::vector<double> x(100), up(100), down(100), y(100);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = random.normal();
    up[i] = std::exp(x[i]);
    down[i] = -x[i] * x[i] * x[i];
    y[i] = random.normal();
  }
  REQUIRE(spearman(x, up) == Approx(1));
  REQUIRE(spearman(x, down) == Approx(-1));
  REQUIRE(spearman(x, y) == spearman(y, x));

  // Without ties: 1 - 6 sum d^2 / (n (n^2 - 1)).
  const auto a = detail::average_ranks(x), b = detail::average_ranks(y);
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  REQUIRE(spearman(x, y) == Approx(1 - 6 * squares / (100.0 * 9999)));

  // With ties, by hand: ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4.
  REQUIRE(spearman(std::vector<double>{1, 2, 2, 3}, std::vector<double>{1, 2, 3, 4}) ==
          Approx(4.5 / std::sqrt(4.5 * 5)));
}

TEST_CASE("spearman: undefined is NaN, unequal lengths throw") {
  const std::vector<double> none, one{1}, flat{2, 2, 2}, rising{1, 2, 3};
  REQUIRE(std::isnan(spearman(none, none)));
  REQUIRE(std::isnan(spearman(one, one)));
  REQUIRE(std::isnan(spearman(flat, rising)));
  REQUIRE(std::isnan(spearman(rising, flat)));
  REQUIRE_THROWS_AS(spearman(one, rising), Error);
}

TEST_CASE("read_word_pairs: separators, comments, line ends") {
  const auto pairs =
      pairs_of("# a comment\ncat\tdog\t7.5\r\n\n  sun moon   -1e1\n\xc3\xa9t\xc3\xa9 a 3");
  REQUIRE(pairs.size() == 3);
  REQUIRE(pairs[0].first == "cat");
  REQUIRE(pairs[0].second == "dog");
  REQUIRE(pairs[0].score == 7.5);
  REQUIRE(pairs[1].score == -10);
  REQUIRE(pairs[2].first == "\xc3\xa9t\xc3\xa9");
  REQUIRE(pairs_of("").empty());
}

TEST_CASE("read_word_pairs names the bad line") {
  for (const std::string bad : {"a b", "a b 1 2", "a b c", "a b 1x", "a b nan", "a b inf", "a"}) {
    CAPTURE(bad);
    const auto message = message_of([&] { pairs_of("a b 1\n#\n" + bad + "\n"); });
    REQUIRE(message.rfind("pairs:3: ", 0) == 0);
  }
}

TEST_CASE("files: read by path, missing files and failing streams throw") {
  const TemporaryFile pairs("see_test_eval_pairs.txt", "a b 1\n");
  REQUIRE(read_word_pairs(pairs.path).size() == 1);
  const TemporaryFile questions("see_test_eval_questions.txt", ": x\na b c d\n");
  REQUIRE(read_analogies(questions.path).questions.size() == 1);
  REQUIRE_THROWS_AS(read_word_pairs("/nowhere/at/all.txt"), FileError);
  REQUIRE_THROWS_AS(read_analogies("/nowhere/at/all.txt"), FileError);

  struct Failing : std::streambuf {
    int_type underflow() override { throw std::runtime_error("disk"); }
  } buffer;
  std::istream in(&buffer);
  REQUIRE_THROWS_AS(read_word_pairs(in), FileError);
}

TEST_CASE("find_word: as written first, then in lower case") {
  const auto lookup = lookup_in(Vocabulary::from(names));
  REQUIRE(find_word(lookup, "Paris") == 5);
  REQUIRE(find_word(lookup, "PARIS") == 6);
  REQUIRE(find_word(lookup, "KING") == 0);
  REQUIRE_FALSE(find_word(lookup, "Kong"));
  REQUIRE(detail::lower_case("A\xc3\x89Z-[`") == "a\xc3\x89z-[`");
}

TEST_CASE("word_similarity: cosines against scores, unknown words skipped") {
  const auto rows = word_rows();
  const TableRows source(rows);
  const auto lookup = lookup_in(Vocabulary::from(names));
  std::vector<WordPair> pairs;
  for (Index i = 0; i < 4; ++i)
    for (Index j = i + 1; j < 5; ++j) {
      const double score = rows.row(i).normalized().dot(rows.row(j).normalized());
      pairs.push_back({names[static_cast<std::size_t>(i)], names[static_cast<std::size_t>(j)],
                       std::round(1000 * score)});
    }
  pairs.push_back({"KING", "nobody", 5});
  pairs.push_back({"nobody", "KING", 5});
  pairs[0].first = "King";
  const auto found = word_similarity(source, pairs, lookup);
  REQUIRE(found.pairs == 10);
  REQUIRE(found.skipped == 2);
  REQUIRE(found.spearman > 0.97);
  for (auto& pair : pairs) pair.score = -pair.score;
  REQUIRE(word_similarity(source, pairs, lookup).spearman == Approx(-found.spearman));

  const auto none = word_similarity(source, {}, lookup);
  REQUIRE(none.pairs == 0);
  REQUIRE(std::isnan(none.spearman));
  const WordLookup wrong = [](std::string_view) { return std::optional<Index>(10); };
  REQUIRE_THROWS_AS(word_similarity(source, pairs, wrong), Error);
}

TEST_CASE("read_analogies: categories and questions") {
  const auto set = analogies_of(": family\na b c d\r\n#\n\n: gram1 of  two\nE F G H\n:tight\n");
  REQUIRE(set.categories == std::vector<std::string>{"family", "gram1 of two", "tight"});
  REQUIRE(set.questions.size() == 2);
  REQUIRE(set.questions[0].words == std::array<std::string, 4>{"a", "b", "c", "d"});
  REQUIRE(set.questions[0].category == 0);
  REQUIRE(set.questions[1].category == 1);

  REQUIRE(message_of([] { analogies_of(": x\na b c\n"); }).rfind("questions:2: ", 0) == 0);
  REQUIRE(message_of([] { analogies_of(": x\na b c d e\n"); }).rfind("questions:2: ", 0) == 0);
  REQUIRE(message_of([] { analogies_of("a b c d\n"); }).rfind("questions:1: ", 0) == 0);
}

TEST_CASE("analogy_accuracy agrees with a double loop") {
  const auto rows = word_rows();
  const TableRows source(rows);
  const auto lookup = lookup_in(Vocabulary::from(names));
  AnalogySet set{{"all", "empty"}, {}};
  Index expected = 0;
  RowMatrix<float> unit = rows;
  unit.rowwise().normalize();
  for (Index a = 0; a < 10; ++a)
    for (Index b = 0; b < 10; ++b)
      for (Index c = 0; c < 10; ++c) {
        const Eigen::RowVectorXf query = unit.row(b) - unit.row(a) + unit.row(c);
        std::vector<std::pair<float, Index>> scores;
        for (Index r = 0; r < 10; ++r)
          if (r != a && r != b && r != c) scores.emplace_back(query.dot(unit.row(r)), r);
        std::sort(scores.rbegin(), scores.rend());
        if (scores[0].first - scores[1].first < 1e-4F) continue;  // too near to call
        const Index best = scores[0].second;
        const auto answer = (a + b + c) % 3 == 0 ? best : Index{4};
        expected += answer == best;
        set.questions.push_back({{names[std::size_t(a)], names[std::size_t(b)],
                                  names[std::size_t(c)], names[std::size_t(answer)]},
                                 0});
      }
  REQUIRE(set.questions.size() > 300);
  const auto found = analogy_accuracy(source, set, lookup);
  REQUIRE(found.total.asked == static_cast<Index>(set.questions.size()));
  REQUIRE(found.total.correct == expected);
  REQUIRE(found.total.skipped == 0);
  REQUIRE(analogy_accuracy(source, set, lookup, threads(3)).total.correct == expected);
  REQUIRE(found.categories[0].correct == expected);
  REQUIRE(found.categories[1].asked == 0);
  REQUIRE(std::isnan(found.categories[1].accuracy()));
}

TEST_CASE("analogy_accuracy: counts by category, case, unknown words") {
  const auto rows = word_rows();
  const TableRows source(rows);
  const auto lookup = lookup_in(Vocabulary::from(names));
  const auto set = analogies_of(
      ": family\nMan King Woman Queen\nman king woman apple\nman king woman nobody\n"
      ": cities\nFrance PARIS Italy Rome\nx y z w\n");
  const auto found = analogy_accuracy(source, set, lookup);
  REQUIRE(found.categories[0].name == "family");
  REQUIRE(found.categories[0].asked == 2);
  REQUIRE(found.categories[0].correct == 1);
  REQUIRE(found.categories[0].skipped == 1);
  REQUIRE(found.categories[0].accuracy() == 0.5);
  REQUIRE(found.categories[1].asked == 1);
  REQUIRE(found.categories[1].correct == 1);
  REQUIRE(found.categories[1].skipped == 1);
  REQUIRE(found.total.accuracy() == Approx(2.0 / 3));
  REQUIRE(found.total.skipped == 2);

  const WordLookup wrong = [](std::string_view) { return std::optional<Index>(-1); };
  REQUIRE_THROWS_AS(analogy_accuracy(source, set, wrong), Error);
  AnalogySet stray = set;
  stray.questions[0].category = 2;
  REQUIRE_THROWS_AS(analogy_accuracy(source, stray, lookup), Error);
}
