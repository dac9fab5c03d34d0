#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli_text.hpp"
#include "commands.hpp"
#include "console.hpp"
#include "progress_bar.hpp"
#include "see/core/parallel.hpp"
#include "see/core/table.hpp"
#include "see/file/model_file.hpp"
#include "see/io/npy.hpp"
#include "see/io/words_file.hpp"
#include "see/io/write_word_vectors.hpp"

namespace see::cli {
namespace {

/// Calls append(rows) for blocks of rows in their order.
template <class Append>
void for_rows(const Model<float>& model, const Append& append) {
  constexpr Index block = 16384;
  constexpr std::size_t grain = 1024;
  const Executor run = threads();
  ProgressBar bar;
  const Index rows = model.embedding.num_embeddings();
  RowMatrix<float> numbers(std::min(block, rows), model.embedding.embedding_dim());
  std::vector<Index> ids(static_cast<std::size_t>(numbers.rows()));
  for (Index first = 0; first < rows; first += block) {
    bar.show("expanding", static_cast<double>(first) / static_cast<double>(rows));
    const Index count = std::min(block, rows - first);
    std::iota(ids.begin(), ids.end(), first);
    for_ranges(
        run, static_cast<std::size_t>(count), grain, [&](std::size_t begin, std::size_t end) {
          model.embedding.forward(
              std::span<const Index>(ids).subspan(begin, end - begin),
              numbers.middleRows(static_cast<Index>(begin), static_cast<Index>(end - begin)));
        });
    append(numbers.topRows(count));
  }
}

/// All rows, with their words.
Table dense_table(const Model<float>& model) {
  const Index rows = model.embedding.num_embeddings(), dim = model.embedding.embedding_dim();
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(rows * dim));
  for_rows(model, [&](const auto& some) {
    values.insert(values.end(), some.data(), some.data() + some.size());
  });
  return {model.words, std::move(values), rows, dim};
}

/// Throws where a words file lies beside `table` that would give words to rows that have none.
void require_no_words_beside(const std::filesystem::path& table) {
  const auto words = words_path(table);
  require<FileError>(!std::filesystem::exists(words), words.string(),
                     ": would be read as the words of ", table.string(),
                     ", whose rows have none; needed no such file");
}

}  // namespace

int ExpandCommand::run() const {
  require_other_file(model, table);
  const auto loaded = load_model<float>(model);
  const std::string kind = std::filesystem::path(table).extension().string();
  if (kind == ".bin") {
    write_word2vec_bin(table, dense_table(loaded));
    return success;
  }
  if (kind == ".txt") {
    write_text_table(table, dense_table(loaded));
    return success;
  }
  const auto words = words_path(table);
  require(words != table, table, ": is a name for words, needed one such as X.npy");
  if (loaded.words.empty()) require_no_words_beside(table);
  NpyWriter writer(table, loaded.embedding.num_embeddings(), loaded.embedding.embedding_dim());
  for_rows(loaded, [&](const auto& rows) { writer.append(rows); });
  if (!loaded.words.empty()) write_words(words, loaded.words);
  writer.commit();
  return success;
}

}  // namespace see::cli
