#include <see/see.hpp>

#include <iostream>
#include <string>
#include <vector>

int main() {
  const std::vector<std::string> words{"king", "queen", "prince"};
  const see::Table table(see::Vocabulary::from(words), {1, 2, 3, 4, 5, 6}, 3, 2);
  std::cout << "see " << SEE_VERSION_MAJOR << '.' << SEE_VERSION_MINOR << '.' << SEE_VERSION_PATCH
            << ": " << table.words()[1] << " is row " << *table.words().find("queen") << ", "
            << table.matrix().row(1) << '\n';
  return table.words().find("prince") == 2 && table.matrix()(2, 1) == 6 ? 0 : 1;
}
