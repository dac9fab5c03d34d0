#!/bin/sh
# Builds the tests and the command line into build/ and runs every test. Installs what is missing
# where it may (Debian, Ubuntu). Arguments go to CMake.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/cmake/setup.sh"

need g++ cmake make libeigen3-dev catch2 libcli11-dev nlohmann-json3-dev python3
configure -DSEE_BUILD_TESTS=ON -DSEE_BUILD_TOOLS=ON "$@"
cmake --build "$build" --target see_check
cd "$build"
ctest --output-on-failure
