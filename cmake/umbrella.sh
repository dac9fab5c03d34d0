#!/bin/sh
# umbrella.sh --check: fails unless see/see.hpp includes every header of the library, layer by layer,
# and every header includes only headers of its own layer and of those before it.
# umbrella.sh --write: writes see/see.hpp anew.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../include/see"

layers="core kernel model nn eval io knowledge compress baseline"  # the table in HACKING.md, top to bottom
optional="knowledge/hunspell_segmenter.hpp"  # include another library: only by their own names

umbrella() {
  printf '#pragma once\n\n/// The whole library. Headers of one layer stand together; a layer builds on those before it.\n\n'
  ls ./*.hpp | sed -n '/see.hpp/!s|^\./\(.*\)|#include "see/\1"|p'
  for layer in $layers; do
    [ -n "$(find "$layer" -name '*.hpp' 2>/dev/null)" ] || continue
    printf '\n'
    find "$layer" -name '*.hpp' | grep -vxF "$optional" | sort | sed 's|.*|#include "see/&"|'
  done
}

case ${1:-} in
  --write) umbrella >see.hpp.new && mv see.hpp.new see.hpp && exit ;;
  --check) ;;
  *) echo "usage: umbrella.sh --check|--write" >&2 && exit 2 ;;
esac

failed=0
missing=$(find . -name '*.hpp' ! -path ./see.hpp | sed 's|^\./||' | grep -vxF "$optional" | sort | while read -r header; do
  grep -qxF "#include \"see/$header\"" see.hpp || echo "  see/$header"
done)
if [ -n "$missing" ]; then
  printf 'see/see.hpp lacks these headers (cmake/umbrella.sh --write adds those of a known layer):\n%s\n' "$missing"
  failed=1
elif ! umbrella | cmp -s - see.hpp; then
  echo "see/see.hpp is not what cmake/umbrella.sh --write makes"
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
exit $failed
