#!/usr/bin/env bash
# Deploys an image by its digest to an ECS service, and ends well only when ECS says so and the digest was read back.
# CLUSTER, SERVICE, CONTAINER, IMAGE (repository@sha256:...), WAIT_S (default 1800). Outputs: deployment,
# task-definition, previous-image (empty when nothing was settled before), begun (also when it fails later). A digest that runs already is not deployed again.
set -euo pipefail
: "${CLUSTER:?}" "${SERVICE:?}" "${CONTAINER:?}" "${IMAGE:?}"
wait_s=${WAIT_S:-1800}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "deploy: $*" >&2; }
newest() { # of the service's deployments, which ECS lists in no order that is documented: sets deployment, status, target and reason
  IFS=$'\t' read -r deployment status target reason < <(aws ecs list-service-deployments --cluster "$CLUSTER" \
    --service "$SERVICE" --output text --query \
    'sort_by(serviceDeployments, &createdAt)[-1].[serviceDeploymentArn, status, targetServiceRevisionArn, statusReason]')
}
settled_digest() { # what ECS settled on at the end of the newest deployment, whatever a task definition calls it
  local revision=$target
  case $status in
    SUCCESSFUL) ;;
    ROLLBACK_SUCCESSFUL)
      revision=$(aws ecs describe-service-deployments --service-deployment-arns "$deployment" \
        --query 'serviceDeployments[0].rollback.serviceRevisionArn' --output text)
      ;;
    *) return ;;
  esac
  aws ecs describe-service-revisions --service-revision-arns "$revision" \
    --query "serviceRevisions[0].containerImages[?containerName=='$CONTAINER'].imageDigest | [0]" --output text
}

repository=${IMAGE%@*}
wanted=${IMAGE#*@}
old=$(aws ecs describe-services --cluster "$CLUSTER" --services "$SERVICE" --query 'services[0].taskDefinition' \
  --output text)
[ "$old" != None ] || { say "no service $SERVICE in $CLUSTER"; exit 1; }
newest
running=$(settled_digest)
previous=${running:+$repository@$running}
new=$old
if [ "$running" = "$wanted" ]; then
  say "$SERVICE runs $wanted already"
else
  aws ecs describe-task-definition --task-definition "$old" --include TAGS --output json > "$work/old.json"
  python3 "$here/task_definition.py" "$CONTAINER" "$IMAGE" < "$work/old.json" > "$work/new.json"
  new=$(aws ecs register-task-definition --cli-input-json "file://$work/new.json" \
    --query taskDefinition.taskDefinitionArn --output text)
  say "$old -> $new, $wanted"
  before=$deployment
  echo "begun=true" >> "$GITHUB_OUTPUT" # from here on something may be deployed, whatever becomes of this script
  aws ecs update-service --cluster "$CLUSTER" --service "$SERVICE" --task-definition "$new" > "$work/updated.json"
  deadline=$((SECONDS + wait_s))
  while :; do
    # `aws ecs wait services-stable` also ends well after ECS went back to the old tasks: so the deployment is asked.
    newest
    [ "$deployment" != "$before" ] || status=PENDING
    case $status in
      SUCCESSFUL) break ;;
      PENDING | IN_PROGRESS) ;;
      *) say "$deployment is $status: $reason"; exit 1 ;;
    esac
    [ "$SECONDS" -lt "$deadline" ] || { say "$deployment is still $status after $wait_s s"; exit 1; }
    sleep "${POLL_S:-10}"
  done
  running=$(settled_digest)
  [ "$running" = "$wanted" ] || { say "ECS runs $running, not $wanted"; exit 1; }
  say "$SERVICE runs $wanted"
fi
{
  echo "deployment=$deployment"
  echo "task-definition=$new"
  echo "previous-image=$previous"
} >> "$GITHUB_OUTPUT"
