#!/usr/bin/env bash
# Turns the action's inputs, given as variables, into the words of `gameday gate`. An empty input is left out.
set -euo pipefail
words=(gate "$GATE_SUITE" --on "$GATE_ON" --yes --annotations github --summary "$GITHUB_STEP_SUMMARY")
[ -z "$GATE_RELEASE" ] || words+=(--release "$GATE_RELEASE")
[ -z "$GATE_COMMITTED" ] || words+=(--committed "$GATE_COMMITTED")
[ -z "$GATE_PARALLEL" ] || words+=(--parallel "$GATE_PARALLEL")
[ -z "$GATE_REPORT_URL" ] || words+=(--report-url "$GATE_REPORT_URL")
[ "$GATE_CHANGED_ONLY" != true ] || words+=(--changed-only)
if [ -s "$GATE_HISTORY/gate.json" ]; then # the last good gate of this suite, as the cache had it
  words+=(--baseline "$GATE_HISTORY/gate.json")
else
  echo "no earlier good gate of $GATE_SUITE on $GATE_ON was found: there is nothing to compare with"
fi
exec "$(dirname "${BASH_SOURCE[0]}")/../play.sh" gate "${words[@]}"
