#!/bin/sh
# End-to-end tests of the command line. usage: cli.sh PATH-OF-SEE
set -eu
see=$1
case $see in */*) see=$(cd "$(dirname "$see")" && pwd)/$(basename "$see") ;; esac
python=$(command -v python3 || true)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

fail() {
  echo "cli.sh: $*" >&2
  [ ! -s err ] || sed 's/^/  stderr: /' err >&2
  exit 1
}

# expect CODE ARGUMENT...: runs see; its output is in out and err.
expect() {
  wanted=$1
  shift
  code=0
  "$see" "$@" >out 2>err || code=$?
  [ "$code" -eq "$wanted" ] || fail "see $*: exit code $code, needed $wanted"
}

# ok ARGUMENT...: must succeed and say nothing on standard error.
ok() {
  expect 0 "$@"
  [ ! -s err ] || fail "see $*: wrote to standard error"
}

# error CODE TEXT ARGUMENT...: must print nothing but one line on standard error that has TEXT.
error() {
  wanted=$1 text=$2
  shift 2
  expect "$wanted" "$@"
  [ ! -s out ] || fail "see $*: printed something beside an error"
  [ "$(wc -l <err)" -eq 1 ] || fail "see $*: needed one line on standard error"
  grep -q '^see: ' err || fail "see $*: an error that does not begin with 'see: '"
  grep -qi -e "$text" err || fail "see $*: an error without '$text'"
}

# value KEY FILE: a number of the JSON in FILE; -1 for null.
value() {
  sed -n "s/^ *\"$1\": *\\([^,]*\\),*\$/\\1/p" "$2" | sed 's/null/-1/' | head -n 1
}

# holds CONDITION: arithmetic of awk.
holds() {
  awk "BEGIN { exit !($1) }" || fail "does not hold: $1"
}

size() { wc -c <"$1" | tr -d ' '; }

# table ROWS COLUMNS: GloVe text, rows in groups that share parts.
table() {
  awk -v rows="$1" -v columns="$2" '
    function random() { state = (state * 16807) % 2147483647; return 2 * state / 2147483647 - 1 }
    BEGIN {
      state = 20240229
      for (i = 0; i < 37 * columns; ++i) part[i] = random()
      for (w = 0; w < rows; ++w) {
        printf "w%d", w
        for (c = 0; c < columns; ++c)
          printf " %.5f", part[w % 12 * columns + c] + part[(12 + w % 25) * columns + c] / 2 + random() / 8
        print ""
      }
    }'
}

# check_keys FILE: the JSON has every key, and the parts of the size add up to the total.
check_keys() {
  for key in words dim order factor_dims units rank_min rank_mean rank_max bytes factors index gains \
    basis residual header total vocabulary_bytes ratio relative_error mean_cosine seconds \
    neighbor_overlap_10 rate_distortion_bound wordsim analogy; do
    grep -q "\"$key\":" "$1" || fail "$1 lacks the key $key"
  done
  sum=0
  for part in factors index gains basis residual header; do
    sum=$((sum + $(value $part "$1")))
  done
  [ "$sum" -eq "$(value total "$1")" ] || fail "$1: the parts of the size sum to $sum"
  [ -z "$python" ] || "$python" -m json.tool "$1" >/dev/null || fail "$1 is no JSON"
}

table 300 16 >t.txt

# --- help and version
ok --version
grep -q '^see [0-9]*\.[0-9]*\.[0-9]*$' out || fail "an odd version: $(cat out)"
ok --help
grep -q 'Exit codes: 0' out || fail "the help has no exit codes"
for command in compress expand info lookup neighbors eval; do
  ok $command --help
  grep -q "^ *see $command " out || fail "the help of $command has no example"
done
expect 2
[ ! -s out ] && grep -q '^Usage: see' err || fail "see alone shows no usage on standard error"

# --- compress: sizes are kept, the report is right
ok compress t.txt -o ratio.st --ratio 2.5 --json
mv out ratio.json
check_keys ratio.json
holds "$(value ratio ratio.json) >= 2.5 && $(value total ratio.json) == $(size ratio.st) - $(value vocabulary_bytes ratio.json)"
holds "$(value ratio ratio.json) * $(value total ratio.json) - 4 * 300 * 16 < 1e-3"
holds "$(value words ratio.json) == 300 && $(value dim ratio.json) == 16 && $(value seconds ratio.json) >= 0"
holds "$(value relative_error ratio.json) < 0.2 && $(value mean_cosine ratio.json) > 0.8"
[ "$(value neighbor_overlap_10 ratio.json)" = -1 ] || fail "compress measured neighbours"

ok compress t.txt -o bytes.st --bytes 4000 --seed 3
grep -q '^relative error .*%' out && grep -q '^size .* ratio ' out && grep -q '^  index .*%' out ||
  fail "the report of compress lacks a line"
ok info bytes.st --json
mv out bytes.json
check_keys bytes.json
holds "$(value total bytes.json) <= 4000 && $(value total bytes.json) == $(size bytes.st) - $(value vocabulary_bytes bytes.json)"
[ "$(value seed bytes.json)" -eq 3 ] || fail "the seed is not noted"
ok info ratio.st --json
cmp -s out ratio.json || fail "info says other than compress did"
ok info ratio.st
grep -q '^words  *300$' out || fail "the text of info lacks the words"

# --- the same model for any number of threads, over an older file, through a link
echo older >one.st
ln -s one.st link.st
ok compress t.txt -o link.st --bytes 4000 --seed 3 --threads 1
[ -L link.st ] || fail "a link was replaced"
ok compress t.txt -o two.st --bytes 4000 --seed 3 --threads 2
ok expand one.st -o one.npy
ok expand two.st -o two.npy
cmp -s one.npy two.npy || fail "one and two threads differ"
ok expand bytes.st -o bytes.npy
cmp -s one.npy bytes.npy || fail "a second run differs"

# --- expand and eval
[ "$(size one.npy)" -eq $((128 + 4 * 300 * 16)) ] || fail "one.npy has $(size one.npy) bytes"
awk '{ print $1 }' t.txt | cmp -s - one.words.txt || fail "one.words.txt is not the words"
ok eval one.npy one.st --json
check_keys out
holds "$(value relative_error out) < 1e-10 && $(value neighbor_overlap_10 out) > 0.99 && $(value mean_cosine out) > 0.999999"
ok eval t.txt ratio.st --json
mv out eval.json
check_keys eval.json
holds "$(value relative_error eval.json) - $(value relative_error ratio.json) < 2e-5"
holds "$(value relative_error ratio.json) - $(value relative_error eval.json) < 2e-5"
holds "$(value rate_distortion_bound eval.json) >= 0 && $(value matched eval.json) == 300"
holds "$(value neighbor_overlap_10 eval.json) > 0.3 && $(value neighbor_overlap_10 eval.json) <= 1"
ok eval t.txt ratio.st --threads 1 --json
cmp -s out eval.json || fail "eval differs with one thread"

printf 'w1 w13 9\nw1\tW2\t3.5\nw5 w17 8\nw3 w8 1\nw1 nowhere 5\n' >pairs.txt
printf ': one\nw1 w2 w13 w14\nw1 w2 w3 nowhere\n: two\nw0 w5 w12 w17\n' >questions.txt
ok eval t.txt ratio.st --wordsim pairs.txt --wordsim pairs.txt --analogy questions.txt --json
check_keys out
holds "$(value pairs out) == 4 && $(value questions out) == 2"
[ "$(grep -c '"pairs": 4' out)" -eq 2 ] || fail "needed two lists of word pairs"
ok eval t.txt ratio.st --wordsim pairs.txt --analogy questions.txt
grep -q '^  pairs.txt ' out && grep -q '^  questions.txt ' out || fail "eval reports no lists"
ok eval t.txt ratio.st --first 100 --json
holds "$(value matched out) == 100 && $(value words out) == 300"
sed 's/^w\([0-4]\) /x\1 /' t.txt >other.txt
ok eval other.txt ratio.st
grep -q '^rows compared  *295 (the table has 300, the model 300)$' out || fail "295 rows match"
ok compress t.txt -o first.st --ratio 1 --first 120 --json
[ "$(value words out)" -eq 120 ] || fail "--first 120 took $(value words out) rows"
ok eval t.txt first.st --json
[ "$(value matched out)" -eq 120 ] || fail "eval matched $(value matched out) of 120 rows"

# --- lookup and neighbors
# shellcheck disable=SC2046
ok lookup ratio.st $(cat one.words.txt)
mv out lookup.txt
ok eval lookup.txt ratio.st --json
holds "$(value relative_error out) < 1e-10 && $(value matched out) == 300"
expect 1 lookup ratio.st nowhere w7 -- -x
[ "$(wc -l <out)" -eq 1 ] && grep -q '^w7 ' out || fail "lookup left out a known word"
[ "$(grep -c '^see: ' err)" -eq 2 ] || fail "lookup did not name two unknown words"
ok lookup ratio.st w7 --json
grep -q '"word":"w7","row":7,"vector":\[' out || fail "odd JSON of lookup"
ok neighbors ratio.st w7 -k 3
[ "$(wc -l <out)" -eq 3 ] && ! grep -q ' w7$' out || fail "odd neighbours of w7"
ok neighbors ratio.st w7 --json
[ "$(grep -c '"cosine"' out)" -eq 10 ] || fail "needed 10 neighbours"
error 1 nowhere neighbors ratio.st nowhere

printf '[a,b] 1 2\n[UNK] 2 3\n{} 3 4\n-x 4 5\ninfo 5 6\n[UNK] 6 7\n' >odd.txt
expect 0 compress odd.txt -o odd.st --bytes 2000
[ "$(cat err)" = 'see: 1 duplicate word dropped' ] || fail "no word about a duplicate"
ok lookup odd.st '[a,b]' '[UNK]' '{}' info -- -x
[ "$(awk '{ printf "%s ", $1 }' out)" = '[a,b] [UNK] {} info -x ' ] || fail "lookup of odd words"
ok lookup odd.st '{}'
ok neighbors odd.st '[a,b]' -k 1

# --- a model without words
cp one.npy plain.npy
ok compress plain.npy -o plain.st --ratio 2
ok lookup plain.st 0 299
[ "$(wc -l <out)" -eq 2 ] || fail "lookup by row number"
error 1 'row number' lookup plain.st 300
ok neighbors plain.st 5 -k 2
ok eval plain.npy plain.st --first 50
ok expand plain.st -o plain2.npy
[ ! -e plain2.words.txt ] || fail "expand made words up"
error 3 'has words and the' eval one.npy plain.st
error 3 'has words and the' eval plain.npy one.st
error 3 'has no words' eval plain.npy plain.st --wordsim pairs.txt
error 3 'one.words.txt' expand plain.st -o one.npy

# --- every format of a table gives the same report
awk 'NR == FNR { ++n; columns = NF - 1; next } FNR == 1 { print n, columns } { print }' t.txt t.txt >w2v.txt
tables=w2v.txt
if [ -n "$python" ]; then
  "$python" - <<'PY'
import json, struct
rows = [line.split() for line in open('t.txt')]
words = [row[0] for row in rows]
packed = [struct.pack('<16f', *map(float, row[1:])) for row in rows]
data = b''.join(packed)
with open('t.bin', 'wb') as f:
    f.write(b'300 16\n')
    for word, row in zip(words, packed):
        f.write(word.encode() + b' ' + row + b'\n')
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (300, 16), }"
header += ' ' * (63 - (10 + len(header)) % 64) + '\n'
with open('n.npy', 'wb') as f:
    f.write(b'\x93NUMPY\1\0' + struct.pack('<H', len(header)) + header.encode() + data)
header = json.dumps({
    'small': {'dtype': 'F32', 'shape': [2, 2], 'data_offsets': [0, 16]},
    'emb.weight': {'dtype': 'F32', 'shape': [300, 16], 'data_offsets': [16, 16 + len(data)]}})
with open('s.safetensors', 'wb') as f:
    f.write(struct.pack('<Q', len(header)) + header.encode() + bytes(16) + data)
for name in 'n', 's':
    with open(name + '.words.txt', 'w') as f:
        f.write(''.join(word + '\n' for word in words))
PY
  tables="$tables t.bin n.npy s.safetensors:emb.weight"
  error 3 'small' compress s.safetensors -o s.st --ratio 2
fi
for table in $tables; do
  ok eval $table ratio.st --json
  cmp -s out eval.json || fail "$table is not read as t.txt is"
done

# --- errors
error 3 'data.noun' senses run --wordnet nowhere
error 2 'wordnet' senses run
error 2 'direction' compress t.txt -o x.st --ratio 2 --direction 3
if [ -f /usr/share/wordnet/data.noun ]; then
  ok senses geese --wordnet /usr/share/wordnet
  grep -q '^|-- goose.n.01' out || fail "geese are not geese"
  ok senses geese --wordnet /usr/share/wordnet --json
  expect 1 senses zzzzqq --wordnet /usr/share/wordnet
fi
error 2 'exactly one' compress t.txt -o x.st
error 2 'exactly one' compress t.txt -o x.st --ratio 2 --bytes 4000
error 2 'method' compress t.txt -o x.st --ratio 2 --method magic
error 2 'ratio' compress t.txt -o x.st --ratio -2
error 3 'ratio' compress t.txt -o x.st --ratio nan
error 2 'bytes' compress t.txt -o x.st --bytes -2
error 2 'seed' compress t.txt -o x.st --ratio 2 --seed -1
error 2 'first' compress t.txt -o x.st --ratio 2 --first 0
error 2 'threads' compress t.txt -o x.st --ratio 2 --threads -1
error 2 'output' compress t.txt --ratio 2
error 2 '' compress t.txt -o x.st --ratio 2 --magic
error 2 '' magic
error 2 'WORD' lookup ratio.st
error 2 'k' neighbors ratio.st w1 -k 0
error 3 'nowhere.txt' compress nowhere.txt -o x.st --ratio 2
error 3 'no/such' compress t.txt -o no/such/x.st --ratio 2
error 3 'cannot write' compress t.txt -o . --ratio 2
error 3 'input' compress t.txt -o ./t.txt --ratio 2
error 3 'input' expand ratio.st -o ./ratio.st
error 3 'no/such' expand ratio.st -o no/such/x.npy
error 3 'nowhere.st' info nowhere.st
error 3 'nowhere.txt' eval t.txt ratio.st --wordsim nowhere.txt
error 3 't.txt' info t.txt
awk '{ print $1, $2, $3 }' t.txt >narrow.txt
error 3 'columns' eval narrow.txt ratio.st
sed 's/^/z/' t.txt >foreign.txt
error 3 'in common' eval foreign.txt ratio.st
printf 'a 1 2\nb 1\n' >ragged.txt
error 3 'ragged.txt' compress ragged.txt -o x.st --ratio 2

error 3 'smallest' compress t.txt -o x.st --bytes 100
least=$(sed 's/.*smallest takes \([0-9]*\) bytes.*/\1/' err)
ok compress t.txt -o least.st --bytes "$least" --json
holds "$(value total out) <= $least"
error 3 'smallest' compress t.txt -o x.st --bytes $((least - 1))
error 3 'smallest' compress t.txt -o x.st --ratio 1e9

head -c $(($(size ratio.st) - 1)) ratio.st >short.st
for byte in Y Z; do
  { cat short.st; printf $byte; } >damaged.st
  cmp -s damaged.st ratio.st || break
done
for command in 'info damaged.st' 'lookup damaged.st w1' 'eval t.txt damaged.st' 'expand damaged.st -o x.npy'; do
  error 3 'damaged.st: damaged' $command
done
error 3 'short.st' info short.st

if [ -c /dev/full ]; then
  for command in 'info ratio.st' 'lookup ratio.st w1' 'neighbors ratio.st w1' '--help' '--version'; do
    code=0
    "$see" $command >/dev/full 2>err || code=$?
    [ "$code" -eq 3 ] && grep -q '^see: .*standard output' err || fail "see $command >/dev/full"
  done
  error 3 '/dev/full' expand ratio.st -o /dev/full
fi

[ ! -e x.st ] && [ ! -e x.npy ] && [ ! -e x.words.txt ] || fail "an error left a file behind"
for file in .see-*; do
  [ ! -e "$file" ] || fail "a temporary file was left behind: $file"
done
echo ok
