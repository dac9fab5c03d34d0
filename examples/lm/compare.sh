#!/bin/sh
# Trains a language model, compresses its table in several ways, distils each, and prints a Markdown
# table of perplexities beside the teacher's. What is done is kept in OUT: the same command goes on
# from it. The numbers are left in OUT/results.csv.
#
#   examples/lm/compare.sh LM TEXT OUT [RUN...]
#
# LM is the program (build/examples/lm/lm), TEXT a file; a RUN is METHOD:RATIO[:SEED[:ORDER]], those
# below where none is given; method dense keeps the teacher's table. Settings: STEPS (6000) of the
# teacher, STEPS1 (300) and STEPS2 (1200) of the stages, RATE (0.001), WORDNET (/usr/share/wordnet).
set -eu
[ $# -ge 3 ] || { echo "usage: compare.sh LM TEXT OUT [METHOD:RATIO[:SEED[:ORDER]]...]" >&2 && exit 2; }
program=$1 text=$2 out=$3
shift 3
[ $# -gt 0 ] || set -- dense:1 senses_coded:10 senses:10 senses_coded_random:10 senses_random:10 low_rank:10 \
  trellis:10 senses_coded:20 senses:20 senses_coded_random:20 senses_random:20 low_rank:20 trellis:20
export OPENBLAS_NUM_THREADS=1
mkdir -p "$out"
. "$(dirname "$0")/../transformer/runs.sh"

evaluate() { "$program" eval "$1" "$text" --threads 1; }
distill() {
  "$program" distill "$out/teacher.pt" "$1" "$text" --steps1 "${STEPS1:-300}" --steps2 "${STEPS2:-1200}" \
    --rate "${RATE:-0.001}" --seed "$2" --threads 1 -o "$3"
}

[ -s "$out/teacher.pt" ] || "$program" train "$text" --steps "${STEPS:-6000}" --threads 1 -o "$out/teacher.pt" >&2
if [ ! -s "$out/teacher.txt" ]; then
  evaluate "$out/teacher.pt" >"$out/teacher.part" && mv "$out/teacher.part" "$out/teacher.txt"
fi
all "$@"

# A log has a line of `compress` and two of `eval`.
{
  echo method,order,seed,bytes,numbers,error,before,perplexity,more
  teacher=$(cut -d' ' -f2 "$out/teacher.txt")
  echo "teacher,,,1,1,,,$teacher,"
  for log in "$out"/*.log; do
    name=${log%.log}
    [ -s "$name.txt" ] || continue
    awk -v run="${name##*/}" -v teacher="$teacher" '
      /^table, bytes/ { gsub(/[,:]/, ""); ratio = $3 / $5; whole = $8; kept = $10; error = $NF }
      /^perplexity/ { perplexity[++n] = $2 }
      END {
        split(run, part, "-")
        printf "%s,%s,%s,%.1f,%s,%s,%s,%s,%.2f\n", part[1], part[4], part[3], ratio ? ratio : 1,
          kept ? sprintf("%.1f", whole / kept) : "", error, perplexity[1], perplexity[2],
          100 * (perplexity[2] / teacher - 1)
      }' "$log"
  done | sort -t, -k4,4n -k1,1
} >"$out/results.part"
mv "$out/results.part" "$out/results.csv"
awk -F, '
  NR == 1 {
    print "| table | order | seed | bytes / | numbers / | error | perplexity before | perplexity | more than the teacher |"
    print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    next
  }
  $1 == "teacher" { print "| dense, the teacher | | | 1 | 1 | | | " $8 " | |"; next }
  { printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s%% |\n", $1, $2, $3, $4, $5 ? $5 : "none", $6, $7, $8, $9 }' \
  "$out/results.csv"
