#!/bin/sh
# A program of two files: compiled with the same flags it runs; with SIMD registers of other widths
# (-msse2, -mavx) for one of them it throws, in place of crashing. Arguments: include flags (those of
# the library and of Eigen). Nothing is done on machines without AVX.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
grep -qw avx /proc/cpuinfo 2>/dev/null || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cxx="${CXX:-g++} -std=c++20 -O0"
flags="-msse2 -mavx"
for flag in $flags; do
  for file in main other; do
    $cxx "$flag" "$@" -c "$here/$file.cpp" -o "$work/$file$flag.o"
  done
done
for one in $flags; do
  for other in $flags; do
    mixed=mixed
    [ "$one" = "$other" ] && mixed=same
    echo "-- $one $other"
    $cxx "$work/main$one.o" "$work/other$other.o" -o "$work/program"
    "$work/program" $mixed
  done
done
