// Compiled with -ffast-math, a program of its own: readers and preconditions refuse numbers that
// are not finite there as well.

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "see/codes/half_array.hpp"
#include "see/core/finite.hpp"
#include "see/io/read_table.hpp"
#include "see/nn/candidates.hpp"
#include "temp_dir.hpp"

namespace {

int failures = 0;

void check(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "fails under -ffast-math: %s\n", what.c_str());
  ++failures;
}

template <class Body>
void check_throws(const Body& body, const std::string& what) {
  try {
    body();
  } catch (const see::Error&) {
    return;
  }
  check(false, what);
}

/// What the compiler cannot know when compiling.
template <class Scalar>
Scalar hidden(Scalar x) {
  volatile Scalar copy = x;
  return copy;
}

template <class Scalar>
void check_bits() {
  using Limits = std::numeric_limits<Scalar>;
  const std::vector<Scalar> finite = {0, -1, Limits::max(), Limits::lowest(), Limits::denorm_min()};
  const std::vector<Scalar> others = {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
                                      -Limits::quiet_NaN(), Limits::signaling_NaN()};
  for (const Scalar x : finite) {
    check(see::detail::is_finite(hidden(x)), "a finite number is finite");
    check(see::detail::is_all_finite(see::RowMatrix<Scalar>::Constant(3, 5, hidden(x))),
          "a finite matrix is finite");
  }
  for (const Scalar x : others) {
    check(!see::detail::is_finite(hidden(x)), "infinity and NaN are not finite");
    see::RowMatrix<Scalar> one = see::RowMatrix<Scalar>::Zero(7, 9);
    one(4, 5) = hidden(x);
    check(!see::detail::is_all_finite(one), "one number spoils a matrix");
  }
}

}  // namespace

int main() {
  check_bits<float>();
  check_bits<double>();
  const TempDir dir;
  for (const std::string number : {"nan", "inf", "-inf", "1e999"})
    check_throws(
        [&] {
          write_file(dir / "x.txt", "a 1 2\nb " + number + " 4\n");
          see::read_table(dir / "x.txt");
        },
        "a table with " + number + " is refused");
  for (const float x : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    check_throws(
        [&] {
          see::detail::HalfArray(std::vector<float>{1, hidden(x)});
        },
        "half precision");
    check_throws([&] { see::UnigramSampler(std::vector<double>{1, double(hidden(x))}); }, "counts");
  }
  return failures == 0 ? 0 : 1;
}
