#!/bin/sh
# Checks that the code in the documents compiles: the ```cpp blocks of README.md and docs/, and what
# stands between \code and \endcode in the headers' comments. Arguments: the compiler, then its flags.
#
# All blocks become one translation unit, in which each has a namespace of its own; errors name the
# document and its line. A block that begins with a declaration stands in its namespace as it is, any
# other one in a function. What blocks use without declaring it is in tests/snippets.hpp.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
awk '
  FNR == 1 { inside = 0; fenced = 0 }
  /^[ ]*\/\/\/ \\code$/ || /^```cpp$/ { begin(); next }
  /^[ ]*\/\/\/ \\endcode$/ || (/^```$/ && inside) { end(); next }
  /^```/ { fenced = !fenced }
  FILENAME ~ /hpp$/ && !inside && /^[ ]*\/\/\/     .*see::[A-Za-z_]+[ ({<]/ {
    printf "%s:%d: a program outside of \\code and \\endcode\n", FILENAME, FNR >"/dev/stderr"
    failed = 1
  }
  inside {
    line = $0
    sub(/^[ ]*\/\/\/ ?/, "", line)
    if (line ~ /^#include/) { includes = includes line "\n"; line = "" }
    if (!kind && line ~ /[^ ]/)
      kind = line ~ /^[ ]*(template|struct|class|concept|using|inline|int main|void)[ <(]/ ? "declarations" : "statements"
    text = text line "\n"
  }
  function begin() {
    if (inside) { printf "%s:%d: a block within a block\n", FILENAME, FNR >"/dev/stderr"; failed = 1 }
    inside = 1; kind = ""; text = ""; first = FNR + 1
  }
  function end() {
    inside = 0
    body = "#line " first " \"" FILENAME "\"\n" text
    if (kind == "statements") body = "[[maybe_unused]] static void run() {\n" body "}\n"
    all = all "namespace snippet_" ++blocks " {\nusing namespace see;\nusing namespace snippets;\n" body "}\n"
  }
  END {
    if (failed || !blocks) exit 1
    printf "#include \"tests/snippets.hpp\"\n%s%s", includes, all
    printf "%d blocks\n", blocks >"/dev/stderr"
  }' README.md docs/*.md $(find include -name '*.hpp' | sort) >"$work/snippets.cpp"
"$@" -I"$root" -w -fsyntax-only "$work/snippets.cpp"
