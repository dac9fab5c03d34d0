#!/bin/sh
# Trains a translator, compresses its tables in several ways, distils each, and prints a Markdown
# table of BLEU beside the teacher's. What is done is kept in OUT: the same command goes on from it.
# The numbers are left in OUT/results.csv, their plot, where there is a python3, in OUT/results.svg.
#
#   examples/translate/compare.sh TRANSLATE DATA OUT [RUN...]
#
# TRANSLATE is the program (build/examples/translate/translate); DATA has train, val and
# test_2016_flickr, each as .en and .de; a RUN is METHOD:RATIO[:SEED[:ORDER]], those below where none
# is given; method dense keeps the teacher's tables. Settings: EPOCHS (18) of the teacher, STEPS1 (300)
# and STEPS2 (2000) of the stages, RATE (0.002), WORDNET (/usr/share/wordnet). One thread: two
# comparisons at once serve two cores best.
set -eu
[ $# -ge 3 ] || { echo "usage: compare.sh TRANSLATE DATA OUT [METHOD:RATIO[:SEED[:ORDER]]...]" >&2 && exit 2; }
program=$1 data=$2 out=$3
shift 3
[ $# -gt 0 ] || set -- senses_coded:20 senses:20 low_rank:20 senses_random:20 senses_coded_random:20 trellis:20 \
  induced:20 random:20 senses_coded:40 senses:40 low_rank:40 senses_random:40 trellis:40 induced:40 senses_coded:80 \
  trellis:80 senses:80 induced:80 senses_coded:10 senses:10 induced:10 senses_coded:20:2 senses_coded_random:20:2 \
  senses_coded:20:3 senses_coded_random:20:3 senses:20:1:3 senses_cut:20 word2ketxs:20 word2ket:20:1:3 morphte:20:1:3 \
  morphte:20 tt:20
steps1=${STEPS1:-300} steps2=${STEPS2:-2000} rate=${RATE:-0.002}
export OPENBLAS_NUM_THREADS=1
mkdir -p "$out"
test=$data/test_2016_flickr
. "$(dirname "$0")/../transformer/runs.sh"

evaluate() { "$program" eval "$1" "$test.en" "$test.de" --threads 1 --output "$2"; }
distill() {
  "$program" distill "$out/teacher.pt" "$1" "$data/train.en" "$data/train.de" --steps1 "$steps1" --steps2 "$steps2" \
    --rate "$rate" --seed "$2" --threads 1 -o "$3"
}

if [ ! -s "$out/teacher.pt" ]; then
  "$program" train "$data/train.en" "$data/train.de" --val-source "$data/val.en" --val-target "$data/val.de" \
    --epochs "${EPOCHS:-18}" --rate 0.003 --threads 1 -o "$out/teacher.pt" >&2
fi
if [ ! -s "$out/teacher.txt" ]; then
  evaluate "$out/teacher.pt" "$out/teacher.part" && mv "$out/teacher.part" "$out/teacher.txt"
fi >&2
all "$@"

# A log has two lines of `compress` and two of `eval`.
{
  echo method,order,seed,bytes,numbers,error_source,error_target,before,bleu,difference,low,high
  bleu=$("$program" compare "$out/teacher.txt" "$out/teacher.txt" "$test.de" --resamples 1 | cut -d' ' -f2)
  echo "dense,,,1,1,,,,$bleu,,,"
  for log in "$out"/*.log; do
    name=${log%.log}
    [ -s "$name.txt" ] || continue
    "$program" compare "$name.txt" "$out/teacher.txt" "$test.de" >"$out/compared.part"
    awk -v run="${name##*/}" '
      / table, bytes/ { gsub(/[,:]/, ""); before += $4; after += $6; whole += $9; kept += $11; error[++tables] = $NF }
      /^BLEU/ { gsub(/,/, ""); bleu[++n] = $2 }
      /difference/ { difference = $6; low = $(NF - 2); high = $NF }  # BLEU A and B difference D 95% interval L to H
      END {
        split(run, part, "-")
        printf "%s,%s,%s,%.1f,%s,%s,%s,%s,%s,%s,%s,%s\n", part[1], part[4], part[3], after ? before / after : 1,
          kept ? sprintf("%.1f", whole / kept) : "", error[1], error[2], bleu[1], bleu[2], difference, low, high
      }' "$log" "$out/compared.part"
  done | sort -t, -k4,4n -k1,1
} >"$out/results.part"
rm -f "$out/compared.part"
mv "$out/results.part" "$out/results.csv"
awk -F, '
  NR == 1 {
    print "| tables | order | seed | bytes / | numbers / | error | BLEU before | BLEU | minus teacher (95%) |"
    print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    next
  }
  $1 == "dense" { print "| dense, the teacher | | | 1 | 1 | | | " $9 " | |"; next }
  { printf "| %s | %s | %s | %s | %s | %s, %s | %s | %s | %s (%s to %s) |\n",
      $1, $2, $3, $4, $5 ? $5 : "none", $6, $7, $8, $9, $10, $11, $12 }' "$out/results.csv"
plot=$(dirname "$0")/../../docs/plot_translation.py
if command -v python3 >/dev/null; then python3 "$plot" "$out/results.csv" "$out/results.svg" || true; fi
