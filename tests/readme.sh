#!/bin/sh
# Compiles the program in README.md and runs it on a small table. Arguments: the compiler, then its
# flags.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^```cpp$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' "$root/README.md" >"$work/program.cpp"
grep -q 'int main' "$work/program.cpp"
"$@" "$work/program.cpp" -o "$work/program"
awk 'BEGIN {
  for (w = 0; w < 400; ++w) {
    printf "%s", w == 7 ? "king" : w == 11 ? "queen" : "word" w
    for (k = 0; k < 32; ++k) printf " %.4f", sin(w % 20 + k) + cos(w * k / 9)
    print ""
  }
}' >"$work/vectors.txt"
cd "$work"
./program | tee output
grep -q '^cosine ' output
