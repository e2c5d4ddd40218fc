#!/bin/sh
# Let this machine serve the image that the parameter names: at boot, and whenever a deployment sends the command.
# Its settings are in /etc/rollout.env: NAME, IMAGE_PARAMETER, AWS_DEFAULT_REGION, OPTIONS (for docker run).
set -eu

SETTINGS=${1:-/etc/rollout.env}
# shellcheck source=/dev/null
. "$SETTINGS"
export AWS_DEFAULT_REGION

say() { echo "rollout: $*"; }
fail() {
    echo "rollout: $*" >&2
    exit 1
}

# One at a time: a boot and a command may meet.
exec 9>"${LOCK:-/run/rollout.lock}"
flock -w 300 9 || fail "another rollout has been at work for five minutes"

image=$(aws ssm get-parameter --name "$IMAGE_PARAMETER" --query Parameter.Value --output text)
case $image in
none)
    say "$IMAGE_PARAMETER names no image yet: nothing to serve"
    exit 0
    ;;
*@sha256:*) ;;
*) fail "$IMAGE_PARAMETER should name an image by its digest, repository@sha256:...; it holds '$image'" ;;
esac

registry=${image%%/*}
case $registry in
*.amazonaws.com)
    aws ecr get-login-password | docker login --username AWS --password-stdin "$registry" >/dev/null
    ;;
esac
# The new image is there before the old container goes.
docker pull --quiet "$image" >/dev/null || fail "$image cannot be pulled; what ran goes on"

before=$(docker inspect --format '{{.Image}}' "$NAME" 2>/dev/null || true)
# docker stop sends SIGTERM and gives requests in flight their time.
docker stop --time 10 "$NAME" >/dev/null 2>&1 || true
docker rm --force "$NAME" >/dev/null 2>&1 || true
# OPTIONS are several words.
# shellcheck disable=SC2086
docker run --detach --name "$NAME" --restart unless-stopped \
    --read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 200 \
    --env RELEASE="${image##*@}" $OPTIONS "$image" >/dev/null

health=starting
for _ in $(seq "${SECONDS_TO_HEALTH:-90}"); do
    health=$(docker inspect --format '{{.State.Health.Status}}' "$NAME")
    [ "$health" = starting ] || break
    sleep 1
done
[ "$health" = healthy ] || fail "$image is $health: $(docker logs --tail 20 "$NAME" 2>&1)"
say "serving $image"
# Disks fill with images otherwise. The one before stays, for the way back.
now=$(docker inspect --format '{{.Image}}' "$NAME")
for id in $(docker images --quiet --no-trunc "${image%@*}" | sort -u); do
    [ "$id" = "$now" ] || [ "$id" = "$before" ] || docker rmi --force "$id" >/dev/null || true
done
