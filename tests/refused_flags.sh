#!/bin/sh
# The flags that the library cannot do with are refused in one readable sentence. Arguments: the
# compiler (g++) and flags of its own.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
eigen=$(pkg-config --variable=prefix eigen3 2>/dev/null || echo /usr)/include/eigen3
[ $# -gt 0 ] || set -- g++
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# refused SENTENCE FLAGS...: the first error is the sentence, the second ends the compilation.
refused() {
  sentence=$1
  shift
  for header in see/see.hpp see/compress.hpp see/model/embedding.hpp see/io/read_table.hpp; do
    echo "#include <$header>" >"$work/program.cpp"
    if "$@" -fsyntax-only -I"$root/include" -I"$eigen" "$work/program.cpp" >"$work/output" 2>&1; then
      echo "$header was compiled by $*" >&2
      exit 1
    fi
    if ! grep 'error: ' "$work/output" | head -n 1 | grep -q "$sentence" ||
      [ "$(grep -c 'error: ' "$work/output")" -ne 2 ]; then
      echo "$header, $*: needed \"$sentence\", found:" >&2
      head -n 20 "$work/output" >&2
      exit 1
    fi
  done
}

refused "see needs C++20" "$@" -std=c++17
refused "see reports misuse and bad files by exceptions" "$@" -std=c++20 -fno-exceptions
