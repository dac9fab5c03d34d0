#include <see/model/builders.hpp>

#include <iostream>
#include <string>
#include <vector>

see::RowMatrix<float> rows_of_other_file(const see::Lexicon& lexicon);

// Calls a file that was compiled with the same flags or (argument "mixed") with others. Fails
// unless the library refuses the mix, and that alone.
int main(int argc, char** argv) {
  const bool mixed = argc > 1 && std::string(argv[1]) == "mixed";
  const see::Lexicon lexicon =
      see::LexiconBuilder(see::SlotTable::shared(2, 3)).word().sense({0, 1}).sense({1, 2}).finish();
  try {
    const auto layer = see::make_see(see::Shape::cube(64, 2), lexicon);
    const see::RowMatrix<float> here = layer.forward(std::vector<int>{0, 0});
    const see::RowMatrix<float> there = rows_of_other_file(lexicon);
    return !mixed && here.rows() == there.rows() ? 0 : 1;
  } catch (const see::Error& error) {
    std::cout << error.what() << '\n';
    return mixed && std::string(error.what()).find("-march") != std::string::npos ? 0 : 1;
  }
}
