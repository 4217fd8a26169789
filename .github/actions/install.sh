#!/usr/bin/env bash
# Installs gameday into a virtual environment of its own and puts that on the PATH of the next steps.
# GAMEDAY_INSTALL: "own" (the code that this action came with, at its locked versions), "none" (gameday is there
# already), or what pip shall install. GAMEDAY_EXTRA: "lab" for the embedded lab, else empty.
set -euo pipefail

if [ "$GAMEDAY_INSTALL" = none ]; then
  gameday --version
  exit 0
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=${RUNNER_TEMP:?}/gameday-venv
wanted=(foodconnect-gameday)
case $GAMEDAY_INSTALL in
  own) wanted=("$root${GAMEDAY_EXTRA:+[$GAMEDAY_EXTRA]}") ;;
  *) wanted=("$GAMEDAY_INSTALL") ;;
esac
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c "$root/requirements.lock" "${wanted[@]}"
echo "$venv/bin" >> "$GITHUB_PATH"
"$venv/bin/gameday" --version
