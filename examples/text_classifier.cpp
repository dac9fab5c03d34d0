// One text classifier, two embedding layers. The model is the mean of a text's word embeddings and
// a softmax over topics; it is written once, for any see::EmbeddingLayer, and trained with
//
// - a dense table, one vector a word;
// - word2ketXS (arXiv 1911.04975): a word's vector is a sum of Kronecker products of small vectors
//   that the digits of the word's number choose, so there is no table and no index;
// - MorphTE (arXiv 2210.15379): a word's vector is made of its morphemes' vectors.
//
// The texts come from templates, with a fixed seed. Takes a second or so.

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <see/see.hpp>

namespace {

using see::Index;

struct Text {
  std::vector<Index> words;
  Index topic;
};

struct Corpus {
  std::vector<std::string> words;  // the vocabulary
  std::vector<Text> train, test;
};

constexpr Index topics = 4;

// Words that tell a topic, and words that do not.
constexpr const char* topical[topics] = {
    "goal match team player coach league referee score stadium penalty striker defender keeper "
    "trophy season champion tournament sprint medal racket",
    "recipe oven flour butter sugar salt pepper sauce soup bread cheese onion garlic dough dessert "
    "kitchen chef menu flavor spice",
    "processor memory software compiler network server keyboard screen laptop algorithm database "
    "program code bug browser password cloud pixel robot router",
    "train airport hotel beach passport luggage flight island mountain ticket museum harbor "
    "tourist "
    "map guide border suitcase cruise cabin landmark"};
constexpr const char* common =
    "the a this that every some was is seems became looked felt stayed turned good bad new old big "
    "small quick slow famous strange simple perfect broken bright dark early late again today "
    "yesterday tomorrow always never often we they people friends nobody everybody liked wanted "
    "needed found lost bought sold made saw near with without before after and but because while "
    "very quite rather almost still";

std::vector<std::string> split(const char* list) {
  std::istringstream in(list);
  return {std::istream_iterator<std::string>(in), {}};
}

/// Texts of eight words. Two tell the topic, one tells any topic, the rest none.
Corpus make_corpus(Index count) {
  Corpus corpus;
  for (const char* list : {topical[0], topical[1], topical[2], topical[3], common})
    for (const std::string& word : split(list)) corpus.words.push_back(word);
  // In alphabetical order, so that the number of a word says nothing of its topic.
  std::sort(corpus.words.begin(), corpus.words.end());
  see::Random random(1);
  const auto any_of = [&](const char* list) {
    const std::vector<std::string> words = split(list);
    const auto found = std::lower_bound(corpus.words.begin(), corpus.words.end(),
                                        words[random.below(words.size())]);
    return static_cast<Index>(found - corpus.words.begin());
  };
  for (Index i = 0; i < count; ++i) {
    const std::size_t topic = random.below(topics), other = random.below(topics);
    Text text{{any_of(topical[topic]), any_of(topical[topic]), any_of(topical[other])},
              static_cast<Index>(topic)};
    while (text.words.size() < 8) text.words.push_back(any_of(common));
    (i % 4 == 3 ? corpus.test : corpus.train).push_back(std::move(text));
  }
  return corpus;
}

/// Ids and offsets of all texts, as EmbeddingBag takes them.
std::pair<std::vector<Index>, std::vector<Index>> to_bags(const std::vector<Text>& texts) {
  std::vector<Index> ids, offsets;
  for (const Text& text : texts) {
    offsets.push_back(static_cast<Index>(ids.size()));
    ids.insert(ids.end(), text.words.begin(), text.words.end());
  }
  return {ids, offsets};
}

template <see::EmbeddingLayer Layer>
class Classifier {
 public:
  explicit Classifier(Layer layer)
      : bag_(std::move(layer), see::BagMode::mean),
        weight_(see::RowMatrix<float>::Zero(topics, bag_.layer().embedding_dim())),
        gradient_(bag_.layer()) {}

  /// One step of gradient descent on the mean cross-entropy of all texts.
  void train_step(const std::vector<Text>& texts) {
    const auto [ids, offsets] = to_bags(texts);
    const see::RowMatrix<float> means = bag_.forward(ids, offsets);
    see::RowMatrix<float> error = probabilities(means);  // dL/dscores = (p - one-hot) / n
    for (Index i = 0; i < error.rows(); ++i)
      error(i, texts[static_cast<std::size_t>(i)].topic) -= 1;
    error /= static_cast<float>(error.rows());

    gradient_.zero();
    bag_.backward(ids, offsets, error * weight_, gradient_);
    adam_.step(bag_.layer(), gradient_);
    weight_ -= 5.0F * error.transpose() * means;
  }

  double accuracy(const std::vector<Text>& texts) const {
    const auto [ids, offsets] = to_bags(texts);
    const see::RowMatrix<float> p = probabilities(bag_.forward(ids, offsets));
    int right = 0;
    for (Index i = 0; i < p.rows(); ++i) {
      Index best = 0;
      p.row(i).maxCoeff(&best);
      right += best == texts[static_cast<std::size_t>(i)].topic;
    }
    return double(right) / double(texts.size());
  }

 private:
  see::RowMatrix<float> probabilities(const see::RowMatrix<float>& means) const {
    see::RowMatrix<float> p = means * weight_.transpose();
    p.colwise() -= p.rowwise().maxCoeff().eval();
    p = p.array().exp();
    p.array().colwise() /= p.rowwise().sum().array().eval();
    return p;
  }

  see::EmbeddingBag<Layer> bag_;
  see::RowMatrix<float> weight_;  // topics x dim
  see::Gradient<float> gradient_;
  see::Adam<float> adam_{0.02};
};

template <see::EmbeddingLayer Layer>
void run(const char* name, Layer layer, const Corpus& corpus) {
  Index parameters = 0;
  for (const auto& [rows, cols] : layer.parameter_shapes()) parameters += rows * cols;
  Classifier<Layer> classifier(std::move(layer));
  for (int step = 0; step < 150; ++step) classifier.train_step(corpus.train);
  std::printf("%-10s layer of %5td parameters, accuracy %5.1f%% in training and %5.1f%% in test\n",
              name, parameters, 100 * classifier.accuracy(corpus.train),
              100 * classifier.accuracy(corpus.test));
}

}  // namespace

int main() {
  const Corpus corpus = make_corpus(400);
  const auto words = static_cast<Index>(corpus.words.size());
  constexpr Index dim = 64;
  std::printf("%td words, %zu training and %zu test texts\n", words, corpus.train.size(),
              corpus.test.size());
  see::Random random(2);
  run("dense", see::DenseEmbedding<float>(words, dim, random), corpus);
  run("word2ketXS", see::make_word2ketxs(words, dim, 2, 4), corpus);
}
