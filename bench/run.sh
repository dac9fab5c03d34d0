#!/bin/sh
# Builds the benchmarks into build/ and runs all of them, or those whose names are given (lookup, bag,
# backward, load, compress, score), in one thread unless their name says two. Installs what is missing
# where it may (Debian, Ubuntu). bench/compare.sh prints a table of ratios instead.
#
#   bench/run.sh [--json FOLDER] [NAME...] [-- BENCHMARK_OPTION...]
#
# --json FOLDER writes FOLDER/bench_NAME.json too. SEE_BENCH_LARGE=1 adds what needs 2 GB of memory.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/cmake/setup.sh"

json=
names=
while [ $# -gt 0 ]; do
  case $1 in
    --json)
      [ $# -gt 1 ] || { echo "bench/run.sh: --json needs a folder" >&2 && exit 2; }
      mkdir -p "$2" && json=$(cd "$2" && pwd) && shift
      ;;
    --) shift && break ;;
    -*) echo "bench/run.sh: unknown option $1 (those of Google Benchmark go after --)" >&2 && exit 2 ;;
    *) names="$names $1" ;;
  esac
  shift
done
for name in $names; do
  [ -f "$root/bench/bench_$name.cpp" ] || { echo "bench/run.sh: no bench/bench_$name.cpp" >&2 && exit 2; }
done

need g++ cmake make libeigen3-dev libbenchmark-dev
configure -DSEE_BUILD_BENCH=ON
cmake --build "$build" --target see_bench

for source in "$root"/bench/bench_*.cpp; do
  program=$(basename "$source" .cpp)
  case " $names " in
    '  ' | *" ${program#bench_} "*) ;;
    *) continue ;;
  esac
  if [ ! -x "$build/bench/$program" ]; then  # bench_peers_*: off by default
    echo "$program is not built: see bench/CMakeLists.txt, or bench/compare.sh --peers" >&2
    continue
  fi
  printf '\n== %s\n' "$program"
  if [ -n "$json" ]; then
    "$build/bench/$program" "$@" --benchmark_out_format=json "--benchmark_out=$json/$program.json"
  else
    "$build/bench/$program" "$@"
  fi
done
