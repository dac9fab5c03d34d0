# Sourced by the scripts that compare ways to compress a model's tables. They set `program` and `out`,
# where teacher.pt lies, and define
#   evaluate MODEL KEPT        prints a line of the model's quality; may keep more in the file KEPT
#   distill START SEED RESULT  trains a student
wordnet=${WORDNET:-/usr/share/wordnet}

# one METHOD RATIO [SEED [ORDER]]: leaves OUT/METHOD-RATIO-SEED-ORDER.log, lines of `compress` and of
# evaluate before and after distillation, and .txt, where it ends well. What is there is not made
# again. Method dense keeps the teacher's tables.
one() {
  method=$1 ratio=$2 seed=${3:-1} order=${4:-2}
  name=$out/$method-$ratio-$seed-$order
  [ ! -s "$name.txt" ] || return 0
  if [ ! -s "$name.pt" ]; then
    if [ ! -s "$name.start.pt" ]; then
      if [ "$method" = dense ]; then
        cp "$out/teacher.pt" "$name.part" && : >"$name.log" || return 1
      else
        "$program" compress "$out/teacher.pt" --method "$method" --ratio "$ratio" --seed "$seed" --order "$order" \
          --wordnet "$wordnet" --threads 1 -o "$name.part" >"$name.log" || return 1
      fi
      evaluate "$name.part" "$name.kept" >>"$name.log" || return 1
      mv "$name.part" "$name.start.pt"
    fi
    distill "$name.start.pt" "$seed" "$name.pt" >&2 || return 1
  fi
  evaluate "$name.pt" "$name.kept" >>"$name.log" || return 1
  [ -s "$name.kept" ] || tail -n 1 "$name.log" >"$name.kept"
  mv "$name.kept" "$name.txt"
  rm -f "$name.start.pt"
}

# one METHOD:RATIO[:SEED[:ORDER]]..., one after another
all() {
  for run; do
    old_ifs=$IFS IFS=:
    one $run || echo "compare.sh: no result of $run" >&2
    IFS=$old_ifs
  done
}
