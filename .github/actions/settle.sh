#!/usr/bin/env bash
# Stops what still runs on the environment $1 and puts back what is still changed; idempotent, and it reads back.
# The undo is tried even when the halt failed; the worse of the two exit codes counts.
set -uo pipefail
code=0
gameday halt --on "$1" || code=$?
gameday undo --on "$1" --runs "${GAMEDAY_RUNS:-runs}" || code=$?
exit "$code"
