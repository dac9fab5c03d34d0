#!/bin/sh
# Builds the benchmarks into build/, runs those that say how the library compares with what one would
# write by hand, and prints the comparison as one Markdown table. Installs what is missing where it may
# (Debian, Ubuntu). Takes some minutes; leave the machine alone meanwhile.
#
#   bench/compare.sh [--peers] [--table FILE] [--json FOLDER] [-- BENCHMARK_OPTION...]
#
# --peers     compares with LibTorch and FAISS too, and installs them
# --table     a table of word vectors for the comparison with FAISS, else a synthetic one
# --json      where Google Benchmark's files go and stay, build/bench/compare otherwise; `python3
#             bench/compare.py FOLDER` prints the table of them again
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/cmake/setup.sh"

peers=
json=$build/bench/compare
while [ $# -gt 0 ]; do
  case $1 in
    --peers) peers=1 ;;
    --table | --json)
      [ $# -gt 1 ] || { echo "bench/compare.sh: $1 needs a value" >&2 && exit 2; }
      if [ "$1" = --json ]; then
        json=$2
      else
        SEE_BENCH_TABLE=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
        export SEE_BENCH_TABLE
      fi
      shift
      ;;
    --) shift && break ;;
    *) echo "bench/compare.sh: unknown option $1 (those of Google Benchmark go after --)" >&2 && exit 2 ;;
  esac
  shift
done
mkdir -p "$json"
rm -f "$json"/bench_*.json

need g++ cmake make libeigen3-dev libbenchmark-dev python3
programs="bench_lookup bench_score bench_backward"
if [ -n "$peers" ]; then
  have_header torch/csrc/api/include/torch/torch.h || need libtorch-dev
  have_header faiss/IndexPQ.h || need libfaiss-dev
  ldconfig -p 2>/dev/null | grep -q libopenblas || need libopenblas0-pthread
  configure -DSEE_BUILD_BENCH=ON -DSEE_BENCH_TORCH=ON -DSEE_BENCH_FAISS=ON
  programs="$programs bench_peers_torch bench_peers_faiss"
else
  configure -DSEE_BUILD_BENCH=ON
fi
# shellcheck disable=SC2086
cmake --build "$build" --target $programs

# Both the order of the runs and the least of their times keep a passing disturbance out of a ratio.
export SEE_BENCH_LARGE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
for program in $programs; do
  printf '\n== %s\n' "$program" >&2
  case $program in
    bench_peers_*) repetitions=3 ;;
    *) repetitions=7 ;;
  esac
  # Forms that no line of the table needs stay out.
  "$build/bench/$program" --benchmark_filter="-any_order|one_row|step_" \
    --benchmark_min_time=0.03 --benchmark_repetitions=$repetitions \
    --benchmark_enable_random_interleaving=true --benchmark_display_aggregates_only=true \
    --benchmark_out_format=json "--benchmark_out=$json/$program.json" "$@" >&2
done
python3 "$root/bench/compare.py" "$json"
