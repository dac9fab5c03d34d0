#!/bin/sh
# Installs the library, moves the installed tree, and builds and runs main.cpp in each of the ways
# in which a project can take the library up. Everything happens in a temporary folder.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
consumers=$root/tests/consumers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake -S "$root" -B "$work/see" -DCMAKE_INSTALL_PREFIX="$work/first" -DSEE_BUILD_TESTS=OFF \
  -DSEE_BUILD_BENCH=OFF -DSEE_BUILD_EXAMPLES=OFF -DSEE_BUILD_TOOLS=OFF >/dev/null
cmake --build "$work/see"
cmake --install "$work/see" >/dev/null
mv "$work/first" "$work/moved"
rm -r "$work/see"
if grep -rn -e "$work" -e "$root" "$work/moved"; then
  echo "The installed files name the folders that they were made in." >&2
  exit 1
fi

for way in find_package add_subdirectory fetchcontent; do
  echo "-- $way"
  cmake -S "$consumers/$way" -B "$work/$way" -DCMAKE_PREFIX_PATH="$work/moved" >/dev/null
  cmake --build "$work/$way"
  "$work/$way/consumer"
done

echo "-- pkg_config"
PKG_CONFIG_PATH=$work/moved/share/pkgconfig make -C "$consumers/pkg_config" OUT="$work/with_pkg_config"
"$work/with_pkg_config"

echo "-- files of other flags"
# shellcheck disable=SC2046
sh "$consumers/mixed_flags/run.sh" $(PKG_CONFIG_PATH=$work/moved/share/pkgconfig pkg-config --cflags see)
