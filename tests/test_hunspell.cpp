#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "see/knowledge/hunspell_segmenter.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

using Strings = std::vector<std::string>;

const std::string affixes =
    "SET UTF-8\n"
    "PFX U Y 1\nPFX U 0 un .\nPFX R Y 1\nPFX R 0 re .\nSFX Z Y 1\nSFX Z 0 er .\nSFX N Y 1\nSFX N e "
    "ion e\n"
    "SFX P Y 3\nSFX P y iness [^aeiou]y\nSFX P 0 ness [aeiou]y\nSFX P 0 ness [^y]\n"
    "SFX S Y 2\nSFX S y ies [^aeiou]y\nSFX S 0 s [^y]\n"
    "SFX G Y 2\nSFX G e ing e\nSFX G 0 ing/S [^e]\n";
const std::string entries =
    "14\nporter/R\nreport/Z\nrecord/S\ncord/RG\ndonate/N\ndonation/SR\nox/S\noxs\nhappy/"
    "UP\ngeese\nrun/S\nGerman/S\ntie/"
    "UGS\ncaf\xc3\xa9/S\n";

struct Dictionary {
  TempDir dir;

  HunspellSegmenter operator()(const std::string& aff = affixes, const std::string& dic = entries) {
    write_file(dir / "d.aff", aff);
    write_file(dir / "d.dic", dic);
    return HunspellSegmenter(dir / "d.aff", dir / "d.dic");
  }
  std::string error(const std::string& aff, const std::string& dic = entries) {
    return message_of([&] { (*this)(aff, dic); });
  }
};

/// "surface=form" of each morph.
Strings cut(const HunspellSegmenter& segmenter, std::string_view word) {
  Strings parts;
  for (const Morph& morph : segment(segmenter, word))
    parts.push_back(std::string(morph.surface) + "=" + morph.form);
  return parts;
}

}  // namespace

static_assert(PartialSegmenter<HunspellSegmenter>);

TEST_CASE("A dictionary's derivations give prefix, stem and suffix", "[knowledge]") {
  Dictionary dictionary;
  const HunspellSegmenter segmenter = dictionary();
  CHECK(cut(segmenter, "unhappiness") == Strings{"un=un-", "happ=happy", "iness=-ness"});
  CHECK(cut(segmenter, "geese") == Strings{"geese=geese"});
  CHECK(cut(segmenter, "runs") == Strings{"run=run", "s=-s"});
  CHECK(cut(segmenter, "untieing") == Strings{"untieing=untieing"});
  CHECK(cut(segmenter, "untiing") == Strings{"un=un-", "ti=tie", "ing=-ing"});
  CHECK(cut(segmenter, "germans") == Strings{"german=german", "s=-s"});
  CHECK(cut(segmenter, "Unhappy") == Strings{"Un=un-", "happy=happy"});
  CHECK(cut(segmenter, "caf\xc3\xa9s") == Strings{"caf\xc3\xa9=caf\xc3\xa9", "s=-s"});
  CHECK(cut(segmenter, "geese-runs1") == Strings{"geese=geese", "-=-", "run=run", "s=-s", "1=1"});
  CHECK(cut(segmenter, "records") == Strings{"record=record", "s=-s"});
  CHECK(cut(segmenter, "reporter") == Strings{"report=report", "er=-er"});
  CHECK(cut(segmenter, "recording") == Strings{"record=record", "ing=-ing"});
  CHECK(cut(segmenter, "record") == Strings{"record=record"});
  CHECK(cut(segmenter, "oxs") == Strings{"oxs=oxs"});
  CHECK(cut(segmenter, "donation") == Strings{"donat=donate", "ion=-ion"});
  CHECK(cut(segmenter, "redonations") == Strings{"re=re-", "donat=donate", "ion=-ion", "s=-s"});
  CHECK(cut(segmenter, "qzx") == Strings{"qzx=qzx"});
  CHECK(segmenter.knows("geese-runs1"));
  CHECK_FALSE(segmenter.knows("geese-qzx"));
  CHECK_FALSE(segmenter.knows("1984"));
  CHECK_FALSE(segmenter.knows(""));
}

TEST_CASE("Surfaces make the word whatever its bytes", "[knowledge]") {
  Dictionary dictionary;
  const HunspellSegmenter segmenter = dictionary();
  for (const std::string& word :
       Strings{"", std::string(1, '\0'), std::string("un\0happy", 8), "caf\xc3", "\xff\xfe",
               std::string(5000, 'a'), std::string(500, '\xc3'), "unhappiness", "n't", "--"}) {
    std::string made;
    for (const Morph& morph : segment(segmenter, word)) {
      CHECK_FALSE(morph.surface.empty());
      CHECK_FALSE(morph.form.empty());
      made += morph.surface;
    }
    CHECK(made == word);
  }
}

TEST_CASE("Flags are bytes", "[knowledge]") {
  Dictionary dictionary;
  const HunspellSegmenter segmenter =
      dictionary("SET UTF-8\nSFX \xff Y 1\nSFX \xff 0 s\xc3\xa1g .\n", "1\nszabad/\xff\n");
  CHECK(cut(segmenter, "szabads\xc3\xa1g") == Strings{"szabad=szabad", "s\xc3\xa1g=-s\xc3\xa1g"});
}

TEST_CASE("A table may lack rules that its head promises", "[knowledge]") {
  Dictionary dictionary;
  const HunspellSegmenter segmenter = dictionary(
      "SET UTF-8\nSFX G Y 1\nSFX G 0 ing .\nSFX A Y 2\nSFX A 0 ed .\nPFX B Y 1\nPFX B 0 re .\n",
      "1\nport/AGB\n");
  CHECK(cut(segmenter, "porting") == Strings{"port=port", "ing=-ing"});
}

TEST_CASE("A malformed dictionary is refused with file and line", "[knowledge]") {
  Dictionary dictionary;
  const auto says = [&](const std::string& aff, const std::string& dic, const std::string& part) {
    const std::string message = dictionary.error(aff, dic);
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
  };
  says("SET UTF-8\nSFX P Y\n", entries, "d.aff: line 2: an affix line of fewer than four fields");
  says("SET UTF-8\nSFX P Y many\n", entries, "line 2: an affix table of \"many\" rules");
  says("SET UTF-8\nSFX P Y 2\nSFX P 0 s .\n", entries, "\"P\" ends 1 rules early");
  says("SET UTF-8\nSFX P Y 1\nSFX Q 0 s .\n", entries, "line 3: a rule of the affix table \"Q\"");
  says("SET UTF-8\nSFX P Y 1\nSFX P 0 \xe9 .\n", entries, "line 3: an affix that is not UTF-8");
  says("SET ISO8859-1\n", entries, "found the encoding ISO8859-1, needed UTF-8");
  says("SET ISO8859-2\nSFX P Y 1\nSFX P 0 \xf6\xe6 .\n", entries,
       "found the encoding ISO8859-2, needed UTF-8: convert the .aff and the .dic by iconv -f "
       "ISO8859-2 -t UTF-8, then write SET UTF-8, and FLAG UTF-8");
  says("SFX P Y 1\nSFX P 0 s .\n", entries, "found the encoding ISO8859-1");
  says(affixes, "happy\n", "d.dic: line 1: found \"happy\", needed the number of entries");
  says(affixes, "", "needed the number of entries");
  CHECK(refuses([&] { HunspellSegmenter(dictionary.dir / "no.aff", dictionary.dir / "d.dic"); }));
  CHECK(refuses([&] { HunspellSegmenter(dictionary.dir / "d.aff", dictionary.dir / "no.dic"); }));
}
