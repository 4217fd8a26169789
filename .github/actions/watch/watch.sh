#!/usr/bin/env bash
# Turns the action's inputs, given as variables, into the words of `gameday watch`, and tells its end in the summary.
set -uo pipefail
words=(watch --service "$WATCH_SERVICE" --on "$WATCH_ON" --release "$WATCH_RELEASE" --yes)
[ -z "$WATCH_CLUSTER" ] || words+=(--cluster "$WATCH_CLUSTER")
[ -z "$WATCH_COMMITTED" ] || words+=(--committed "$WATCH_COMMITTED")
[ -z "$WATCH_PRESET" ] || words+=(--preset "$WATCH_PRESET")
[ -z "$WATCH_OBSERVE" ] || words+=(--observe "$WATCH_OBSERVE")
exec "$(dirname "${BASH_SOURCE[0]}")/../play.sh" watch "${words[@]}"
