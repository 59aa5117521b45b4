#!/bin/sh
# Make the virtual environment that `make demo`, `make test` and `.ci/run` use, with the
# exact versions of constraints.txt. When it is up to date, do nothing.
#
# usage: scripts/setup_env.sh [FOLDER]   (default: .venv beside the Makefile)
# PYTHON=/path/to/python3 chooses the interpreter; otherwise the first that fits is taken.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
venv=${1:-.venv}
extras=all,test,dev,examples

say() { printf '%s\n' "$*" >&2; }
die() { say "setup: $*"; exit 1; }

# --- an interpreter -------------------------------------------------------------------

# Prints why the interpreter $1 does not do, nothing when it does.
unfit() {
    "$1" -c '' 2>/dev/null || { echo "not found"; return; }
    "$1" - <<'PYTHON'
import importlib.util
import platform
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    print("is Python", platform.python_version() + "; 3.11, 3.12 or 3.13 is needed")
elif missing := [m for m in ("venv", "ensurepip") if not importlib.util.find_spec(m)]:
    version = "%d.%d" % sys.version_info[:2]
    print(
        f"lacks the standard module {' and '.join(missing)}, which makes virtual "
        f"environments with pip (on Debian and Ubuntu: apt install python{version}-venv)"
    )
PYTHON
}

choose_python() {
    reasons=
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python3.12 python3.13; do
        reason=$(unfit "$candidate" 2>/dev/null || echo "does not run")
        if [ -z "$reason" ]; then
            python=$candidate
            return
        fi
        reasons="$reasons
  $candidate: $reason"
        [ -z "${PYTHON:-}" ] || break
    done
    die "no suitable Python 3 was found:$reasons
Install Python 3.11 with its venv module, or name one: make PYTHON=/path/to/python3.11"
}

# --- is it up to date? ----------------------------------------------------------------

# The environment depends on where it stands (it cannot be moved) and on these files.
place() { echo "$root $extras"; }
state() { place; cksum pyproject.toml constraints.txt scripts/setup_env.sh; }
stamp=$venv/.installed

made=
if [ -f "$stamp" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    [ "$(cat "$stamp")" != "$(state)" ] || exit 0
    [ "$(head -n 1 "$stamp")" != "$(place)" ] || made=yes
fi

# --- make it, or bring it up to date --------------------------------------------------

if [ "$made" ]; then
    say "setup: bringing $venv up to date with pyproject.toml and constraints.txt"
    rm "$stamp"
else
    # A folder that holds anything but a virtual environment is not ours to clear.
    if [ -e "$venv" ] && [ ! -f "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv")" ]; then
        die "$venv is in the way: it is no virtual environment"
    fi
    choose_python
    say "setup: making $venv: $("$python" --version), the versions of constraints.txt;"
    say "setup: this takes 2 to 3 minutes and about 3 GB of disk, the first time only"
    "$python" -m venv --clear "$venv" || die "$python could not make $venv"
fi

log=$venv/install.log
pip_install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --progress-bar off \
        --log "$log" --constraint constraints.txt "$@" ||
        die "pip failed; its whole log is $root/$log"
}
pip_install setuptools wheel
pip_install --no-build-isolation --editable ".[$extras]"
state >"$stamp"
say "setup: $venv is ready"
