// A lexicon of one's own: words are written down as units of meaning, by name, and the vectors of
// the units are learned from a text.
//
// 1. A layer by hand: two sememes, one word, its row.
// 2. A lexicon by names: each word has senses, each sense is three units.
// 3. Training: a word is guessed from the words around it (CBOW, Mikolov et al., arXiv 1301.3781).
//    The layer is tied: it looks up the context, and scores all words for the gap.
// 4. What was learned: nearest words, and the units that they share.
//
// Fails where the loss does not fall.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <see/see.hpp>

namespace {

using see::Index;

/// A word of one sense: the Kronecker product of its three units.
void by_hand() {
  const see::EntangledEmbedding<float, 3> layer(
      {.shape = see::Shape({2, 2, 2}),
       .inventories = {see::Inventory<float>::of({{1, 2}, {3, -1}})},
       .lexicon =
           see::LexiconBuilder(see::SlotTable::shared(3, 2)).word().sense({0, 1, 0}).finish()});
  std::cout << "sememe 0: " << layer.inventory()[0] << "\nsememe 1: " << layer.inventory()[1]
            << "\nword of sememes 0, 1, 0: " << layer(0) << "\n\n";
}

see::NamedLexicon make_lexicon() {
  see::NamedLexiconBuilder builder(3);
  builder.word("king").sense({"human", "ruler", "male"});
  builder.word("queen").sense({"human", "ruler", "female"});
  builder.word("prince").sense({"human", "heir", "male"});
  builder.word("princess").sense({"human", "heir", "female"});
  builder.word("man").sense({"human", "adult", "male"});
  builder.word("woman").sense({"human", "adult", "female"});
  builder.word("cat").sense({"animal", "pet", "hunter"});
  builder.word("dog").sense({"animal", "pet", "guard"});
  builder.word("cow").sense({"animal", "farm", "grass"});
  builder.word("horse").sense({"animal", "farm", "rider"});
  builder.word("bread").sense({"thing", "food", "grain"});
  builder.word("apple").sense({"thing", "food", "fruit"});
  builder.word("milk").sense({"thing", "drink", "white"});
  builder.word("water").sense({"thing", "drink", "river"});
  builder.word("bank").sense({"place", "money", "house"}).sense({"place", "edge", "river"});
  builder.word("castle").sense({"place", "ruler", "house"});
  builder.word("field").sense({"place", "farm", "grass"});
  builder.word("rules").sense({"act", "ruler", "now"});
  builder.word("eats").sense({"act", "food", "now"});
  builder.word("drinks").sense({"act", "drink", "now"});
  builder.word("sees").sense({"act", "eye", "now"});
  builder.word("at").sense({"particle", "place", "near"});
  builder.word("the").sense({"particle", "known", "one"});
  builder.word("a").sense({"particle", "any", "one"});
  return builder.finish();
}

constexpr std::string_view text =
    "the king rules at the castle . the queen rules at the castle . the prince sees the king . "
    "the princess sees the queen . a man eats bread . a woman eats bread . a man drinks water . "
    "a woman drinks water . the prince eats the apple . the princess eats the apple . "
    "the cat drinks milk . the dog drinks water . the cow eats at the field . "
    "the horse eats at the field . the dog sees the cat . the cat sees the dog . "
    "the man sees the bank . the woman sees the bank . the cow drinks water at the bank . "
    "the horse drinks water at the bank . the king sees the queen . the queen sees the king . "
    "the prince rules at the castle . the princess rules at the castle . a man sees a woman . "
    "a woman sees a man . the horse eats the apple . the cow sees the horse .";

/// The gaps of a text: bags of up to two words on either side, and what stands between.
struct Gaps {
  std::vector<Index> ids, offsets, targets;
};

Gaps gaps_of(std::string_view text, const see::Vocabulary& words) {
  Gaps gaps;
  std::vector<Index> sentence;
  const auto add_sentence = [&] {
    const auto size = static_cast<Index>(sentence.size());
    for (Index i = 0; i < size; ++i) {
      gaps.offsets.push_back(static_cast<Index>(gaps.ids.size()));
      gaps.targets.push_back(sentence[static_cast<std::size_t>(i)]);
      for (Index j = std::max<Index>(0, i - 2); j <= std::min(size - 1, i + 2); ++j)
        if (j != i) gaps.ids.push_back(sentence[static_cast<std::size_t>(j)]);
    }
    sentence.clear();
  };
  std::istringstream in{std::string(text)};
  for (std::string word; in >> word;)
    if (word == ".")
      add_sentence();
    else
      sentence.push_back(words.find(word).value());
  return gaps;
}

void print_word(const see::NamedLexicon& names, std::string_view word, const auto& search) {
  const Index w = names.words.find(word).value();
  std::printf("%s:", std::string(word).c_str());
  names.lexicon.for_senses(w, [&](Index, const Index* units) {
    std::printf(" {");
    for (int j = 0; j < names.lexicon.order(); ++j)
      std::printf("%s%s", j == 0 ? "" : " ", std::string(names.units[units[j]]).c_str());
    std::printf("}");
  });
  std::printf(", near it");
  for (const auto& [row, cosine] : search.nearest(w, 3))
    std::printf(" %s %.2f", std::string(names.words[row]).c_str(), static_cast<double>(cosine));
  std::printf("\n");
}

/// Writes the layer, its words and the names of its units to `model`, if that is no null. Returns
/// whether the loss fell.
bool train(const char* model) {
  const see::NamedLexicon names = make_lexicon();
  const Gaps gaps = gaps_of(text, names.words);
  std::printf("%td words, %td senses, %td units; %zu gaps\n", names.lexicon.words(),
              names.lexicon.senses(), names.units.size(), gaps.targets.size());

  // Small rows, so that all words are about as likely at first: a loss of log(24) = 3.18.
  see::EmbeddingBag bag(
      see::make_see(see::Shape::cube(64, 3), names.lexicon, 1, {.deviation = 0.1}));
  see::RowMatrix<float> hidden_gradient(std::ssize(gaps.targets), bag.layer().embedding_dim());
  see::Gradient<float> gradient(bag.layer());
  see::Adam<float> adam(0.02F);
  double first = 0, last = 0;
  for (int step = 0; step <= 200; ++step) {
    gradient.zero();
    const see::RowMatrix<float> hidden = bag.forward(gaps.ids, gaps.offsets);
    last = see::cross_entropy(bag.layer(), hidden, gaps.targets, hidden_gradient, &gradient);
    bag.backward(gaps.ids, gaps.offsets, hidden_gradient, gradient);
    adam.step(bag.layer(), gradient);
    if (step == 0) first = last;
    if (step % 40 == 0) std::printf("step %3d: loss %.3f\n", step, last);
  }

  const see::CosineSearch search(bag.layer());
  for (const char* word : {"king", "woman", "cow", "bank"}) print_word(names, word, search);
  if (model)
    see::save_model(model, see::Model<>{bag.layer(), names.words, {}, {.names = names.units}});
  return last < 0.85 * first;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    by_hand();
    if (train(argc > 1 ? argv[1] : nullptr)) return 0;
    std::fprintf(stderr, "own_lexicon: the loss did not fall\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "own_lexicon: %s\n", error.what());
  }
  return 1;
}
