#!/bin/sh
# Builds the command line and the examples into build/ and runs the first example. Installs what is
# missing where it may (Debian, Ubuntu). Arguments go to CMake.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/cmake/setup.sh"

need g++ cmake make libeigen3-dev libcli11-dev nlohmann-json3-dev
configure -DSEE_BUILD_EXAMPLES=ON -DSEE_BUILD_TOOLS=ON "$@"
cmake --build "$build" --target see_cli see_examples

printf '\n$ build/examples/toy\n'
"$build/examples/toy"

cat <<END

The command line is $build/tools/see; try
  $build/tools/see --help
The other examples are in $build/examples, their sources in $root/examples.
END
