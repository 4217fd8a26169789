#!/usr/bin/env bash
# Opens an issue for a release that its watch did not find well, so that it has an owner. Run again for the same commit it
# finds its issue and adds nothing. COMMIT, OUTCOME (of the watch), RUN_URL, ARTIFACT_URL; GH_TOKEN for `gh`.
set -euo pipefail
: "${COMMIT:?}" "${OUTCOME:?}" "${RUN_URL:?}"
title="Release ${COMMIT:0:12}: $OUTCOME"

known=$(gh issue list --state all --search "in:title \"$title\"" --json title --jq 'length')
if [ "$known" -gt 0 ]; then
  echo "told before: $title"
  exit 0
fi
case $OUTCOME in
  "rolled back" | "rolled back by ecs") what="It was taken back, and stays out until this is closed by a fix and a passed gate." ;;
  "rollback failed") what="**It may still serve, or only half of it: look at the service now.**" ;;
  *) what="**It was not taken back, and nobody has seen that its users are well: look at them now.**" ;;
esac
gh issue create --title "$title" --body "The watch after the deployment ended: **$OUTCOME**.

- Run: $RUN_URL
- Evidence: ${ARTIFACT_URL:-not kept}

$what"
