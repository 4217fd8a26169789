#!/usr/bin/env bash
# Builds and pushes the backend's image once a commit, and says its digest: everything later names only that.
# REPOSITORY (name in ECR), TAG (the commit). Outputs: digest, repository-uri. A commit that was pushed before is not
# built again, so a rerun of the pipeline deploys the very same bytes.
set -euo pipefail
: "${REPOSITORY:?}" "${TAG:?}"

uri=$(aws ecr describe-repositories --repository-names "$REPOSITORY" --query 'repositories[0].repositoryUri' --output text)
digest_of_tag() {
  aws ecr batch-get-image --repository-name "$REPOSITORY" --image-ids "imageTag=$TAG" \
    --query 'images[0].imageId.imageDigest' --output text
}
digest=$(digest_of_tag)
if [ "$digest" = None ]; then
  aws ecr get-login-password | docker login --username AWS --password-stdin "${uri%%/*}"
  docker build --label "org.opencontainers.image.revision=$TAG" --tag "$uri:$TAG" .
  docker push "$uri:$TAG"
  digest=$(digest_of_tag)
fi
[ "$digest" != None ] || { echo "image: $uri:$TAG was pushed, but ECR has no digest for it" >&2; exit 1; }
echo "image: $uri@$digest" >&2
{
  echo "digest=$digest"
  echo "repository-uri=$uri"
} >> "$GITHUB_OUTPUT"
