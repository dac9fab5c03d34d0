#!/bin/sh
# The umbrella headers: see/see.hpp, what a program needs that uses models and trains layers, and
# see/compress.hpp, that and what makes models from tables, which takes a compiler far longer.
# umbrella.sh --check: fails unless they include every header of the library, layer by layer, and
# every header includes only headers of its own layer and of those before it, has 400 lines at most, and
# (where there is a python3) declares no name in namespace see that docs/api.md does not list.
# umbrella.sh --write: writes both anew. X-inl.hpp, which has the bodies of X.hpp, is none of a user's.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../include/see"

layers="core kernel model nn eval io codes file knowledge compress"  # the table in HACKING.md, top to bottom
makers="compress"                   # of these, what stands in see/compress.hpp alone
optional="knowledge/hunspell_segmenter.hpp"  # include another library: only by their own names

# includes LAYER...: lines for the headers of these layers
includes() {
  for layer in "$@"; do
    [ -n "$(find "$layer" -name '*.hpp' 2>/dev/null)" ] || continue
    printf '\n'
    find "$layer" -name '*.hpp' | grep -vxF "$optional" | grep -v -- '-inl.hpp$' | sort | sed 's|.*|#include "see/&"|'
  done
}

umbrella() {
  printf '#pragma once\n\n/// All that uses models and trains layers; see/compress.hpp has what makes models from tables.\n'
  printf '/// Headers of one layer stand together; a layer builds on those before it.\n\n'
  ls ./*.hpp | sed -n '/see.hpp\|compress.hpp/!s|^\./\(.*\)|#include "see/\1"|p'
  # shellcheck disable=SC2086
  includes ${layers%" $makers"}
}

makers_umbrella() {
  printf '#pragma once\n\n/// The whole library: see/see.hpp and what makes models from tables.\n\n#include "see/see.hpp"\n'
  # shellcheck disable=SC2086
  includes $makers
}

case ${1:-} in
  --write)
    umbrella >see.hpp.new && mv see.hpp.new see.hpp
    makers_umbrella >compress.hpp.new && mv compress.hpp.new compress.hpp
    exit
    ;;
  --check) ;;
  *) echo "usage: umbrella.sh --check|--write" >&2 && exit 2 ;;
esac

failed=0
# torch/ stands apart: it has an umbrella of its own, see/torch/torch.hpp, and needs LibTorch.
missing=$(find . -name '*.hpp' ! -path './torch/*' ! -path ./see.hpp ! -path ./compress.hpp | sed 's|^\./||' | grep -vxF "$optional" | grep -v -- '-inl.hpp$' | sort | while read -r header; do
  grep -qxF "#include \"see/$header\"" see.hpp compress.hpp || echo "  see/$header"
done)
if [ -n "$missing" ]; then
  printf 'no umbrella has these headers (cmake/umbrella.sh --write adds those of a known layer):\n%s\n' "$missing"
  failed=1
elif ! umbrella | cmp -s - see.hpp || ! makers_umbrella | cmp -s - compress.hpp; then
  echo "see/see.hpp or see/compress.hpp is not what cmake/umbrella.sh --write makes"
  failed=1
fi

long=$(find . -name '*.hpp' -exec awk 'END { if (NR > 400) print "  see/" FILENAME ": " NR " lines" }' {} \;)
if [ -n "$long" ]; then
  printf 'these headers are longer than 400 lines (HACKING.md, Rules):\n%s\n' "$long"
  failed=1
fi

later=$layers
for layer in $layers; do
  later=${later#"$layer"}
  later=${later# }
  [ -n "$later" ] || break
  pattern="#include \"see/\($(echo "$later" | sed 's/ /\\|/g')\)/"
  if grep -rn "$pattern" "$layer"; then
    echo "  are includes of a layer later than $layer (HACKING.md, The tree)"
    failed=1
  fi
done
if command -v python3 >/dev/null 2>&1; then
  python3 ../../docs/names.py || failed=1
fi
exit $failed
