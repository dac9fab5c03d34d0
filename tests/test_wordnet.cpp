#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "see/knowledge/wordnet_sememes.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

using Names = std::vector<std::string>;

/// A WordNet of 16 synsets, one file a key; what a test changes it changes here.
std::map<std::string, std::string> small_files() {
  return {
      {"data.noun",
       "  1 a licence  \n"
       "00000100 03 n 01 entity 0 000 | what there is  \n"
       "00000200 05 n 02 animal 0 Wild_Beast 0 001 @ 00000100 n 0000 | a living thing; \"my dog\"\n"
       "00000300 05 n 01 goose 0 001 @ 00000200 n 0000 | a big animal\n"
       "00000400 18 n 01 goose 1 002 @ 00000500 n 0000 ;c 00000600 n 0000 | silly\n"
       "00000500 18 n 01 person 0 001 @ 00000100 n 0000 | a human\n"
       "00000600 14 n 01 bank 0 002 @ 00000100 n 0000 #m 00000100 n 0000 | it keeps your money\n"
       "00000700 18 n 01 Zeno 0 002 @i 00000500 n 0000 @i 00000200 n 0000 | a person who would "
       "run\n"},
      {"data.verb",
       "00000100 38 v 01 move 0 000 01 + 02 00 | change place\n"
       "00000200 38 v 01 run 0 001 @ 00000100 v 0000 00 | move fast\n"
       "00000300 41 v 01 inhibit 0 001 @ 00000400 v 0000 00 | hold back\n"
       "00000400 41 v 01 restrain 0 001 @ 00000300 v 0000 00 | keep back\n"
       "00000500 40 v 01 bank 0 001 + 00000600 n 0101 00 | put money in a bank\n"},
      {"data.adj",
       "00000100 00 a 01 good(p) 0 001 & 00000200 a 0000 | as it should be\n"
       "00000200 00 s 03 well-off(p) 0 fine 0 good(a) 1 001 & 00000100 a 0000 | in luck\n"
       "00000300 00 a 01 beastly 0 001 + 00000200 n 0101 | like an animal\n"},
      {"data.adv", "00000100 02 r 01 well 0 001 \\ 00000100 a 0101 | in a good way\n"},
      {"index.noun",
       "  1 a licence  \n"
       "animal n 1 1 @ 1 0 00000200  \n"
       "bank n 1 2 @ #m 1 0 00000600  \n"
       "entity n 1 0 1 0 00000100  \n"
       "goose n 2 2 @ ;c 2 1 00000300 00000400  \n"
       "person n 1 1 @ 1 0 00000500  \n"
       "wild_beast n 1 1 @ 1 0 00000200  \n"
       "zeno n 1 1 @i 1 0 00000700  \n"},
      {"index.verb",
       "bank v 1 1 + 1 0 00000500  \n"
       "inhibit v 1 1 @ 1 0 00000300  \n"
       "move v 1 0 1 0 00000100  \n"
       "restrain v 1 1 @ 1 0 00000400  \n"
       "run v 1 1 @ 1 0 00000200  \n"},
      {"index.adj",
       "beastly a 1 1 + 1 0 00000300  \n"
       "fine a 1 1 & 1 0 00000200  \n"
       "good a 2 1 & 2 0 00000100 00000200  \n"
       "well-off a 1 1 & 1 0 00000200  \n"},
      {"index.adv", "well r 1 1 \\ 1 0 00000100  \n"},
      {"index.sense",
       "bank%1:14:00:: 00000600 1 2\n"
       "bank%2:40:00:: 00000500 1 5\n"
       "good%3:00:00:: 00000100 1 1\n"
       "good%5:00:01:good:00 00000200 2 7\n"
       "unheard_of%1:14:00:: 00000600 1 2\n"},
      {"noun.exc", "geese goose\nlost lost\n"},
      {"verb.exc", "ran run\n"},
      {"adj.exc", "better good\n"},
      {"adv.exc", "better well\n"},
  };
}

void write_files(const TempDir& dir, const std::map<std::string, std::string>& files) {
  for (const auto& [name, text] : files) write_file(dir / name, text);
}

WordNet small_wordnet(const std::map<std::string, std::string>& files = small_files()) {
  const TempDir dir;
  write_files(dir, files);
  return WordNet(dir.path());
}

Names names_of(const WordNet& wordnet, const std::vector<WordNetSense>& senses) {
  Names names;
  for (const auto& sense : senses) names.push_back(wordnet.name(sense.synset));
  return names;
}

Names look_up(const WordNet& wordnet, std::string_view word) {
  return names_of(wordnet, wordnet.look_up(word));
}

Names sememes_of(const WordNetSememes& sememes, Index synset) {
  Names names;
  for (const auto id : sememes.of(synset)) names.emplace_back(sememes.names()[id]);
  return names;
}

/// The folder of a real WordNet, empty where there is none.
std::filesystem::path real_folder() {
  const char* const folder = std::getenv("SEE_WORDNET_DIR");
  const std::filesystem::path path = folder ? folder : "/usr/share/wordnet";
  return std::filesystem::exists(path / "data.noun") ? path : std::filesystem::path();
}

bool has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

TEST_CASE("WordNet: synsets, names, links and glosses") {
  const WordNet wordnet = small_wordnet();
  REQUIRE(wordnet.synset_count() == 16);
  REQUIRE(wordnet.sense_count() == 19);
  REQUIRE(wordnet.lemmas().size() == 16);
  REQUIRE(wordnet.has_counts());
  for (Index s = 0; s < wordnet.synset_count(); ++s) REQUIRE(wordnet.find(wordnet.name(s)) == s);
  for (const auto* name : {"goose.n.03", "goose.v.01", "goose", "", ".n.01", "n.01", "goose.n."})
    REQUIRE_FALSE(wordnet.find(name));

  const Index silly = *wordnet.find("goose.n.02");
  REQUIRE(wordnet.part_of_speech(silly) == PartOfSpeech::noun);
  REQUIRE(wordnet.lexicographer_file(silly) == 18);
  REQUIRE(wordnet.gloss(silly) == "silly");
  REQUIRE(wordnet.links(silly).size() == 2);
  REQUIRE(wordnet.links(silly)[0].synset == *wordnet.find("person.n.01"));
  REQUIRE(wordnet.links(silly)[1].relation == WordNetRelation::topic);
  REQUIRE(wordnet.links(silly)[1].synset == *wordnet.find("bank.n.01"));
  // Of the similar adjectives only the satellite is linked, to its head.
  REQUIRE(wordnet.links(*wordnet.find("good.a.01")).empty());
  const Index fine = *wordnet.find("well-off.a.01");
  REQUIRE(wordnet.links(fine)[0].synset == *wordnet.find("good.a.01"));
  const Index well = *wordnet.find("well.r.01");
  REQUIRE(wordnet.part_of_speech(well) == PartOfSpeech::adverb);
  REQUIRE(wordnet.links(well)[0].relation == WordNetRelation::pertainym);
  REQUIRE(wordnet.gloss(*wordnet.find("animal.n.01")) == "a living thing; \"my dog\"");
}

TEST_CASE("WordNet: lines may end with CRLF, and the last with nothing") {
  auto files = small_files();
  for (auto& [name, text] : files) {
    text.pop_back();
    for (std::size_t at = 0; (at = text.find('\n', at)) != text.npos; at += 2)
      text.insert(at, "\r");
  }
  const WordNet wordnet = small_wordnet(files);
  REQUIRE(look_up(wordnet, "better") == Names{"well-off.a.01", "good.a.01", "well.r.01"});
  REQUIRE(wordnet.gloss(0) == "what there is");
}

TEST_CASE("WordNet: senses come by count, then number, then part of speech") {
  auto files = small_files();
  const Names counted{"well-off.a.01", "good.a.01"}, banks{"bank.v.01", "bank.n.01"};
  REQUIRE(look_up(small_wordnet(files), "good") == counted);
  REQUIRE(look_up(small_wordnet(files), "bank") == banks);

  // This file is preferred. Its keys count, its numbers do not; unknown keys are passed over.
  files["cntlist.rev"] =
      "bank%1:14:00:: 9 6\nbank%1:14:01:: 1 99\nbank%1:15:00:: 1 99\nbank%2:40:00:: 1 5\n"
      "good%3:00:00:: 2 1\ngood%3:00:02:: 1 99\ngood%5:00:01:good(p):00 1 7\n"
      "good%5:00:00:good:00 1 0\ngood%5:00:01:good:01 1 0\ngood%5:00:01:bad:00 1 0\n";
  REQUIRE(look_up(small_wordnet(files), "good") == counted);
  REQUIRE(look_up(small_wordnet(files), "bank") == Names{"bank.n.01", "bank.v.01"});

  files.erase("cntlist.rev");
  files.erase("index.sense");
  const WordNet uncounted = small_wordnet(files);
  REQUIRE_FALSE(uncounted.has_counts());
  REQUIRE(look_up(uncounted, "good") == Names{"good.a.01", "well-off.a.01"});
  REQUIRE(look_up(uncounted, "bank") == Names{"bank.n.01", "bank.v.01"});
}

TEST_CASE("WordNet: words are found as they stand in a text") {
  const WordNet wordnet = small_wordnet();
  const Names geese{"goose.n.01", "goose.n.02"};
  REQUIRE(look_up(wordnet, "goose") == geese);
  REQUIRE(look_up(wordnet, "Geese") == geese);
  REQUIRE(look_up(wordnet, "ran") == Names{"run.v.01"});
  REQUIRE(look_up(wordnet, "running") == Names{"run.v.01"});
  REQUIRE(look_up(wordnet, "moved") == Names{"move.v.01"});
  REQUIRE(look_up(wordnet, "better") == Names{"well-off.a.01", "good.a.01", "well.r.01"});
  REQUIRE(look_up(wordnet, "banks") == Names{"bank.v.01", "bank.n.01"});
  for (const auto* beast : {"wild beast", "Wild_Beasts", "wild-beast", "wild-beasts"})
    REQUIRE(look_up(wordnet, beast) == Names{"animal.n.01"});
  REQUIRE(look_up(wordnet, "z.e.n.o.") == Names{"zeno.n.01"});
  REQUIRE(look_up(wordnet, "well_off") == Names{"well-off.a.01"});
  REQUIRE(look_up(wordnet, "zen-o") == Names{"zeno.n.01"});
  for (const auto* unknown : {"", "-", "_", "s", "ing", "glorp", "lost", "\xff"})
    REQUIRE(look_up(wordnet, unknown).empty());
}

TEST_CASE("Morphy: exceptions, else detachment, else doubled letters") {
  const std::set<std::string> known{
      "boxful", "boss",  "plan", "be",       "goose", "attorney_general",
      "church", "woman", "big",  "attorney", "us",    "hope",
      "hop",    "gas",   "fly",  "run"};
  const auto bases = [&](const std::string& form, PartOfSpeech part, const Morphy& morphy = {}) {
    return morphy.bases(form, part, [&](const auto& base) { return known.contains(base); });
  };
  using P = PartOfSpeech;
  REQUIRE(bases("boxesful", P::noun) == Names{"boxful"});
  REQUIRE(bases("churches", P::noun) == Names{"church"});
  REQUIRE(bases("gases", P::noun) == Names{"gas"});
  REQUIRE(bases("flies", P::noun) == Names{"fly"});
  REQUIRE(bases("charwomen", P::noun).empty());
  REQUIRE(bases("bosss", P::noun).empty());
  REQUIRE(bases("attorneys_general", P::noun) == Names{"attorney_general"});
  REQUIRE(bases("hoped", P::verb) == Names{"hope", "hop"});
  REQUIRE(bases("hopped", P::verb) == Names{"hop"});
  REQUIRE(bases("planning", P::verb) == Names{"plan"});
  REQUIRE(bases("biggest", P::adjective) == Names{"big"});
  REQUIRE(bases("planning", P::noun).empty());
  REQUIRE(bases("bigger", P::adverb).empty());

  // The built-in irregular forms stand in for lists that are not there.
  const TempDir dir;
  REQUIRE(bases("were", P::verb, Morphy(dir.path())) == Names{"be"});
  REQUIRE_FALSE(Morphy(dir.path()).has_exceptions());
  write_file(dir / "verb.exc", "flew fly\n\nwent run hop\n");
  const Morphy morphy(dir.path());
  REQUIRE(morphy.has_exceptions());
  REQUIRE(bases("were", P::verb, morphy).empty());
  REQUIRE(bases("went", P::verb, morphy) == Names{"run", "hop"});
  REQUIRE(bases("geese", P::noun, morphy) == Names{"goose"});
  write_file(dir / "adv.exc", "better well\nbest\n");
  REQUIRE(says("line 2: found \"best\" alone", [&] { Morphy(dir.path()); }));
}

TEST_CASE("WordNet: what breaks the format is refused, with file and line") {
  struct Break {
    std::string file, from, to, message;
  };
  const std::vector<Break> breaks{
      {"data.noun", "00000200 05", "2x 05", "data.noun: line 3: found \"2x\", needed the synset's"},
      {"data.noun", "00000300 05", "00000150 05", "found synset 150 after 200, needed rising"},
      {"data.noun", "05 n 01 goose", "45 n 01 goose", "line 4: found lexicographer file 45"},
      {"data.noun", "05 n 01 goose", "05 v 01 goose", "found a synset of type \"v\""},
      {"data.noun", "n 01 entity 0 000", "n 00 000", "found no word"},
      {"data.noun", "01 entity 0 000 | what there is", "ffffffff entity 0", "found 1 words"},
      {"data.noun", "n 01 entity", "n 0g entity", "needed a number of words"},
      {"data.verb", "run 0 001", "run 0 1.5", "line 2: found \"1.5\", needed a number of pointers"},
      {"data.verb", "run 0 001", "run 0 999999999", "needed the offset that a pointer leads to"},
      {"data.verb", "@ 00000100 v 0000", "@ 00000100 x 0000", "synset of type \"x\""},
      {"data.verb", "@ 00000100 v 0000", "@ 00000111 v 0000", "points to 111 of data.verb"},
      {"index.adj", "fine a 1", "fine r 1", "index.adj: line 2: found part of speech \"r\""},
      {"index.adj", "fine a 1 1", "fine a one 1", "needed a number of synsets"},
      {"index.adj", "fine a 1 1 &", "fine a 1 77 &", "found 4 pointers, needed 77"},
      {"index.adj", "fine a 1 1 & 1", "fine a 1 1 & -1", "needed a number of senses"},
      {"index.adj", "fine a 1", "fine a 2", "needed the offset of a synset"},
      {"index.adj", "fine a 1 1 & 1 0 00000200", "fine a 1 1 & 1 0 7", "synset 7, which data.adj"},
      {"index.adj", "well-off a", "well-on a", "of which the index does not know it"},
      {"index.sense", "good%3:00", "good%6:00", "line 3: found \"good%6:00:00::\", needed a sense"},
      {"index.sense", "00000100 1 1", "00000100 1", "needed a count"},
  };
  for (const Break& b : breaks) {
    auto files = small_files();
    const auto at = files[b.file].find(b.from);
    REQUIRE(at != std::string::npos);
    files[b.file].replace(at, b.from.size(), b.to);
    INFO(b.file << ": " << b.to);
    const std::string message = message_of([&] { small_wordnet(files); });
    INFO(message);
    REQUIRE(message.find(b.message) != message.npos);
  }
  auto files = small_files();
  files.erase("index.verb");
  REQUIRE(says("index.verb", [&] { small_wordnet(files); }));
}

TEST_CASE("WordNetTaxonomy: all nodes are below a lexicographer file") {
  const WordNet wordnet = small_wordnet();
  const detail::WordNetTaxonomy taxonomy(wordnet);
  const auto parent = [&](const char* name) {
    return taxonomy.name(taxonomy.parents()[static_cast<std::size_t>(*taxonomy.find(name))]);
  };
  REQUIRE(taxonomy.node_count() == 16 + 45);
  for (Index i = 0; i < taxonomy.node_count(); ++i) {
    REQUIRE(taxonomy.find(taxonomy.name(i)) == i);
    auto at = static_cast<std::uint32_t>(i);
    for (int step = 0; step < 20; ++step) at = taxonomy.parents()[at];
    REQUIRE(at >= 16);
  }
  REQUIRE(parent("entity.n.01") == "noun.Tops");
  REQUIRE(parent("zeno.n.01") == "person.n.01");
  REQUIRE(parent("well-off.a.01") == "good.a.01");
  REQUIRE(parent("beastly.a.01") == "animal.n.01");
  REQUIRE(parent("good.a.01") == "adj.all");
  REQUIRE(parent("well.r.01") == "good.a.01");
  REQUIRE(parent("bank.v.01") == "verb.possession");  // derivation leads verbs nowhere
  REQUIRE(parent("restrain.v.01") == "inhibit.v.01");
  REQUIRE(parent("inhibit.v.01") == "verb.social");  // where the cycle is cut
  REQUIRE(taxonomy.name(taxonomy.file_of(*wordnet.find("run.v.01"))) == "verb.motion");
  REQUIRE_FALSE(taxonomy.find("verb.sleep"));
}

TEST_CASE("WordNetSememes: the nearest, then the file, then those of the gloss") {
  const WordNet wordnet = small_wordnet();
  const detail::WordNetTaxonomy taxonomy(wordnet);
  Names names;
  for (Index i = 16; i < taxonomy.node_count(); ++i) names.push_back(taxonomy.name(i));
  for (const auto* name : {"entity.n.01", "bank.n.01", "animal.n.01", "move.v.01", "good.a.01"})
    names.emplace_back(name);
  const auto vocabulary = Vocabulary::from(names);
  const auto of = [&](const WordNetSememes& sememes, const char* name) {
    return sememes_of(sememes, *wordnet.find(name));
  };
  const WordNetSememes sememes(wordnet, vocabulary);
  REQUIRE(of(sememes, "goose.n.01") == Names{"animal.n.01", "entity.n.01", "noun.animal"});
  // Topic (3) before hypernym and hypernym (4).
  REQUIRE(of(sememes, "goose.n.02") == Names{"bank.n.01", "entity.n.01", "noun.person"});
  REQUIRE(of(sememes, "zeno.n.01") ==
          Names{"animal.n.01", "entity.n.01", "noun.person", "move.v.01"});
  REQUIRE(of(sememes, "bank.v.01") == Names{"bank.n.01", "entity.n.01", "verb.possession"});
  REQUIRE(of(sememes, "restrain.v.01") == Names{"verb.social"});
  REQUIRE(of(sememes, "well.r.01") == Names{"good.a.01", "adv.all"});

  const WordNetSememes one(wordnet, vocabulary, {1, false, 0});
  REQUIRE(of(one, "goose.n.01") == Names{"animal.n.01"});
  REQUIRE(of(one, "inhibit.v.01") == Names{"verb.social"});
  REQUIRE(one.names()[one.cluster_of(*wordnet.find("goose.n.02"))] == "entity.n.01");

  const auto refused = [&](const Names& wrong, WordNetSememeOptions options = {}) {
    return message_of<Error>([&] { WordNetSememes(wordnet, Vocabulary::from(wrong), options); });
  };
  REQUIRE(refused({"entity.n.01"}).find("no sememe is above \"move.v.01\"") == 0);
  REQUIRE(refused({"entity.n.09"}) == "sememe 0 is \"entity.n.09\", which this WordNet lacks");
  REQUIRE(refused({"noun.act", "noun.act"}) == "sememes 0 and 1 are both \"noun.act\"");
  REQUIRE(refused(names, {0, true, 2}).find("0 nearest sememes and 2") == 0);
  REQUIRE(refused(names, {1, true, -1}).find("1 nearest sememes and -1") == 0);
}

TEST_CASE("WordNetSememes: nearest means by path length") {
  const WordNet wordnet = small_wordnet();
  const detail::WordNetTaxonomy taxonomy(wordnet);
  const auto synsets = static_cast<std::size_t>(wordnet.synset_count());
  Names names;
  for (Index i = taxonomy.node_count(); i-- > 0;) names.push_back(taxonomy.name(i));
  const WordNetSememes sememes(wordnet, Vocabulary::from(names), {4, false, 0});
  for (std::size_t s = 0; s < synsets; ++s) {
    // Bellman and Ford's algorithm over all links and parents.
    std::vector<std::size_t> length(static_cast<std::size_t>(taxonomy.node_count()), 1000);
    length[s] = 0;
    for (std::size_t round = 0; round < synsets; ++round)
      for (std::size_t i = 0; i < synsets; ++i) {
        const auto shorten = [&](std::size_t to, std::size_t step) {
          length[to] = std::min(length[to], length[i] + step);
        };
        shorten(taxonomy.parents()[i], 2);
        for (const auto& link : wordnet.links(static_cast<Index>(i))) {
          using R = WordNetRelation;
          const bool near = link.relation == R::hypernym || link.relation == R::similar ||
                            link.relation == R::pertainym;
          shorten(link.synset, near ? 2 : link.relation == R::holonym ? 4 : 3);
        }
      }
    std::vector<std::pair<std::size_t, std::size_t>> reached;
    for (std::size_t i = 0; i < synsets; ++i)
      if (length[i] <= 16) reached.emplace_back(length[i], i);  // later names have lower numbers
    std::sort(reached.begin(), reached.end());
    Names nearest;
    for (std::size_t i = 0; i < std::min<std::size_t>(reached.size(), 4); ++i)
      nearest.push_back(taxonomy.name(static_cast<Index>(reached[i].second)));
    REQUIRE(sememes_of(sememes, static_cast<Index>(s)) == nearest);
  }
}

TEST_CASE("WordNetSememes are chosen for the senses of words, and annotate them") {
  const WordNet wordnet = small_wordnet();
  const auto words =
      look_up_all(wordnet, Vocabulary::from(Names{"geese", "glorp", "bank", "Zeno"}));
  const auto sememes = WordNetSememes::choose(wordnet, words, 47);
  REQUIRE(sememes.names().size() == 47);
  REQUIRE(message_of<Error>([&] {
            WordNetSememes::choose(wordnet, words, 44);
          }).find("44 nodes to choose, needed at least the 45") == 0);
  // Only what has weight is worth a sememe.
  REQUIRE(WordNetSememes::choose(wordnet, words, 1000).names().size() <
          static_cast<Index>(45 + 16));

  const SememeAnnotation annotation = annotate(words, sememes);
  REQUIRE(annotation.words() == 4);
  REQUIRE(annotation.sense_count() == 5);
  REQUIRE(annotation.senses_of(0) == 2);
  REQUIRE(annotation.senses_of(1) == 0);
  REQUIRE(annotation.senses[2] == *wordnet.find("bank.v.01"));
  REQUIRE(annotation.shares[2] == Approx(6.0 / (6 + 2.5)));
  REQUIRE(annotation.shares[0] == Approx(1 / 1.5));
  REQUIRE(annotation.shares[4] == 1);
  for (Index s = 0; s < annotation.sense_count(); ++s) {
    const auto ids = annotation.sememes_of(s);
    const auto expected = sememes.of(annotation.senses[static_cast<std::size_t>(s)]);
    REQUIRE(std::vector(ids.begin(), ids.end()) == std::vector(expected.begin(), expected.end()));
  }
}

TEST_CASE("WordNet: the real one") {
  const auto folder = real_folder();
  if (folder.empty()) {
    WARN("skipped: no WordNet in SEE_WORDNET_DIR or /usr/share/wordnet");
    return;
  }
  const WordNet wordnet(folder);
  REQUIRE(wordnet.synset_count() > 100000);
  for (Index s = 0; s < wordnet.synset_count(); s += 7) REQUIRE(wordnet.find(wordnet.name(s)) == s);
  REQUIRE(look_up(wordnet, "geese").front() == "goose.n.01");
  REQUIRE(has(look_up(wordnet, "running"), "run.v.01"));
  const auto better = look_up(wordnet, "better");
  for (const auto* name : {"good.a.01", "well.r.01", "better.a.01"}) REQUIRE(has(better, name));
  REQUIRE(has(look_up(wordnet, "Attorneys general"), "attorney_general.n.01"));
  REQUIRE(has(look_up(wordnet, "bank"), "bank.n.01"));
  REQUIRE(look_up(wordnet, "qwertzuiop").empty());

  // Equal weights for all senses: none of 2,000 sememes is far from the mean.
  std::vector<std::vector<WordNetSense>> senses;
  for (Index l = 0; l < wordnet.lemmas().size(); ++l)
    senses.emplace_back(wordnet.senses(l).begin(), wordnet.senses(l).end());
  const auto sememes = WordNetSememes::choose(wordnet, senses, 2000);
  REQUIRE(sememes.names().size() == 2000);
  std::vector<double> sizes(2000, 0);
  bool valid = true;
  for (Index s = 0; s < wordnet.synset_count(); ++s) {
    const auto ids = sememes.of(s);
    valid = valid && !ids.empty() && std::set(ids.begin(), ids.end()).size() == ids.size();
    sizes[sememes.cluster_of(s)] += 1 / static_cast<double>(wordnet.synset_count());
  }
  REQUIRE(valid);
  double entropy = 0;
  for (const double size : sizes)
    if (size > 0) entropy -= size * std::log2(size);
  REQUIRE(entropy > 9.8);
  REQUIRE(*std::max_element(sizes.begin(), sizes.end()) < 0.05);
  const WordNetSememes again(wordnet, sememes.names());
  for (Index s = 0; s < wordnet.synset_count(); s += 101)
    REQUIRE(sememes_of(again, s) == sememes_of(sememes, s));
}
