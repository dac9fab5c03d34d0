#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "see/knowledge/knowledge_sources.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

constexpr std::string_view hownet =
    "NO.=000001\nW_E=doctor\nDEF=human|人,medical|医\n\nNO.=000002\nW_E=house\nDEF=place|地方\n\n";

std::vector<std::string> forms_of(const Morphemes& morphemes, Index w) {
  std::vector<std::string> forms;
  for (const auto unit : morphemes.of(w)) forms.emplace_back(morphemes.forms[unit]);
  return forms;
}

}  // namespace

TEST_CASE("what is known of subwords is known of their text", "[knowledge]") {
  const TempDir dir;
  write_file(dir / "hownet.txt", hownet);
  write_file(dir / "cuts.txt", "1 house + s\n");
  const KnowledgeSources sources({.hownet = dir / "hownet.txt", .morphemes = dir / "cuts.txt"});
  const std::vector<std::string> pieces{"<s>",
                                        "\xc4\xa0"
                                        "doctor",
                                        "doctor",
                                        "\xc4\xa0houses",
                                        "houses",
                                        "\xc4\xa0house",
                                        "ing"};
  const auto of_pieces = sources.knowledge_of_words(Vocabulary::from(pieces), 50);
  const SememeAnnotation& senses = of_pieces->annotation;
  CHECK(senses.words() == 7);
  CHECK(senses.senses_of(0) == 0);
  CHECK(senses.senses_of(1) == 1);
  CHECK(senses.senses_of(2) == 1);
  CHECK(senses.senses_of(5) == 1);
  CHECK(senses.sememes_of(0).size() == 2);
  const Morphemes morphemes = of_pieces->morphemes(200);
  CHECK(forms_of(morphemes, 0) == std::vector<std::string>{"<s>"});
  CHECK(forms_of(morphemes, 3) == std::vector<std::string>{"\xc4\xa0", "house", "s"});
  CHECK(forms_of(morphemes, 4) == std::vector<std::string>{"house", "s"});

  const std::vector<std::string> words{"doctor", "houses", "other"};
  const auto of_words = sources.knowledge_of_words(Vocabulary::from(words), 50, 3);
  CHECK(of_words->order == 3);
  CHECK(of_words->annotation.senses_of(0) == 1);
  CHECK(forms_of(of_words->morphemes(200), 1) == std::vector<std::string>{"house", "s"});
}
