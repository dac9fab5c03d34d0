#!/bin/sh
# End-to-end tests of the command line. usage: cli.sh PATH-OF-SEE
set -eu
see=$1
fixtures=$(cd "$(dirname "$0")/fixtures" && pwd)
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

# same_but_seconds FILE FILE: info does not know how long compressing took.
same_but_seconds() {
  grep -v '"seconds":' "$1" >one.json
  grep -v '"seconds":' "$2" | cmp -s - one.json
}

# check_keys FILE: the JSON has every key, and the parts of the size add up to the total.
check_keys() {
  for key in words dim order factor_dims units rank_min rank_mean rank_max bytes factors index gains \
    basis codes knowledge header total vocabulary_bytes ratio relative_error mean_cosine seconds \
    neighbor_overlap_10 rate_distortion_bound wordsim analogy; do
    grep -q "\"$key\":" "$1" || fail "$1 lacks the key $key"
  done
  sum=0
  for part in factors index gains basis codes knowledge header; do
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
for command in compress expand info lookup neighbors eval sweep truncate; do
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
grep -q '^relative error .*%' out && grep -q '^size .* ratio ' out && grep -q '^row  *trellis codes' out ||
  fail "the report of compress lacks a line"
ok info bytes.st --json
mv out bytes.json
check_keys bytes.json
holds "$(value total bytes.json) <= 4000 && $(value total bytes.json) == $(size bytes.st) - $(value vocabulary_bytes bytes.json)"
ok compress t.txt -o induced.st --ratio 3 --method induced --seed 3 --json
[ "$(value seed out)" -eq 3 ] || fail "the seed is not noted"
ok info ratio.st --json
same_but_seconds out ratio.json || fail "info says other than compress did"
ok info ratio.st
grep -q '^words  *300$' out || fail "the text of info lacks the words"
! grep -q 'factors\|senses\|units' out || fail "info speaks of terms where there are none"

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
printf -- '-0.5 1 2\n1 0.5 2\n2 0.5 1\n' >numbers.txt
expect 0 compress numbers.txt -o numbers.st --bytes 2000
grep -q 'rows of 3 numbers without words; --words yes takes the first for words' err || fail "no word about words"
expect 0 compress numbers.txt -o numbers.st --bytes 2000 --words yes
[ ! -s err ] || fail "a complaint about words that were asked for"
ok lookup numbers.st -- -0.5
error 2 words compress numbers.txt -o numbers.st --bytes 2000 --words perhaps
gzip -c numbers.txt >numbers.gz
error 3 'found a gzip file, needed what is in it: gunzip' compress numbers.gz -o numbers.st --bytes 2000
ok neighbors odd.st '[a,b]' -k 1

# --- baselines: the same commands read them
for method in int8 int4 svd tt pq pca word2ketxs; do
  case $method in int*) times=2 ;; *) times=3 ;; esac
  ok compress t.txt -o b.st --ratio $times --method $method --json
  mv out baseline.json
  check_keys baseline.json
  grep -q "\"method\": \"$method\"" baseline.json || fail "a baseline of another method"
  holds "$(value ratio baseline.json) >= $times && $(value total baseline.json) == $(size b.st) - $(value vocabulary_bytes baseline.json)"
  ok info b.st --json
  same_but_seconds out baseline.json || fail "info of $method says other than compress did"
  ok info b.st
  grep -q "^fit  *$method" out || fail "the text of info lacks the method"
  ok expand b.st -o b.npy
  ok eval b.npy b.st --json
  check_keys out
  holds "$(value relative_error out) < 1e-10"
  # shellcheck disable=SC2046
  ok lookup b.st $(cat one.words.txt)
  mv out lookup.txt
  ok eval lookup.txt b.st --json
  holds "$(value relative_error out) < 1e-10 && $(value matched out) == 300"
  ok neighbors b.st w7 -k 3
  [ "$(wc -l <out)" -eq 3 ] || fail "odd neighbours in $method"
  expect 1 lookup b.st nowhere
  ok compress t.txt -o b2.st --ratio $times --method $method --threads 1
  ok expand b2.st -o b2.npy
  cmp -s b.npy b2.npy || fail "$method differs with one thread"
  error 3 ' takes ' compress t.txt -o x.st --bytes 100 --method $method
done
error 3 'smallest takes' compress t.txt -o x.st --ratio 20 --method int8
error 2 'direction need --method' compress t.txt -o x.st --ratio 3 --method pq --direction 0.5
error 3 'morphemes\|names of units' lookup b.st w1 --morphemes pairs.txt

# --- objectives, an interrupt, smaller models from larger ones
# vector NUMBERS SHAPE: a .npy of so many ones
vector() {
  dictionary="{'descr': '<f4', 'fortran_order': False, 'shape': $2, }"
  printf '\223NUMPY\001\000v\000%-117s\n' "$dictionary"
  i=0
  while [ $i -lt "$1" ]; do printf '\000\000\200\077' && i=$((i + 1)); done
}
ok compress t.txt -o even.st --ratio 3 --method trellis --json
mv out even.json
vector 300 '(300,)' >ones.npy
ok compress t.txt -o ones.st --ratio 3 --weights ones.npy --json
holds "$(value relative_error out) < 1.1 * $(value relative_error even.json)"
ok compress t.txt -o zipf.st --ratio 3 --weights zipf --checkpoint half --json
holds "$(value relative_error out) < 1.5 * $(value relative_error even.json) && $(value ratio out) >= 3"
[ ! -e half ] || fail "the checkpoint outlived its model"
vector 299 '(299,)' >few.npy
error 3 '299 weights for 300 rows' compress t.txt -o x.st --ratio 3 --weights few.npy
error 3 'activation covariance' compress t.txt -o x.st --ratio 3 --activation one.npy
ok compress t.txt -o terms.st --ratio 3 --method induced --json
mv out terms.json
ok compress t.txt -o terms.st --ratio 3 --method induced --weights ones.npy --checkpoint half --json
holds "$(value relative_error out) == $(value relative_error terms.json)"
[ ! -e half ] || fail "the checkpoint outlived its model"
ok compress t.txt -o terms.st --ratio 3 --method induced --weights zipf --direction 0.5 --json
holds "$(value ratio out) >= 3"
error 2 'weights need --method auto, trellis or induced' compress t.txt -o x.st --ratio 3 --weights zipf --method pq
error 2 'need --method auto or trellis' compress t.txt -o x.st --ratio 3 --activation one.npy --method induced
error 3 'is no checkpoint\|half' compress t.txt -o x.st --ratio 3 --checkpoint even.st
ok compress t.txt -o large.st --ratio 2
ok truncate large.st -o small.st --ratio 4 --json
holds "$(value ratio out) >= 4 && $(value relative_error out) == -1"
ok eval t.txt small.st --json
holds "$(value matched out) == 300 && $(value relative_error out) < 1"
error 2 'exactly one' truncate large.st -o x.st
error 3 'smallest' truncate large.st -o x.st --bytes 100
error 3 'needed fewer' truncate large.st -o x.st --ratio 1.01

# --- memory: the table once, the sample twice, 16 bytes a row and 8 MiB
if [ -n "$python" ]; then
  "$python" - "$see" <<'END' || fail "compress takes more memory than it may"
import array, random, resource, subprocess, sys
rows, dim, sample = 400000, 32, 49152
random.seed(1)
block = array.array("f", (random.gauss(0, 1 + i % 32) for i in range(100 * dim * 10)))
shape = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (rows, dim)
with open("many.npy", "wb") as file:
    file.write(b"\x93NUMPY\x01\x00v\x00" + shape.ljust(117).encode() + b"\n")
    for _ in range(rows // 1000):
        block.tofile(file)
def peak(*arguments):  # the largest of all children so far, in bytes
    subprocess.run([sys.argv[1], *arguments], check=True, stdout=subprocess.DEVNULL)
    return 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
least = peak("--version")
used = peak("compress", "many.npy", "-o", "many.st", "--ratio", "60", "--method", "trellis", "--threads", "2") - least
most = 4 * dim * (rows + 2 * sample) + 16 * rows + (8 << 20)
print(used, most)
if sys.platform == "linux" and "asan" not in sys.argv[1] and used > most:
    sys.exit("%d bytes, needed at most %d" % (used, most))
END
  rm -f many.npy many.st
fi

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
for table in one.bin one.txt; do
  ok expand one.st -o $table
  ok eval $table one.st --json
  holds "$(value relative_error out) < 1e-10 && $(value matched out) == $(value words out)"
done
error 3 'words' expand plain.st -o plain.bin
error 3 'has words and the' eval one.npy plain.st
error 3 'has words and the' eval plain.npy one.st
error 3 'has no words' eval plain.npy plain.st --wordsim pairs.txt
error 3 'one.words.txt' expand plain.st -o one.npy

# --- models from knowledge: words are a head and a tail, heads are synsets; hhtl is not in the table
mkdir wn
awk 'BEGIN {
  state = 77
  letters = "abcdefghijklmnopqrst"
  for (i = 0; i < 40 * 16; ++i) { state = (state * 16807) % 2147483647; part[i] = 2 * state / 2147483647 - 1 }
  print "00000100 03 n 01 entity 0 000 | what there is" >"wn/data.noun"
  print "entity n 1 0 1 0 00000100" >"wn/index.unsorted"
  for (h = 0; h < 20; ++h) {
    synset = sprintf("00000%d", 200 + h)
    head = "h" substr(letters, h + 1, 1)
    line = synset " 05 n 14"
    for (t = 0; t < 20; ++t) {
      word = head "t" substr(letters, t + 1, 1)
      line = line " " word " 0"
      print word " n 1 1 @ 1 0 " synset >"wn/index.unsorted"
      print word "\t" head " t" substr(letters, t + 1, 1) >"k.seg"
      if (word == "hhtl") continue
      printf "%s", word >"k.txt"
      for (c = 0; c < 16; ++c) {
        state = (state * 16807) % 2147483647
        printf " %.5f", part[16 * h + c] + part[320 + 16 * t + c] / 2 + (state / 2147483647 - 0.5) / 4 >"k.txt"
      }
      print "" >"k.txt"
    }
    print line " 001 @ 00000100 n 0000 | a head" >"wn/data.noun"
  }
  print "00000100 38 v 01 move 0 000 01 + 02 00 | change place" >"wn/data.verb"
  print "move v 1 0 1 0 00000100" >"wn/index.verb"
  print "00000100 00 a 01 good 0 000 | as it should be" >"wn/data.adj"
  print "good a 1 0 1 0 00000100" >"wn/index.adj"
  print "00000100 02 r 01 well 0 000 | in a good way" >"wn/data.adv"
  print "well r 1 0 1 0 00000100" >"wn/index.adv"
}'
LC_ALL=C sort wn/index.unsorted >wn/index.noun
for name in noun verb adj adv; do : >wn/$name.exc; done
ok senses hatd --wordnet wn --morphemes k.seg
ok compress k.txt -o k.st --method see --wordnet wn --morphemes k.seg --bytes 9000 --json
mv out k.json
check_keys k.json
holds "$(value total k.json) <= 9000 && $(value total k.json) == $(size k.st) - $(value vocabulary_bytes k.json)"
holds "$(value knowledge k.json) > 0 && $(value with_senses k.json) == 399 && $(value collisions k.json) == 0"
holds "$(value relative_error k.json) < 0.2 && $(value terms_explain k.json) > 0.7"
ok info k.st
grep -q '^coverage  *100.0% with senses' out && grep -q '^explained  *mean .* terms ' out || fail "info lacks the coverage"
ok compress k.txt -o hybrid.st --method hybrid --wordnet wn --morphemes k.seg --bytes 9000 --json
mv out hybrid.json
check_keys hybrid.json
holds "$(value total hybrid.json) <= 9000 && $(value codes hybrid.json) > 0"
holds "$(value relative_error hybrid.json) < $(value relative_error k.json)"
ok eval k.txt hybrid.st --json
holds "$(value relative_error out) - $(value relative_error hybrid.json) < 2e-5"
holds "$(value equal_terms hybrid.json) >= 0 && $(value collisions hybrid.json) == -1"
ok info hybrid.st
grep -q '^equal terms .* differ by their codes' out && ! grep -q '^equal words' out ||
  fail "info of hybrid.st does not say that the codes tell words apart"
ok compress k.txt -o senses.st --method senses --wordnet wn --morphemes k.seg --bytes 9000 --order 3 --json
mv out senses.json
check_keys senses.json
holds "$(value total senses.json) <= 9000 && $(value relative_error senses.json) < 0.9"
ok eval k.txt senses.st --json
holds "$(value relative_error out) - $(value relative_error senses.json) < 2e-3"
expect 0 lookup senses.st hhtl --wordnet wn
ok compress k.txt -o coded.st --method senses_coded --wordnet wn --morphemes k.seg --bytes 9000 --json
holds "$(value total out) <= 9000 && $(value codes out) > 0 && $(value relative_error out) < $(value relative_error senses.json)"
ok info coded.st
grep -q '^explained  *mean .* terms .* codes ' out || fail "info lacks what the parts explain"
expect 0 lookup coded.st hhtl --wordnet wn
ok truncate hybrid.st -o hybrid8.st --bytes 8000 --json
holds "$(value total out) <= 8000 && $(value knowledge out) == $(value knowledge hybrid.json) && $(value relative_error out) == -1"
expect 0 lookup hybrid8.st hhtl --wordnet wn
mv out composed8
expect 0 lookup hybrid.st hhtl --wordnet wn
cmp -s out composed8 || fail "truncate changed what hhtl is composed from"
ok truncate k.st -o k4.st --bytes 3000 --json
holds "$(value total out) <= 3000 && $(value knowledge out) == 0"
expect 0 lookup k.st hhtl hhtm
[ "$(wc -l <out)" -eq 2 ] && grep -q '^hhtl ' out || fail "k.st did not compose hhtl"
[ "$(wc -l <err)" -eq 1 ] && grep -q 'hhtl.*composed from 0 sememes of 0 senses and 2 morphemes' err ||
  fail "k.st did not say how it composed hhtl"
expect 0 lookup k.st hhtl --wordnet wn --json
grep -q '"word":"hhtl","row":null,"vector":.*"composed":{"senses":1,"sememes":1,"morphs":2}' out ||
  fail "k.st composed hhtl without its sense"
expect 1 lookup k.st zzz hhtl
[ "$(wc -l <out)" -eq 1 ] && grep -q 'has no word .zzz.$' err || fail "k.st composed zzz"
expect 0 lookup hybrid.st hhtl --wordnet wn --json
grep -q '"word":"hhtl","row":null,"vector":.*"composed":{"senses":1,"sememes":1,' out ||
  fail "hybrid.st did not compose hhtl"
error 3 'names of units' lookup ratio.st w1 --wordnet wn
error 3 'nowhere' lookup k.st hhtl --wordnet nowhere
error 2 'needs one of' compress k.txt -o x.st --ratio 2 --method see
error 2 'needs? *--method\|need --method' compress k.txt -o x.st --ratio 2 --wordnet wn
error 2 'synset-words' compress k.txt -o x.st --ratio 2 --method see --babel k.seg
error 2 'need --method see, hybrid, senses or senses_coded' compress k.txt -o x.st --ratio 2 --order 2
error 2 'order' compress k.txt -o x.st --ratio 2 --method see --wordnet wn --order 9
error 3 'has no words' compress plain.npy -o x.st --ratio 2 --method see --morphemes k.seg
error 3 'k.txt' compress k.txt -o x.st --ratio 2 --method see --morphemes k.txt
error 3 'Hunspell\|nowhere' compress k.txt -o x.st --ratio 2 --method see --hunspell nowhere.dic
error 3 'smallest' compress k.txt -o x.st --bytes 900 --method see --wordnet wn
error 3 'smallest' compress k.txt -o x.st --bytes 900 --method hybrid --wordnet wn

# --- sweep: one page, well-formed; its numbers are those of compress and eval
sed 's/^w3 /<w3>\&" /; s/^w150 /<script> /' t.txt >s.txt
ok sweep s.txt -o page.html --json sweep.json --ratios 2,3,1000 --methods trellis,int8,svd --threads 1
[ ! -s out ] || fail "sweep printed something"
mv page.html page1.html
mv sweep.json sweep1.json
ok sweep s.txt -o page.html --json sweep.json --ratios 2,3,1000 --methods trellis,int8,svd --threads 2
cmp -s page.html page1.html && cmp -s sweep.json sweep1.json || fail "one and two threads differ"
! grep -q 'http:\|https:\|<script\|<link\|url(' page.html || fail "the page takes something from elsewhere"
grep -q 'prefers-color-scheme:dark' page.html || fail "the page has one colour scheme"
ok compress s.txt -o sweep.st --ratio 3 --method svd
ok eval s.txt sweep.st --json
mv out eval_svd.json
if [ -n "$python" ]; then
  "$python" - <<'PY' || fail "an odd page or JSON of sweep"
import json, math
import xml.etree.ElementTree as xml
sweep = json.load(open('sweep.json'))
models = sweep['models']
assert sweep['words'] == 300 and sweep['dim'] == 16
assert [(m['method'], m['ratio_wanted']) for m in models] == [
    ('trellis', 2), ('trellis', 3), ('trellis', 1000), ('int8', None),
    ('svd', 2), ('svd', 3), ('svd', 1000)]
for m in models:
    if m['ratio_wanted'] == 1000:
        assert m['failure'] and m['bytes'] is None and m['relative_error'] is None
        continue
    assert m['failure'] is None and m['ratio'] >= (m['ratio_wanted'] or 0)
    assert sum(v for k, v in m['bytes'].items() if k != 'total') == m['bytes']['total']
    assert 0 <= m['relative_error'] < 1 and 0 <= m['rate_distortion_bound'] <= 1
svd, measured = models[5], json.load(open('eval_svd.json'))
assert svd['bytes']['total'] <= 4 * 300 * 16 / 3
for key in 'relative_error', 'mean_cosine', 'rate_distortion_bound':
    assert math.isclose(svd[key], measured[key], rel_tol=1e-3), (key, svd[key], measured[key])
assert sweep['looked_into'] == 3
assert sweep['ranks'][0][0] == 0 and sweep['ranks'][-1][1] == 300
assert all(a[1] == b[0] for a, b in zip(sweep['ranks'], sweep['ranks'][1:]))
assert len(models[1]['error_of_ranks']) == len(sweep['ranks']) and models[0]['error_of_ranks'] is None
of = models[sweep['neighbors_of']]
assert of['relative_error'] == min(models[i]['relative_error'] for i in (1, 5))
assert all(len(s['before']) == len(s['after']) == 5 for s in sweep['neighbors'])
assert '<script>' in [s['word'] for s in sweep['neighbors']]

page = open('page.html', encoding='utf-8').read()
assert page.startswith('<!DOCTYPE html>\n')
root = xml.fromstring(page.split('\n', 1)[1])
plots = root.findall('.//figure/svg')
assert len(plots) == 4 and all(p.get('role') == 'img' for p in plots)
ids = [e.get('id') for e in root.iter() if e.get('id')]
assert len(ids) == len(set(ids))
for p in plots:
    assert all(name in ids for name in p.get('aria-labelledby').split())
    width, height = map(float, p.get('viewBox').split()[2:])
    for mark in p.findall('.//path'):
        x, y = mark.get('d')[1:].split('m')[0].split()
        assert 0 <= float(x) <= width and 0 <= float(y) <= height
tables = root.findall('.//table')
assert len(root.findall('.//details//table')) == 4 and all(t.find('caption') is not None for t in tables)
for t in tables:
    columns = len(t.findall('thead/tr/th'))
    assert all(len(row) == columns for row in t.findall('tbody/tr'))
errors = [row for row in root.findall('.//details//table')[0].findall('tbody/tr')]
assert len(errors) == 7 and sum(row[2].text == 'not reached' for row in errors) == 2
PY
fi
ok sweep plain.npy -o plain.html --ratios 2 --methods svd --first 40
error 2 'methods' sweep t.txt -o x.html --methods magic
error 2 'ratios' sweep t.txt -o x.html --ratios -2
error 2 'output' sweep t.txt
error 3 'no/such' sweep t.txt -o no/such/x.html
error 3 'input' sweep t.txt -o t.txt
error 3 'nowhere.txt' sweep nowhere.txt -o x.html

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

# --- units with names
ok info "$fixtures/own_lexicon.see"
grep -q '^named units  *32: human, ' out || fail "info does not name the units of an own lexicon"
ok senses king --model "$fixtures/own_lexicon.see"
grep -q '^`-- human x ' out || fail "senses does not name the units of a term"
ok senses king --model "$fixtures/own_lexicon.see" --json
expect 1 senses zzzz --model "$fixtures/own_lexicon.see"
ok senses hatd --model k.st
error 3 'no names of units' senses w1 --model ratio.st
error 2 'excludes' senses king --wordnet wn --model k.st
error 2 'wordnet DIR or --model' senses king

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

[ ! -e x.st ] && [ ! -e x.html ] && [ ! -e x.npy ] && [ ! -e x.words.txt ] || fail "an error left a file behind"
for file in .see-*; do
  [ ! -e "$file" ] || fail "a temporary file was left behind: $file"
done
echo ok
