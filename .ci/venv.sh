#!/usr/bin/env bash
# venv.sh LOCK: make .venv hold what LOCK says, and Farebox itself.
#
# Called by run, test and make. When nothing changed since the last time it
# compares one file and ends, within some milliseconds. `$PYTHON` chooses the
# interpreter of a new environment, `uv` is used where there is one.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
lock=$1
venv=$root/.venv
stamp=$venv/$lock.installed

say() { printf 'farebox: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# What was installed is kept whole: a changed lock, project or recipe installs again.
inputs() { cat "$root/$lock" "$root/pyproject.toml" "$root/.ci/venv.sh"; }

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            return
        fi
    done
    fail "Python 3.11 or newer is needed; install it, or name it: PYTHON=/path/to/python3.12 ./run"
}

make_venv() {
    find_python
    say "making .venv with $("$python" --version)"
    rm -rf "$venv"
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv "$venv"
    elif command -v uv >/dev/null; then
        uv venv --quiet --python "$python" "$venv"
    else
        fail "this Python has no venv; on Debian and Ubuntu: apt install python3-venv"
    fi
}

# Hash-checked either way. uv takes its index from its own settings, not from pip's: where it has none, pip does it.
install() {
    say "installing $(grep -c '^[a-z0-9].*==' "$root/$lock") packages of $lock, hash-checked"
    if command -v uv >/dev/null &&
        uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$root/$lock"; then
        return
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$root/$lock" ||
        fail "the packages could not be installed; see above"
}

# A path file instead of an editable install: that would need a build backend, which no hash checks.
install_ourselves() {
    local packages
    packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    "$venv/bin/python" -c 'import os, sys; print(os.path.relpath(sys.argv[1], sys.argv[2]))' "$root" "$packages" \
        >"$packages/farebox.pth"
    # The shell line finds an interpreter whose path is long or has spaces, as pip's own scripts do.
    printf '%s\n' '#!/bin/sh' "'''exec' \"$venv/bin/python\" \"\$0\" \"\$@\"" "' '''" \
        'import sys' 'from gateway.cli import main' 'sys.exit(main())' >"$venv/bin/farebox"
    chmod +x "$venv/bin/farebox"
}

if inputs | cmp -s - "$stamp"; then
    exit 0
fi
# An interrupted first try, or an interpreter that is gone, is begun again.
if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { ! "$venv/bin/python" -c 'import pip' 2>/dev/null && ! command -v uv >/dev/null; }; then
    make_venv
fi
install
install_ourselves
inputs >"$stamp"
