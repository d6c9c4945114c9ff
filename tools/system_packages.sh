#!/bin/sh
# Fetch the system packages that the whole test suite uses, where this user may.
set -eu
missing=""
command -v bwrap >/dev/null || missing="$missing bubblewrap"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo"; else
    echo "Not installed, and no right to install:$missing. Tests that need them are skipped."
    exit 0
fi
$sudo apt-get update -q
# shellcheck disable=SC2086
$sudo apt-get install -y -q --no-install-recommends $missing
