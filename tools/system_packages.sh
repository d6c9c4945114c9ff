#!/bin/sh
# Fetch the system packages that the whole test suite uses, where this user may, and start what of
# them must run.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
missing=""
need() { command -v "$1" >/dev/null || missing="$missing $2"; }
need bwrap bubblewrap
need redis-server redis-server
need chromium chromium
need xgettext gettext
need curl curl
need dockerd docker.io
need runsc runsc
need debootstrap debootstrap
[ -d /usr/lib/postgresql ] || missing="$missing postgresql"
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo"; else
        echo "Not installed, and no right to install:$missing. Tests that need them are skipped."
        exit 0
    fi
    $sudo apt-get update -q
    # shellcheck disable=SC2086
    $sudo apt-get install -y -q --no-install-recommends $missing
fi
"$(dirname "$0")/docker_engine.sh"
