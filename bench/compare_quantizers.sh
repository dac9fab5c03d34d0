#!/bin/sh
# Builds compare_quantizers into build/ and prints how quantizers of FAISS compare with `see compress`
# in as many bytes, as Markdown tables: the best settings at each ratio, and all that were searched.
# Installs what is missing where it may (Debian, Ubuntu). 20,000 rows of 100 numbers take half an hour.
#
#   bench/compare_quantizers.sh TABLE [OPTION...]
#
# Options: the head of bench/compare_quantizers.cpp.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/cmake/setup.sh"

[ $# -gt 0 ] || { echo "usage: bench/compare_quantizers.sh TABLE [OPTION...]" >&2 && exit 2; }
need g++ cmake make libeigen3-dev libbenchmark-dev libfaiss-dev >&2
ldconfig -p 2>/dev/null | grep -q libopenblas || need libopenblas0-pthread >&2
configure -DSEE_BUILD_BENCH=ON -DSEE_BENCH_FAISS=ON >&2
cmake --build "$build" --target compare_quantizers >&2

# FAISS's own threads do the work; those of BLAS beside them only get into their way.
OPENBLAS_NUM_THREADS=1 "$build/bench/compare_quantizers" "$@"
