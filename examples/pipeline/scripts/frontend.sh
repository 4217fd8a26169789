#!/usr/bin/env bash
# Publishes the frontend: first the files whose names carry their hash, then the page that names them, then the cache.
# BUCKET, DISTRIBUTION (id in CloudFront), FOLDER (what the build wrote). Old files stay for pages that are open still.
set -euo pipefail
: "${BUCKET:?}" "${DISTRIBUTION:?}" "${FOLDER:?}"

aws s3 sync "$FOLDER" "s3://$BUCKET" --exclude index.html --cache-control "public,max-age=31536000,immutable"
aws s3 cp "$FOLDER/index.html" "s3://$BUCKET/index.html" --cache-control "no-cache"
invalidation=$(aws cloudfront create-invalidation --distribution-id "$DISTRIBUTION" --paths /index.html / \
  --query Invalidation.Id --output text)
aws cloudfront wait invalidation-completed --distribution-id "$DISTRIBUTION" --id "$invalidation"
