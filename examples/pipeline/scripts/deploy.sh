#!/usr/bin/env bash
# Deploys an image by its digest to an ECS service, and ends well only when ECS says so and the digest was read back.
# CLUSTER, SERVICE, CONTAINER, IMAGE (repository@sha256:...), WAIT_S (default 1800). Outputs: deployment,
# task-definition, previous-image (empty when nothing was settled before). A digest that runs already is not deployed again.
set -euo pipefail
: "${CLUSTER:?}" "${SERVICE:?}" "${CONTAINER:?}" "${IMAGE:?}"
wait_s=${WAIT_S:-1800}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "deploy: $*" >&2; }
of_service() {
  aws ecs describe-services --cluster "$CLUSTER" --services "$SERVICE" --query "services[0].$1" --output text
}
of_deployment() {
  aws ecs describe-service-deployments --service-deployment-arns "$1" --query "serviceDeployments[0].$2" --output text
}
newest_deployment() {
  aws ecs list-service-deployments --cluster "$CLUSTER" --service "$SERVICE" \
    --query 'serviceDeployments[0].serviceDeploymentArn' --output text
}
digest_of() { # what ECS settled on at the end of a deployment, whatever the task definition calls it
  local revision=
  case $(of_deployment "$1" status) in
    SUCCESSFUL) revision=$(of_deployment "$1" targetServiceRevision.arn) ;;
    ROLLBACK_SUCCESSFUL) revision=$(of_deployment "$1" rollback.serviceRevisionArn) ;;
    *) return ;;
  esac
  aws ecs describe-service-revisions --service-revision-arns "$revision" \
    --query "serviceRevisions[0].containerImages[?containerName=='$CONTAINER'].imageDigest | [0]" --output text
}

repository=${IMAGE%@*}
wanted=${IMAGE#*@}
old=$(of_service taskDefinition)
[ "$old" != None ] || { say "no service $SERVICE in $CLUSTER"; exit 1; }
deployment=$(newest_deployment)
running=$(digest_of "$deployment")
previous=${running:+$repository@$running}
if [ "$running" = "$wanted" ]; then
  say "$SERVICE runs $wanted already"
  new=$old
else
  aws ecs describe-task-definition --task-definition "$old" --include TAGS --output json > "$work/old.json"
  python3 "$here/task_definition.py" "$CONTAINER" "$IMAGE" < "$work/old.json" > "$work/new.json"
  new=$(aws ecs register-task-definition --cli-input-json "file://$work/new.json" \
    --query taskDefinition.taskDefinitionArn --output text)
  say "$old -> $new, $wanted"
  before=$deployment
  aws ecs update-service --cluster "$CLUSTER" --service "$SERVICE" --task-definition "$new" > "$work/updated.json"
  deadline=$((SECONDS + wait_s))
  while :; do
    # `aws ecs wait services-stable` also ends well after ECS went back to the old tasks: so the deployment is asked.
    deployment=$(newest_deployment)
    status=PENDING
    [ "$deployment" = "$before" ] || status=$(of_deployment "$deployment" status)
    case $status in
      SUCCESSFUL) break ;;
      PENDING | IN_PROGRESS) ;;
      *) say "$deployment is $status: $(of_deployment "$deployment" statusReason)"; exit 1 ;;
    esac
    [ "$SECONDS" -lt "$deadline" ] || { say "$deployment is still $status after $wait_s s"; exit 1; }
    sleep "${POLL_S:-10}"
  done
  running=$(digest_of "$deployment")
  [ "$running" = "$wanted" ] || { say "ECS runs $running, not $wanted"; exit 1; }
  say "$SERVICE runs $wanted"
fi
{
  echo "deployment=$deployment"
  echo "task-definition=$new"
  echo "previous-image=$previous"
} >> "$GITHUB_OUTPUT"
