#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "see/knowledge/babel_sememe.hpp"
#include "see/knowledge/hownet.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

using Names = std::vector<std::string>;

// Written for these tests in the form of a HowNet; not from one.
constexpr std::string_view classic =
    "NO.=000001\nW_C=医生\nG_C=N\nE_C=\nW_E=doctor\nG_E=N\nE_E=\n"
    "DEF=human|人,#occupation|职位,*cure|医治,medical|医\n\n"
    "NO.=000002\r\nW_C=大夫\r\nW_E=Doctor\r\nDEF=human|人,#occupation|职位,*cure|医治,medical|"
    "医\r\n"
    "NO.=000003\nW_C=掺假\nW_E=doctor\nDEF=mix|混合,fake|伪\n"
    "NO.=000004\nW_C=法国\nW_E=France\nDEF=place|地方,country|国家,ProperName|专,(Europe|欧洲)\n"
    "NO.=000005\nW_C=空\nW_E=void of it\nDEF=\n"
    "NO.=000006\nW_E=ice cream\nDEF=~edible|食物, $ice|冰 ,edible|食物\n"
    "NO.=000007\nDEF=thing|万物\n";

constexpr std::string_view nested =
    "\xef\xbb\xbfNO.=000000000001\nW_C=医生\nG_C=noun\nS_C=\nE_C=\nW_E=doctor\nS_E=\n"
    "DEF={human|人:HostOf={Occupation|职位},domain={medical|医},{doctor|医治:agent={~}}}\nRMK=\n\n"
    "NO.=000000000002\nW_C=跑\nW_E=run\nDEF={run|跑};{SelfMove|自移:manner={fast|快},{?}}\n"
    "NO.=000000000003\nW_C=巴黎\nW_E=Paris\nDEF={place|地方:belong=\"France|法国\",{city|市:{$}}}";

SememeDictionary hownet_of(std::string_view text, SememeNaming naming = SememeNaming::both) {
  const TempDir dir;
  write_file(dir / "hownet.txt", text);
  return read_hownet(dir / "hownet.txt", naming);
}

Names sememes_of(const SememeDictionary& dictionary, Index concept_id) {
  Names names;
  for (const auto id : dictionary.sememes_of(concept_id)) names.emplace_back(dictionary.sememe(id));
  return names;
}

/// The sememes of each sense of a word.
std::vector<Names> look_up(const SememeDictionary& dictionary, std::string_view word) {
  std::vector<Names> senses;
  for (const auto& sense : dictionary.look_up(word, {}))
    senses.push_back(sememes_of(dictionary, sense.concept_id));
  return senses;
}

}  // namespace

TEST_CASE("HowNet: the classic form") {
  const SememeDictionary hownet = hownet_of(classic);
  const Names doctor{"human|人", "occupation|职位", "cure|医治", "medical|医"};
  REQUIRE(look_up(hownet, "doctor") == std::vector<Names>{doctor, {"mix|混合", "fake|伪"}});
  REQUIRE(hownet.look_up("doctor", {})[0].weight == 2);
  REQUIRE(look_up(hownet, "医生") == std::vector<Names>{doctor});
  REQUIRE(look_up(hownet, "大夫") == std::vector<Names>{doctor});
  REQUIRE(look_up(hownet, "france") ==
          std::vector<Names>{{"place|地方", "country|国家", "ProperName|专", "Europe|欧洲"}});
  REQUIRE(look_up(hownet, "ice_cream") == std::vector<Names>{{"edible|食物", "ice|冰"}});
  REQUIRE(look_up(hownet, "void of it").empty());
  REQUIRE(hownet.concept_count() == 4);
  REQUIRE(hownet.sememe_count() == 12);
}

TEST_CASE("HowNet: the form nested in braces") {
  const SememeDictionary hownet = hownet_of(nested);
  REQUIRE(look_up(hownet, "doctor") ==
          std::vector<Names>{{"human|人", "Occupation|职位", "medical|医", "doctor|医治"}});
  REQUIRE(look_up(hownet, "run") == std::vector<Names>{{"run|跑", "SelfMove|自移", "fast|快"}});
  REQUIRE(look_up(hownet, "巴黎") == std::vector<Names>{{"place|地方", "France|法国", "city|市"}});
}

TEST_CASE("HowNet: sememes go by either half of their names") {
  REQUIRE(look_up(hownet_of(nested, SememeNaming::english), "run") ==
          std::vector<Names>{{"run", "SelfMove", "fast"}});
  REQUIRE(look_up(hownet_of(nested, SememeNaming::chinese), "run") ==
          std::vector<Names>{{"跑", "自移", "快"}});
  // Equal halves are one sememe; a name of one half is taken whole.
  const auto english = hownet_of("NO.=1\nW_E=a\nDEF=x|甲,x|乙,y,|丙\n", SememeNaming::english);
  REQUIRE(look_up(english, "a") == std::vector<Names>{{"x", "y", "|丙"}});
}

TEST_CASE("HowNet: inflected words go by their dictionary forms, and are annotated") {
  const SememeDictionary hownet = hownet_of(classic);
  REQUIRE(look_up(hownet, "Doctors") == look_up(hownet, "doctor"));
  REQUIRE(look_up(hownet, "doctored") == look_up(hownet, "doctor"));
  const auto annotation =
      annotate(Vocabulary::from(Names{"glorp", "doctors", "ice cream"}), hownet);
  REQUIRE(annotation.words() == 3);
  REQUIRE(annotation.sememes.size() == hownet.sememe_count());
  REQUIRE(annotation.senses_of(0) == 0);
  REQUIRE(annotation.senses_of(1) == 2);
  REQUIRE(annotation.shares[0] == Approx(2.0 / 3));
  REQUIRE(annotation.shares[2] == 1);
  REQUIRE(annotation.sememes_of(0).size() == 4);
  REQUIRE(annotation.sememes[annotation.sememes_of(2)[1]] == "ice|冰");
}

TEST_CASE("HowNet: what breaks the format is refused, with file and line") {
  const auto message = [](std::string_view text) { return message_of([&] { hownet_of(text); }); };
  REQUIRE(message("NO.=1\nfoo\n").find("line 2: found \"foo\", needed KEY=VALUE") !=
          std::string::npos);
  REQUIRE(message("W_C=x\n").find("line 1: found \"W_C\" before the first NO.=") !=
          std::string::npos);
  REQUIRE(message("NO.=1\nDEF={a|b:c={d|e}\n").find("line 2: found 1 '{' without") !=
          std::string::npos);
  REQUIRE(message("NO.=1\nDEF={a|b}}\n").find("line 2: found a '}' without") != std::string::npos);
  REQUIRE(message("NO.=1\nDEF=human|\xc8\xcb\n").find("line 2: found bytes that are not UTF-8") !=
          std::string::npos);
  REQUIRE(message("").find("nothing thrown") == 0);
}

TEST_CASE("BabelSememe: the real list") {
  const char* const list = std::getenv("SEE_BABEL_SEMEMES");
  if (!list || !*list) {
    WARN("skipped: SEE_BABEL_SEMEMES names no list");
    return;
  }
  const TempDir dir;
  write_file(dir / "words", "round\tbn:00098003a\nmethodical\tbn:00106672a\n");
  const auto babel = read_babel_sememes(list, dir / "words");
  REQUIRE(babel.sememe_count() > 1900);
  REQUIRE(look_up(babel, "round") == std::vector<Names>{{"round|圆", "shape|物形"}});
  REQUIRE(look_up(babel, "methodical") == std::vector<Names>{{"method|方法"}});
}

TEST_CASE("BabelSememe: synsets of words and sememes of synsets") {
  const TempDir dir;
  write_file(dir / "list",
             "bn:1n\tshore|岸 place|地方\nbn:2n\tinstitution|机构 money|货币 money|货币\n"
             "bn:3v\tput|放置 money|货币\nbn:4n\tshore|岸 place|地方\n");
  write_file(dir / "words", "bank\tbn:2n bn:9n bn:1n\nShore\tbn:4n\nbank\tbn:3v\nunseen\tbn:9n\n");
  const auto babel = read_babel_sememes(dir / "list", dir / "words");
  REQUIRE(look_up(babel, "Banks") == std::vector<Names>{{"institution|机构", "money|货币"},
                                                        {"shore|岸", "place|地方"},
                                                        {"put|放置", "money|货币"}});
  REQUIRE(babel.look_up("bank", {})[1].weight == Approx(0.5));
  REQUIRE(look_up(babel, "shore") == std::vector<Names>{{"shore|岸", "place|地方"}});
  REQUIRE(babel.look_up("shore", {})[0].concept_id == babel.look_up("bank", {})[1].concept_id);
  REQUIRE(look_up(babel, "unseen").empty());
  REQUIRE(babel.word_count() == 2);
  const auto chinese = read_babel_sememes(dir / "list", dir / "words", SememeNaming::chinese);
  REQUIRE(look_up(chinese, "shore") == std::vector<Names>{{"岸", "地方"}});

  const auto refused = [&](std::string_view list, std::string_view words) {
    write_file(dir / "list", list);
    write_file(dir / "words", words);
    return message_of([&] { read_babel_sememes(dir / "list", dir / "words"); });
  };
  REQUIRE(refused("bn:1n a|b\n", "").find("list: line 1: found \"bn:1n a|b\", needed a synset") !=
          std::string::npos);
  REQUIRE(refused("bn:1n\t \n", "").find("line 1: found") != std::string::npos);
  REQUIRE(refused("\ta|b\n", "").find("line 1: found") != std::string::npos);
  REQUIRE(refused("bn:1n\ta|b\nbn:1n\ta|b\n", "").find("line 2: found synset \"bn:1n\" a second") !=
          std::string::npos);
  REQUIRE(refused("bn:1n\ta|b\n", "bank\n").find("words: line 1: found \"bank\", needed a word") !=
          std::string::npos);
}
