#!/bin/sh
# Trains a translator, compresses its tables in several ways, distils each, and prints a Markdown
# table of BLEU beside the teacher's. What is done is kept in OUT: the same command goes on from it.
#
#   examples/translate/compare.sh TRANSLATE DATA OUT [RUN...]
#
# TRANSLATE is the program (build/examples/translate/translate); DATA has train, val and
# test_2016_flickr, each as .en and .de; a RUN is METHOD:RATIO[:SEED[:ORDER]], those below where none
# is given. Settings: STEPS1 (300) and STEPS2 (2000) of the stages, RATE (0.002), EPOCHS (18) of the
# teacher, WORDNET (/usr/share/wordnet). One thread: two comparisons at once serve two cores best.
set -eu
[ $# -ge 3 ] || { echo "usage: compare.sh TRANSLATE DATA OUT [METHOD:RATIO[:SEED[:ORDER]]...]" >&2 && exit 2; }
translate=$1 data=$2 out=$3
shift 3
[ $# -gt 0 ] || set -- trellis:20 low_rank:20 induced:20 random:20 senses:20 senses:20:1:3 senses_random:20 \
  senses_cut:20 word2ketxs:20 senses:20:2 senses_random:20:2 senses:20:3 senses_random:20:3 senses:40 \
  senses_random:40 low_rank:40 induced:40 trellis:40 senses:10 senses:80 induced:10 induced:80
wordnet=${WORDNET:-/usr/share/wordnet} steps1=${STEPS1:-300} steps2=${STEPS2:-2000} rate=${RATE:-0.002}
export OPENBLAS_NUM_THREADS=1
mkdir -p "$out"
test=$data/test_2016_flickr

if [ ! -s "$out/teacher.pt" ]; then
  "$translate" train "$data/train.en" "$data/train.de" --val-source "$data/val.en" --val-target "$data/val.de" \
    --epochs "${EPOCHS:-18}" --rate 0.003 --threads 1 -o "$out/teacher.pt" >&2
fi
if [ ! -s "$out/teacher.txt" ]; then
  "$translate" eval "$out/teacher.pt" "$test.en" "$test.de" --threads 1 --output "$out/teacher.part"
  mv "$out/teacher.part" "$out/teacher.txt"
fi >&2

# one METHOD RATIO [SEED [ORDER]]
one() {
  method=$1 ratio=$2 seed=${3:-1} order=${4:-2}
  name=$out/$method-$ratio-$seed-$order
  [ ! -s "$name.txt" ] || return 0
  if [ ! -s "$name.pt" ]; then
    if [ ! -s "$name.start.pt" ]; then
      "$translate" compress "$out/teacher.pt" --method "$method" --ratio "$ratio" --seed "$seed" --order "$order" \
        --wordnet "$wordnet" --threads 1 -o "$name.part" >"$name.log" || return 1
      "$translate" eval "$name.part" "$test.en" "$test.de" --threads 1 >>"$name.log" || return 1
      mv "$name.part" "$name.start.pt"
    fi
    "$translate" distill "$out/teacher.pt" "$name.start.pt" "$data/train.en" "$data/train.de" --steps1 "$steps1" \
      --steps2 "$steps2" --rate "$rate" --seed "$seed" --threads 1 -o "$name.pt" >&2 || return 1
  fi
  "$translate" eval "$name.pt" "$test.en" "$test.de" --threads 1 --output "$name.part" >>"$name.log" || return 1
  mv "$name.part" "$name.txt"
  rm -f "$name.start.pt"
}

for run; do
  old_ifs=$IFS IFS=:
  one $run || echo "compare.sh: no result of $run" >&2
  IFS=$old_ifs
done

# A log has two lines of `compress` and two of `eval`.
printf '| tables | order | seed | bytes / | numbers / | error | BLEU before | BLEU | minus teacher (95%%) |\n'
printf '| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n'
for log in "$out"/*.log; do
  name=${log%.log}
  [ -s "$name.txt" ] || continue
  "$translate" compare "$name.txt" "$out/teacher.txt" "$test.de" >"$out/compared.part"
  base=$(basename "$name")
  awk -v base="$base" '
    /table, bytes/ { gsub(/[,:]/, ""); before += $4; after += $6; whole += $9; kept += $11; error = error (error ? ", " : "") $NF }
    /^BLEU/ { bleu[++n] = $2; sub(/,$/, "", bleu[n]) }
    /difference/ { for (i = 1; i <= NF; i++) if ($i == "difference") diff = $(i + 1); sub(/,/, "", diff); at = index($0, "interval"); interval = substr($0, at + 9) }
    END {
      split(base, part, "-")
      printf "| %s | %s | %s | %.1f | %s | %s | %s | %s | %s (%s) |\n", part[1], part[4], part[3], before / after,
        kept ? sprintf("%.1f", whole / kept) : "no", error, bleu[1], bleu[2], diff, interval
    }' "$log" "$out/compared.part"
done | sort -t'|' -k5,5n -k2,2
rm -f "$out/compared.part"
