#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "see/compress/methods.hpp"

/// What `see --help` and `see COMMAND --help` print beside the options.
namespace see::cli {

inline constexpr const char* about =
    "see - word embeddings compressed into a few shared vectors and their Kronecker products";

inline constexpr const char* main_footer = R"(TABLE is a file of embeddings, told apart by content:
  GloVe text        one row a line: a word, then its numbers
  numbers alone     rows without words, as numpy.savetxt writes them
  word2vec          text or .bin, with the header line "ROWS COLUMNS"
  NumPy             X.npy; words, one a line, from X.words.txt if that is there
  safetensors       X.safetensors, or X.safetensors:TENSOR; words likewise
MODEL is a compressed table as `see compress` writes it, a safetensors file.

Exit codes: 0 success, 1 a word was not found, 2 wrong usage, 3 bad input, a request that cannot
be met, or a file that cannot be read or written. Errors are one line on standard error.

`see COMMAND --help` says more. For example:
  see compress glove.txt --ratio 20 -o glove.safetensors
  see neighbors glove.safetensors coffee
  see eval glove.txt glove.safetensors --wordsim EN-WS-353-ALL.txt)";

inline constexpr const char* compress_footer =
    R"(Sizes count every byte of the file but the vocabulary's. The same seed gives the same
model for any number of threads. A size that cannot be reached is an error, which names the
smallest; MODEL is written whole or not at all.

Methods see, hybrid, senses and senses_coded need a source of senses or morphemes: words share
sememes and morphemes that these name, and `see lookup` composes words that the table lacks. see
keeps such terms alone; hybrid codes what they leave of the table beside them, and is the more
exact. A term has a sememe or morpheme in its last factor and in all others its role (how much of
the word's use has the sememe, where the morpheme stands), one number each: --order 1 has no roles,
2 has them, and higher orders repeat the role, which takes more bits and fits no better. senses has
a product of --order (2) sememes and morphemes for each sense of a word, as SEE trains it in a
transformer; it rebuilds the table with a larger error than see. senses_coded codes what such
products leave.

Examples:
  see compress glove.txt --ratio 20 -o glove.safetensors
  see compress bert.safetensors:embeddings.word_embeddings.weight --bytes 2000000 \
      -o bert-words.safetensors
  see compress glove.txt --ratio 20 -o glove.safetensors --method see --wordnet /usr/share/wordnet)";

inline constexpr const char* truncate_footer =
    R"(Codes anew what MODEL rebuilds, so the table is not needed; the error is about that of MODEL and
of the table compressed directly together (for GloVe, from ratio 10: a tenth more than directly at
20, 2% at 40). `see eval` measures it. The size must be below that of MODEL. A model of method
hybrid keeps its terms, so that it still composes words, where they take at most half of the
bytes; what is left for all else is then less.

Example:
  see truncate glove.safetensors --ratio 80 -o small.safetensors)";

inline constexpr const char* expand_footer =
    R"(The name says the format: X.bin is word2vec's, X.txt is GloVe text, all else is NumPy, which is
written block by block, so that the table need not fit into memory.

Examples:
  see expand glove.safetensors -o glove.npy
  see expand glove.safetensors -o glove.bin)";

inline constexpr const char* info_footer =
    R"(The error, the cosine and the time are those noted when the model was made; `see eval`
measures.

Example:
  see info glove.safetensors --json)";

inline constexpr const char* lookup_footer =
    R"(Prints a line a word, the word and its numbers, as GloVe text. For a word that is not there:
a line on standard error, and exit code 1 in the end. Of a model without words give row
numbers, from 0. Put -- before words that begin with a dash.
A model of methods see and hybrid composes words that it lacks from their morphemes and, with the
sources of senses that it was made from, their senses, and says so on standard error. The files of
morphemes are for such words too; without them the model's own morphemes serve.

Example:
  see lookup glove.safetensors coffee tea)";

inline constexpr const char* neighbors_footer =
    R"(Prints cosines and words, nearest first, without the word itself. Of a model without words
give a row number, from 0.

Example:
  see neighbors glove.safetensors coffee -k 5)";

inline constexpr const char* eval_footer =
    R"(Rows are matched by word, or by number where neither side has words; everything is measured
over the rows that match. Neighbours: the share of the 10 nearest that stay, over 1,000 words
drawn with a fixed seed. Word pairs: lines `WORD WORD SCORE`; Spearman's correlation of cosines
and scores. Analogies: lines `A B C D` under lines `: CATEGORY`, as in questions-words.txt;
the share for which D is nearest to B - A + C. The Gaussian reference is the least relative error
of any code of this size on rows drawn from a Gaussian of the table's covariance; where rows are
of several kinds, a code that tells these apart may go below.

Example:
  see eval glove.txt glove.safetensors --wordsim EN-MEN-TR-3k.txt --wordsim EN-RG-65.txt)";

inline constexpr const char* sweep_footer =
    R"(Compresses the table by every method to every ratio and writes one page of HTML without scripts
or anything from elsewhere: error and cosine against bytes beside the Gaussian reference, where the
bytes go, error against the rank of the rows (taken to be in order of frequency) and the nearest
neighbours of some words before and after, at the ratio nearest to 20. int8 and int4 have one size.
A size that a method cannot reach is shown as such. --json writes the same numbers to a file.

Example:
  see sweep glove.txt --first 20000 --ratios 10,20,40 --methods trellis,pq,svd -o glove.html)";

inline constexpr const char* senses_footer =
    R"(Prints the senses of a word, the most frequent first, each with its share of the word's use and
its sememes, then the word's morphemes. DIR holds the files of a WordNet (data.noun, index.noun
...). The sememes are N synsets chosen so that they cover all of WordNet evenly. FILE gives
segmentations, lines `WORD<TAB>MORPH MORPH ...` or as Morfessor writes them; else morphemes are
learned from the words of WordNet. With --model, prints the terms of the word in that model, each as
the names of its units: sememes and morphemes, or those of a lexicon of your own. A word without
senses is exit code 1.

Examples:
  see senses geese --wordnet /usr/share/wordnet
  see senses geese --model glove.safetensors)";

/// The names of the methods that have a property, "a, b or c".
inline std::string methods_with(bool Method::*property) {
  std::vector<std::string> names;
  for (const Method& method : compress_methods())
    if (method.*property) names.emplace_back(method.name);
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 < names.size() ? ", " : " or ") + names[i];
  return text;
}

/// Lines for people: what the methods are.
inline std::string methods_text() {
  std::string text = "Methods:\n";
  for (const Method& method : compress_methods()) {
    std::string name(method.name);
    name.resize(11, ' ');
    text += "  " + name + std::string(method.help) + '\n';
  }
  return text;
}

}  // namespace see::cli
