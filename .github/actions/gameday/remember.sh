#!/usr/bin/env bash
# Keeps what the next gate needs of a good one: `remember.sh FOLDER HISTORY` copies its record, not its runs, into the
# history, which holds the newest ten. Folders are named by their UTC start, so the order of names is that of time.
set -euo pipefail
folder=$1
kept=$2/$(basename "$folder")
mkdir -p "$kept"
for name in gate.json fingerprint.json; do # the second says what the release was, for --changed-only
  [ ! -e "$folder/$name" ] || cp "$folder/$name" "$kept/"
done
cd "$2"
all=(*-gate-*)
while [ "${#all[@]}" -gt 10 ]; do
  rm -rf -- "${all[0]}"
  all=("${all[@]:1}")
done
