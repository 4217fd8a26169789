#!/usr/bin/env bash
# Turns the action's inputs, given as variables, into the words of `gameday gate`. An empty input is left out.
# The good gates that the cache held are laid into the runs folder, where the gate looks for what to compare with.
set -euo pipefail
words=(gate "$GATE_SUITE" --on "$GATE_ON" --yes --annotations github --summary "$GITHUB_STEP_SUMMARY")
[ -z "$GATE_RELEASE" ] || words+=(--release "$GATE_RELEASE")
[ -z "$GATE_COMMITTED" ] || words+=(--committed "$GATE_COMMITTED")
[ -z "${GATE_IMAGE-}" ] || words+=(--image "$GATE_IMAGE")
[ -z "$GATE_PARALLEL" ] || words+=(--parallel "$GATE_PARALLEL")
[ -z "$GATE_REPORT_URL" ] || words+=(--report-url "$GATE_REPORT_URL")
[ "$GATE_CHANGED_ONLY" != true ] || words+=(--changed-only)

runs=${GAMEDAY_RUNS:-runs}
mkdir -p "$runs"
known=0
for each in "$GATE_HISTORY"/*-gate-*/; do
  [ -e "$each/gate.json" ] || continue
  known=$((known + 1))
  [ -e "$runs/$(basename "$each")" ] || cp -R "$each" "$runs/"
done
echo "good gates of $GATE_SUITE on $GATE_ON that are known from before: $known"
exec "$(dirname "${BASH_SOURCE[0]}")/../play.sh" gate "${words[@]}"
