#!/bin/sh
# Compiles each header alone, included twice, without making objects. CXX: the compiler (c++);
# EIGEN: the folder that holds Eigen/Core (asked of pkg-config otherwise).
set -eu
cd "$(dirname "$0")/../include"

CXX=${CXX:-c++}
EIGEN=${EIGEN:-$(pkg-config --cflags-only-I eigen3 2>/dev/null | sed "s/^-I *//; s/ .*//")}
export CXX EIGEN="${EIGEN:-/usr/include/eigen3}"

# What needs a library that is not here is left out.
left_out=
echo '#include <hunspell/hunspell.hxx>' | "$CXX" -x c++ -fsyntax-only - 2>/dev/null || left_out=see/knowledge/hunspell_segmenter.hpp

# see/torch/ needs LibTorch; tests/torch compiles it.
find see -name '*.hpp' ! -path 'see/torch/*' | grep -vxF "$left_out" | sort | xargs -P "$(nproc 2>/dev/null || echo 1)" -I HEADER sh -c '
  printf "#include \"%s\"\n" HEADER HEADER |
    "$CXX" -std=c++20 -Wall -Wextra -Wconversion -Werror -fsyntax-only -pthread \
      -I . -isystem "$EIGEN" -x c++ - || { echo "HEADER does not compile alone with $CXX"; exit 1; }'
echo "$(find see -name '*.hpp' ! -path 'see/torch/*' | wc -l) headers compile alone with $CXX"
