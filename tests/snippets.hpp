#pragma once

// What the programs in documents and comments use without declaring it (tests/snippets.sh).

#include <iostream>
#include <string>
#include <vector>

#include "see/compress.hpp"

namespace snippets {

extern see::EntangledEmbedding<float> layer;
extern see::Table table;
extern see::Model<float> model;
extern see::Vocabulary words;
extern see::Adam<float> adam;
extern see::UnigramSegmenter segmenter;
extern see::WordNet wordnet;
extern std::vector<int> ids, targets;
extern see::RowMatrix<float> rows, hidden, target;
extern see::Index word;

}  // namespace snippets
