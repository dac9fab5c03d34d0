#!/bin/sh
# Compiles a program that looks words up, trains and scores, as a user would, with the headers taken
# by -I and the usual sets of flags: nothing may be printed. Arguments: the compiler (g++) and flags
# of its own.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
eigen=$(pkg-config --variable=prefix eigen3 2>/dev/null || echo /usr)/include/eigen3
[ $# -gt 0 ] || set -- g++
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/program.cpp" <<'EOF'
#include <cstdio>
#include <vector>

#include <see/file/model_file.hpp>
#include <see/model/scorer.hpp>

int main(int, char** argv) {
  const see::Model<> model = see::load_model(argv[1]);
  const see::EntangledEmbedding<float>& layer = model.embedding;
  const std::vector<int> ids{1, 0, 1};
  const see::RowMatrix<float> rows = layer.forward(ids);
  see::Gradient<float> gradient(layer);
  layer.backward(ids, rows, gradient);
  const see::Scorer scorer(layer);
  std::printf("%f %zu\n", double(scorer.logits(rows)(0, 0)), scorer.top_k(rows, 3).size());
}
EOF
for flags in "-O2" "-O3 -Wall -Wextra" "-O2 -g"; do
  echo "-- $* $flags"
  # shellcheck disable=SC2086
  "$@" -std=c++20 $flags -I"$root/include" -I"$eigen" -c "$work/program.cpp" -o "$work/program.o" 2>&1 |
    tee "$work/output"
  if [ ! -f "$work/program.o" ] || [ -s "$work/output" ]; then
    echo "The compiler was not silent." >&2
    exit 1
  fi
  rm "$work/program.o"
done
