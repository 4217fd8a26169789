#!/usr/bin/env bash
# Opens an issue for a release that was taken back, so that its fix has an owner. Run again for the same commit it
# finds its issue and adds nothing. COMMIT, OUTCOME (of the watch), RUN_URL, ARTIFACT_URL; GH_TOKEN for `gh`.
set -euo pipefail
: "${COMMIT:?}" "${OUTCOME:?}" "${RUN_URL:?}"
title="Release ${COMMIT:0:12}: $OUTCOME"

known=$(gh issue list --state all --search "in:title \"$title\"" --json title --jq 'length')
if [ "$known" -gt 0 ]; then
  echo "told before: $title"
  exit 0
fi
gh issue create --title "$title" --body "The watch after the deployment ended: **$OUTCOME**.

- Run: $RUN_URL
- Evidence: ${ARTIFACT_URL:-not kept}

The release stays out until this is closed by a fix and a passed gate."
