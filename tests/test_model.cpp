#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "see/core/bits.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/model/builders.hpp"
#include "see/model/named_lexicon.hpp"

using see::GainScope;
using see::Index;
using see::IndexKind;
using see::Lexicon;
using see::Shape;
using see::SlotTable;

TEST_CASE("balanced shapes cover the width with little waste", "[shape]") {
  CHECK(Shape::balanced(100, 2).to_string() == "10x10");
  CHECK(Shape::balanced(300, 2).to_string() == "15x20");
  CHECK(Shape::balanced(768, 2).to_string() == "24x32");
  CHECK(Shape::balanced(4096, 3).to_string() == "16x16x16");
  CHECK(Shape::balanced(7, 2).to_string() == "2x4");
  CHECK(Shape::cube(100, 3).to_string() == "5x5x5");
  for (Index width = 1; width < 600; ++width)
    for (int order = 1; order <= 4; ++order) {
      const Shape shape = Shape::balanced(width, order);
      REQUIRE(shape.width() == width);
      REQUIRE(shape.order() == order);
      REQUIRE(shape.product() < 2 * width + 2);
      REQUIRE(std::is_sorted(shape.factor_dims().begin(), shape.factor_dims().end()));
      const Shape cube = Shape::cube(width, order);
      REQUIRE(cube.product() >= width);
      REQUIRE(std::pow(double(cube.factor_dim(0) - 1), order) < double(width));
    }
}

TEST_CASE("shapes that cannot be are refused", "[shape]") {
  CHECK_THROWS_AS(Shape(std::vector<Index>{}), see::Error);
  CHECK_THROWS_AS(Shape(std::vector<Index>(9, 1)), see::Error);
  CHECK_THROWS_AS(Shape({3, 0}), see::Error);
  CHECK_THROWS_AS(Shape({3, -1}), see::Error);
  CHECK_THROWS_AS(Shape({1 << 16, 1 << 16}), see::Error);
  CHECK_THROWS_AS(Shape({3, 3}, 10), see::Error);
  CHECK_THROWS_AS(Shape({3, 3}, -1), see::Error);
  CHECK_THROWS_AS(Shape::balanced(0, 2), see::Error);
  CHECK_THROWS_AS(Shape::balanced(4, 0), see::Error);
  CHECK_THROWS_AS(Shape::cube(4, 9), see::Error);
}

TEST_CASE("an inventory holds its units one after another", "[sememe]") {
  see::Inventory<float> inventory(3, 2, 4);
  inventory.mutate(1).vectors().row(1).setConstant(7);
  CHECK(inventory.values()[1 * 8 + 4] == 7);
  CHECK(inventory[1].vectors()(1, 3) == 7);
  CHECK(inventory[1].rank() == 2);
  CHECK(inventory[1].dim() == 4);
  CHECK(inventory.cast<double>()[1].vectors()(1, 0) == 7.0);
  CHECK_THROWS_AS(see::Inventory<float>(-1, 1, 1), see::Error);
  CHECK_THROWS_AS(see::Inventory<float>(1, 0, 1), see::Error);
  CHECK_THROWS_AS(see::Inventory<float>(1, 1, 0), see::Error);
  CHECK_THROWS_AS(see::Inventory<float>(see::Array<float>(5), 2, 1, 3), see::Error);
}

TEST_CASE("packed numbers come back, for every width", "[bits]") {
  see::Random random(1);
  for (int bits = 0; bits <= 32; ++bits) {
    std::vector<std::uint64_t> values(77);
    for (auto& value : values) value = random.next() & ((std::uint64_t{1} << bits) - 1);
    const see::PackedArray packed(std::span<const std::uint64_t>(values), bits);
    CHECK(packed.bytes().size() == see::detail::packed_bytes(77 * std::uint64_t(bits)));
    for (std::size_t i = 0; i < values.size(); ++i) REQUIRE(packed[i] == values[i]);
    CHECK_NOTHROW(see::PackedArray(packed.bytes(), 77, bits));
    if (bits > 0) CHECK_THROWS_AS(see::PackedArray(packed.bytes(), 99, bits), see::Error);
  }
  const std::vector<int> large{1, 8};
  CHECK_THROWS_AS(see::PackedArray(std::span<const int>(large), 3), see::Error);
  CHECK_THROWS_AS(see::PackedArray(see::Array<std::uint8_t>(), 0, 33), see::Error);
  // Bit p of the sequence is bit p % 8 of byte p / 8; fields are least significant bit first.
  see::detail::BitWriter writer;
  writer.write(0b1, 1);
  writer.write(0b110, 3);
  writer.write(0x123, 12);
  CHECK(writer.finish()[0] == 0b00111101);
}

TEST_CASE("a lexicon gives back what it was made of", "[lexicon]") {
  const SlotTable table{2, {5, 300}, {0, 1}};
  const std::vector<Index> ranks{2, 0, 1}, units{4, 299, 0, 256, 3, 1};
  const Lexicon lexicon(table, ranks, units);
  CHECK(lexicon.words() == 3);
  CHECK(lexicon.senses() == 3);
  CHECK_FALSE(lexicon.is_uniform());
  CHECK(lexicon.packed().size() == see::detail::packed_bytes(3 * (3 + 9)));
  std::size_t at = 0;
  for (Index w = 0; w < 3; ++w) {
    REQUIRE(lexicon.rank(w) == ranks[std::size_t(w)]);
    for (Index s = 0; s < lexicon.rank(w); ++s, at += 2) {
      Index out[2];
      lexicon.units(w, s, out);
      CHECK(out[0] == units[at]);
      CHECK(out[1] == units[at + 1]);
    }
  }
  const Lexicon adopted = Lexicon::from_packed(table, 3, ranks, lexicon.packed());
  CHECK(adopted.first_sense(2) == 2);
}

TEST_CASE("rows of a slot table serve senses in turn, the last one all later ones", "[lexicon]") {
  const SlotTable table{1, {2, 9}, {0, 1}};
  CHECK_NOTHROW(Lexicon(table, std::vector<Index>{3}, std::vector<Index>{1, 8, 8}));
  CHECK_THROWS_WITH(Lexicon(table, std::vector<Index>{3}, std::vector<Index>{2, 8, 8}),
                    "word 0, sense 0, slot 0 names unit 2, needed one below 2");
}

TEST_CASE("lexicons that cannot be are refused", "[lexicon]") {
  const SlotTable shared = SlotTable::shared(2, 3);
  using V = std::vector<Index>;
  CHECK_THROWS_AS(Lexicon(shared, V{1}, V{0}), see::Error);
  CHECK_THROWS_AS(Lexicon(shared, V{1}, V{0, 3}), see::Error);
  CHECK_THROWS_AS(Lexicon(shared, V{1}, V{0, -1}), see::Error);
  CHECK_THROWS_AS(Lexicon(shared, V{-1}, V{}), see::Error);
  CHECK_THROWS_AS(Lexicon(shared, V{Index{1} << 31, Index{1} << 31, 1}, V{}), see::Error);
  CHECK_THROWS_AS(Lexicon({0, {3}, {0}}, V{}, V{}), see::Error);
  CHECK_THROWS_AS(Lexicon({2, {3}, {0}}, V{}, V{}), see::Error);
  CHECK_THROWS_AS(Lexicon({1, {3}, {1}}, V{}, V{}), see::Error);
  CHECK_THROWS_AS(Lexicon({1, {0}, {0}}, V{}, V{}), see::Error);
  CHECK_THROWS_AS(Lexicon({1, {3}, {}}, V{}, V{}), see::Error);
  CHECK_THROWS_AS(see::LexiconBuilder(shared).sense({0, 1}), see::Error);
  CHECK_THROWS_AS(see::LexiconBuilder(shared).word().sense({0}), see::Error);
  const V rank{1};
  const auto packed = Lexicon(shared, rank, V{2, 2}).packed();
  CHECK_THROWS_AS(Lexicon::from_packed(shared, 9, rank, packed), see::Error);
  CHECK_THROWS_AS(Lexicon::from_packed(shared, 2, V{1, 1, 1}, packed), see::Error);
  CHECK_THROWS_AS(Lexicon::from_packed(shared, -1, rank, packed), see::Error);
  CHECK_THROWS_AS(Lexicon::from_packed(shared, Index{1} << 40, rank, packed), see::Error);
  const see::Array<std::uint8_t> ones(std::vector<std::uint8_t>(packed.size(), 0xff));
  CHECK_THROWS_AS(Lexicon::from_packed(shared, 1, rank, ones), see::Error);
  CHECK_THROWS_AS(Lexicon::implicit(IndexKind::stored, shared, 1, rank), see::Error);
  CHECK_THROWS_AS(Lexicon::implicit(IndexKind::digits, shared, 10, rank), see::Error);
  CHECK_THROWS_AS(Lexicon::implicit(IndexKind::own, shared, 4, rank), see::Error);
  CHECK_NOTHROW(Lexicon::implicit(IndexKind::digits, shared, 9, rank));
  CHECK_NOTHROW(Lexicon::implicit(IndexKind::own, shared, 3, rank));
}

TEST_CASE("an index of digits may have far more strings than words", "[lexicon]") {
  const Index ranks[] = {1}, words = 0xffffffff, units = 4000000000;
  const auto lexicon = see::Lexicon::implicit(
      see::IndexKind::digits, see::SlotTable::per_slot({units, units}), words, ranks);
  CHECK(lexicon.words() == words);
  CHECK_THROWS_AS(
      see::Lexicon::implicit(see::IndexKind::digits, see::SlotTable::per_slot({5, 3}), 16, ranks),
      see::Error);
  CHECK_NOTHROW(
      see::Lexicon::implicit(see::IndexKind::digits, see::SlotTable::per_slot({5, 3}), 15, ranks));
}

TEST_CASE("every system of the common equation has its index", "[builders]") {
  // SEE: rank = senses of the word, units shared by slots and words.
  const auto lexicon = see::LexiconBuilder(SlotTable::shared(2, 4))
                           .word()
                           .sense({0, 1})
                           .sense({2, 3})
                           .word()
                           .sense({0, 3})
                           .finish();
  const auto see_layer = see::make_see<double>(Shape::cube(9, 2), lexicon, 2);
  CHECK(see_layer.lexicon().rank(0) == 2);
  CHECK(see_layer.lexicon().rank(1) == 1);
  CHECK(see_layer.inventory().rank() == 2);

  // MorphTE: one sense of `order` morphemes, m = rank, LayerNorm.
  const std::vector<Index> morphemes{0, 1, 2, 3, 1, 1};
  const auto morphte = see::make_morphte<double>(27, 3, 4, morphemes, 5);
  CHECK(morphte.num_embeddings() == 2);
  CHECK(morphte.lexicon().rank(1) == 1);
  CHECK(morphte.inventory().rank() == 5);
  CHECK(morphte.shape().to_string() == "3x3x3");
  CHECK(morphte.parts().layer_norm.has_value());

  // word2ket: `rank` products of private factors.
  const auto ket = see::make_word2ket<double>(6, 16, 2, 3);
  CHECK(ket.lexicon().rank(5) == 3);
  Index units[3];
  ket.lexicon().units(5, 2, units);
  CHECK(units[0] == 17);
  CHECK(units[1] == 17);

  // word2ketXS: factor k, j is chosen by digit j of the word, most significant first.
  const auto xs = see::make_word2ketxs<double>(1000, 64, 3, 2);
  CHECK(xs.parts().inventories.size() == 6);
  CHECK(xs.inventory().size() == 10);
  xs.lexicon().units(472, 1, units);
  CHECK(units[0] == 4);
  CHECK(units[1] == 7);
  CHECK(units[2] == 2);
  for (const auto& layer : {see_layer, morphte, ket, xs})
    for (Index w = 0; w < layer.num_embeddings(); w += 1 + layer.num_embeddings() / 20) {
      const auto expected = oracle::row(layer.parts(), w);
      CHECK((layer(w).transpose() - expected).norm() <= 1e-12 * (1 + expected.norm()));
    }
}

TEST_CASE("fresh rows have the deviation asked for", "[builders]") {
  const auto layer = see::make_word2ket<double>(300, 64, 3, 4, {.deviation = 0.5});
  const double variance = layer.to_dense().array().square().mean();
  CHECK(variance == Approx(0.25).epsilon(0.15));
}

TEST_CASE("gains and padding are built as asked", "[builders]") {
  const std::vector<Index> morphemes{0, 1, 1, 1};
  const auto layer = see::make_morphte<float>(9, 2, 2, morphemes, 1,
                                              {.gains = GainScope::sense, .padding_idx = 1});
  CHECK(layer.parts().gains.size() == 2);
  CHECK(layer.parts().gains[0] == 1);
  CHECK(layer(1).isZero(0));
  CHECK(see::make_word2ket<float>(3, 9, 2, 4, {.gains = GainScope::term}).parts().gains.size() ==
        4);
}

TEST_CASE("systems that cannot be built are refused", "[builders]") {
  const std::vector<Index> morphemes{0, 1, 1};
  CHECK_THROWS_AS(see::make_morphte(9, 2, 2, morphemes, 1), see::Error);
  CHECK_THROWS_AS(see::make_morphte(9, 0, 2, morphemes, 1), see::Error);
  CHECK_THROWS_AS(see::make_word2ket(0, 9, 2, 1), see::Error);
  CHECK_THROWS_AS(see::make_word2ket(3, 9, 2, 0), see::Error);
  CHECK_THROWS_AS(see::make_word2ketxs(0, 9, 2, 1), see::Error);
  const auto lexicon = see::LexiconBuilder(SlotTable::shared(2, 2)).word().sense({0, 1}).finish();
  CHECK_THROWS_AS(see::make_see(Shape({2, 3}), lexicon), see::Error);
  CHECK_THROWS_AS(see::make_see(Shape({2, 2, 2}), lexicon), see::Error);
  const auto unused = see::LexiconBuilder(SlotTable{1, {2, 2}, {0}}).word().sense({0}).finish();
  CHECK_THROWS_AS(see::make_see(Shape({4}), unused), see::Error);
}

TEST_CASE("vocabularies keep any bytes and find the first of equal words", "[vocabulary]") {
  const std::vector<std::string> words{"a", std::string("b\0c", 3), "", "\xff\n\t", "a"};
  const auto vocabulary = see::Vocabulary::from(words);
  REQUIRE(vocabulary.size() == 5);
  for (std::size_t i = 0; i < words.size(); ++i) CHECK(vocabulary[Index(i)] == words[i]);
  CHECK(vocabulary.find("a") == 0);
  CHECK(vocabulary.find("") == 2);
  CHECK_FALSE(vocabulary.find("zebra"));
  CHECK(vocabulary.first(2).size() == 2);
  CHECK(vocabulary.first(2)[1] == words[1]);
  CHECK(vocabulary.first(0).empty());
  CHECK_FALSE(see::Vocabulary().find("a"));
  using Offsets = see::Array<std::int64_t>;
  CHECK_THROWS_AS(see::Vocabulary({'a'}, Offsets{}), see::Error);
  CHECK_THROWS_AS(see::Vocabulary({'a'}, Offsets{1, 1}), see::Error);
  CHECK_THROWS_AS(see::Vocabulary({'a'}, Offsets{0, 2, 1}), see::Error);
  CHECK_THROWS_AS(see::Vocabulary({'a'}, Offsets{0, 2}), see::Error);
}

TEST_CASE("a table holds as many numbers and words as rows ask for", "[table]") {
  const see::Table table(see::Vocabulary::from(std::vector<std::string>{"x", "y", "z"}),
                         see::Array<float>{1, 2, 3, 4, 5, 6}, 3, 2);
  CHECK(table.matrix()(2, 1) == 6);
  const see::Table head = table.first(2);
  CHECK(head.rows() == 2);
  CHECK(head.words().size() == 2);
  CHECK(head.values().data() == table.values().data());
  CHECK(table.first(9).rows() == 3);
  CHECK_THROWS_AS(see::Table(see::Vocabulary(), see::Array<float>(5), 3, 2), see::Error);
  CHECK_THROWS_AS(see::Table(table.words(), see::Array<float>(4), 2, 2), see::Error);
}

TEST_CASE("threads run every task once and hand on the first failure", "[parallel]") {
  for (const auto& run : {see::serial(), see::threads(2), see::threads(5), see::threads()}) {
    std::vector<int> count(100);
    see::for_ranges(run, 100, 7, [&](std::size_t first, std::size_t last) {
      CHECK(last - first <= 7);
      for (std::size_t i = first; i < last; ++i) ++count[i];
    });
    CHECK(count == std::vector<int>(100, 1));
    see::for_ranges(run, 0, 7, [](std::size_t, std::size_t) { FAIL("no range is empty"); });
    CHECK_THROWS_AS(run(50,
                        [](std::size_t i) {
                          if (i == 3) throw see::Error("3");
                        }),
                    see::Error);
  }
}

TEST_CASE("threads live on, and take calls from within tasks and from several threads",
          "[parallel]") {
  const see::Executor run = see::threads(3);
  const see::Executor copy = run;
  std::set<std::thread::id> seen;
  std::mutex mutex;
  for (int call = 0; call < 200; ++call) {
    std::atomic<int> done = 0;
    (call % 2 == 0 ? run : copy)(5, [&](std::size_t) {
      ++done;
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
    REQUIRE(done == 5);
  }
  CHECK(seen.size() <= 3);

  // Whoever calls may end just when another thread begins its last task.
  std::atomic<int> tasks = 0;
  for (int call = 0; call < 100000; ++call)
    run(3, [&](std::size_t i) {
      volatile int counted = 0;
      while (counted < static_cast<int>(i + 1) * (call % 37) * 20) counted = counted + 1;
      ++tasks;
    });
  CHECK(tasks == 300000);

  std::vector<std::atomic<int>> cells(60);
  run(6, [&](std::size_t i) { run(10, [&](std::size_t j) { ++cells[10 * i + j]; }); });
  for (const auto& cell : cells) CHECK(cell == 1);

  std::atomic<int> total = 0;
  {
    std::vector<std::jthread> callers;
    for (int c = 0; c < 4; ++c)
      callers.emplace_back([&] {
        for (int call = 0; call < 50; ++call) run(7, [&](std::size_t) { ++total; });
      });
  }
  CHECK(total == 4 * 50 * 7);

  int failures = 0;
  for (int call = 0; call < 50; ++call) {
    try {
      run(20, [&](std::size_t i) {
        if (i % 5 == 4) throw see::Error("fifth");
      });
    } catch (const see::Error&) {
      ++failures;
    }
  }
  CHECK(failures == 50);
}

TEST_CASE("random numbers are those of SplitMix64, and fill their ranges", "[random]") {
  see::Random reference(1234567);
  CHECK(reference.next() == 6457827717110365317ULL);
  CHECK(reference.next() == 3203168211198807973ULL);
  see::Random random(1);
  double sum = 0, squares = 0;
  for (int i = 0; i < 20000; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
  }
  CHECK(sum / 20000 == Approx(0).margin(0.03));
  CHECK(squares / 20000 == Approx(1).margin(0.05));
  const auto drawn = see::detail::sample_without_replacement(50, 20, random);
  CHECK(drawn.size() == 20);
  CHECK(std::adjacent_find(drawn.begin(), drawn.end(), std::greater_equal<>()) == drawn.end());
  CHECK(drawn.back() < 50);
  CHECK(see::detail::sample_without_replacement(5, 5, random).size() == 5);
  CHECK_THROWS_AS(see::detail::sample_without_replacement(3, 4, random), see::Error);
}

TEST_CASE("a lexicon by names numbers words and units as they are named", "[lexicon]") {
  see::NamedLexiconBuilder builder(2);
  builder.word("king").sense({"human", "royal"}).sense({"royal", "royal"});
  builder.word("bank").sense({"money", "human"});
  builder.word("none");
  const see::NamedLexicon names = builder.finish();
  CHECK(names.words.size() == 3);
  CHECK(names.words[1] == "bank");
  CHECK(names.units.size() == 3);
  CHECK(names.units.find("money") == 2);
  CHECK(names.lexicon.table() == see::SlotTable::shared(2, 3));
  CHECK(names.lexicon.rank(0) == 2);
  CHECK(names.lexicon.rank(2) == 0);
  Index units[2];
  names.lexicon.units(1, 0, units);
  CHECK(units[0] == 2);
  CHECK(units[1] == 0);
  CHECK_THROWS_WITH(builder.word("king"), "word \"king\" comes twice in a lexicon");
  CHECK_THROWS_WITH(builder.sense({"human"}), "word \"none\" has a sense of 1 units, needed 2");
  CHECK_THROWS_AS(see::NamedLexiconBuilder(1).sense({"human"}), see::Error);
  CHECK_THROWS_AS(see::NamedLexiconBuilder(0), see::Error);
  CHECK_THROWS_AS(see::NamedLexiconBuilder(2).word("king").finish(), see::Error);
}

TEST_CASE("sememes are written out, printed and read back", "[sememe]") {
  const auto units = see::Inventory<float>::of({{1, 2, 3, 4}, {5, 6, 7, 8}}, 2);
  CHECK(units.size() == 2);
  CHECK(units.rank() == 2);
  CHECK(units.dim() == 2);
  CHECK(units[1].vectors()(1, 0) == 7);
  std::ostringstream out;
  out << units[0];
  CHECK(out.str() == "1 2\n3 4");
  CHECK_THROWS_AS(see::Inventory<float>::of({{1, 2}, {3}}), see::Error);
  CHECK_THROWS_AS(see::Inventory<float>::of({{1, 2, 3}}, 2), see::Error);
  CHECK_THROWS_AS(see::Inventory<float>::of({}), see::Error);
}
