#include <see/see.hpp>

#include <iostream>
#include <vector>

// Two words that share a sememe, and a layer that looks them up.
int main() {
  const see::Lexicon lexicon = see::LexiconBuilder(see::SlotTable::shared(2, 3))
                                   .word()
                                   .sense({0, 1})
                                   .word()
                                   .sense({0, 2})
                                   .sense({1, 2})
                                   .finish();
  const auto layer = see::make_see(see::Shape::cube(16, 2), lexicon);
  const see::RowMatrix<float> rows = layer.forward(std::vector<int>{1, 0, 1});
  std::cout << "see " << SEE_VERSION_MAJOR << '.' << SEE_VERSION_MINOR << '.' << SEE_VERSION_PATCH
            << ": rows of " << rows.cols() << ", norm " << rows.row(0).norm() << '\n';
  return rows.row(0) == rows.row(2) && rows.allFinite() ? 0 : 1;
}
