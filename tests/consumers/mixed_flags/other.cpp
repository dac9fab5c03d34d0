#include <see/model/builders.hpp>

see::RowMatrix<float> rows_of_other_file(const see::Lexicon& lexicon) {
  const auto layer = see::make_see(see::Shape::cube(64, 2), lexicon);
  return layer.forward(std::vector<int>{0, 0});
}
