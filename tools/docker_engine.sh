#!/bin/sh
# Start a Docker engine, where root has one installed and none answers. Does nothing elsewhere.
set -eu
dockerd="$(command -v dockerd || echo /usr/sbin/dockerd)"
answers() { curl -fsS --max-time 2 --unix-socket /var/run/docker.sock http://localhost/_ping; }
if [ -n "${DOCKER_HOST:-}" ] || answers >/dev/null 2>&1; then exit 0; fi
if [ "$(id -u)" != 0 ] || [ ! -x "$dockerd" ]; then
    echo "No Docker engine answers. Tests that need one are skipped."
    exit 0
fi
echo "Starting the Docker engine ..."
log=/var/log/dockerd.log
runtimes=""
if command -v runsc >/dev/null; then runtimes="--config-file $(cd "$(dirname "$0")" && pwd)/dockerd.json"; fi
# shellcheck disable=SC2086
setsid "$dockerd" $runtimes >"$log" 2>&1 </dev/null &
for _ in $(seq 60); do
    if answers >/dev/null 2>&1; then exit 0; fi
    sleep 0.5
done
echo "The Docker engine does not answer; see $log. Tests that need it are skipped."
