#!/usr/bin/env bash
# Puts back what a gate or a day may have left changed: `settle.sh ENVIRONMENT EXIT`, EXIT being how it ended.
# One without an exit was killed with its step: what runs is halted first. One that ended by itself runs no more, and
# a halt would end the run of somebody else: then only open promises are settled. Refused or wrong: nothing was touched.
# Idempotent. The undo is tried even when the halt failed; the worse exit code counts.
set -uo pipefail
code=0
case ${2-} in
  2 | 3)
    echo "nothing was touched (exit $2)"
    exit 0
    ;;
  "") gameday halt --on "$1" || code=$? ;;
esac
gameday undo --on "$1" --runs "${GAMEDAY_RUNS:-runs}" || code=$?
exit "$code"
