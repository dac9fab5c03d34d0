#!/bin/sh
# Builds the pages of docs/ and the reference of include/see into build/docs, as HTML with search.
# Fails on any warning, a link to nowhere, a name in docs/api.md that the library lacks, and a line
# that is too long. Installs what is missing where it may (Debian, Ubuntu).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/cmake/setup.sh"

need mkdocs doxygen python3
work=$build/docs-work
rm -rf "$work" "$build/docs"
mkdir -p "$work/pages/reference"
cd "$root"
cp docs/mkdocs.yml "$work"
cp docs/*.md docs/*.svg "$work/pages"
cp -R docs/data docs/quantizers "$work/pages"

version=$(sed -n 's/^#define SEE_VERSION_[A-Z]* //p' include/see/version.hpp | paste -sd .)
{
  cat docs/Doxyfile
  printf '%s\n' "PROJECT_NUMBER = $version" "OUTPUT_DIRECTORY = $work/pages/reference" \
    "GENERATE_TAGFILE = $work/see.tag" "WARN_AS_ERROR = FAIL_ON_WARNINGS"
} | doxygen -
mkdocs build --quiet --strict --config-file "$work/mkdocs.yml"
python3 docs/check.py "$build/docs" "$work/see.tag"
rm -r "$work"
echo "The pages are in $build/docs; begin with index.html."
