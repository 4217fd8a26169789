#!/usr/bin/env bash
# Plays one command of gameday as a step: `play.sh KIND WORDS...` runs `gameday WORDS...`, where KIND is gate, watch or day.
# A cancelled step gets a signal that only this shell sees: it goes on to gameday, which undoes what it did.
# Outputs: exit, outcome, folder, json. What ends without a record is told in the summary: never silence.
set -uo pipefail
kind=$1
shift
export GAMEDAY_RUNS=${GAMEDAY_RUNS:-runs}
said=$(mktemp)
began=$(mktemp) # only its time is of use
before=$(cd "$GAMEDAY_RUNS" 2>/dev/null && ls -d ./*-"$kind"-* 2>/dev/null)

gameday "$@" 2>"$said" &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' INT TERM
tail -n +1 -f -s 0.2 --pid="$child" "$said" >&2 & # ends with gameday, whoever else holds the file
shown=$!
code=0
wait "$child" || code=$?
while kill -0 "$child" 2>/dev/null; do # a signal ended the wait, not gameday
  code=0
  wait "$child" || code=$?
done
wait "$shown"

folder=
for each in "$GAMEDAY_RUNS"/*-"$kind"-*/; do # names begin with the UTC start, so the last new one is ours
  [ -e "$each$kind.json" ] || continue
  if [ "$each$kind.json" -nt "$began" ] || ! grep -qxF "./$(basename "$each")" <<<"$before"; then
    folder=${each%/} # new, or a day that was cut short and went on
  fi
done
outcome=unknown
if [ -n "$folder" ]; then
  outcome=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["outcome"])' "$folder/$kind.json") ||
    outcome=unknown
fi
case $code/$kind/$outcome in
  0/gate/passed | 0/watch/well | "0/day/went well" | [!0]*) ;;
  *) code=70 ;; # a success that its record does not bear out is none
esac
{
  echo "exit=$code"
  echo "outcome=$outcome"
  echo "folder=$folder"
  echo "json=${folder:+$folder/$kind.json}"
} >> "$GITHUB_OUTPUT"
if [ -z "$folder" ]; then
  {
    echo "### gameday $kind: no record, exit $code"
    echo '```'
    tail -n 40 "$said" | head -c 20000
    echo '```'
  } >> "$GITHUB_STEP_SUMMARY"
fi
rm -f "$said" "$began"
exit "$code"
