#!/bin/sh
# Resolve every extra anew and write constraints.txt. Installs nothing: pip reports what it
# would install into an empty virtual environment. Run the tests before committing.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
python=${PYTHON:-python3.11}
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT

"$python" -m venv "$empty/venv"
"$empty/venv/bin/python" -m pip install --quiet --dry-run --ignore-installed \
    --report "$empty/report.json" --only-binary :all: \
    torch==2.13.0 tensorflow-cpu==2.21.0 ".[all,test,dev,examples]"

"$empty/venv/bin/python" - "$empty/report.json" >"$empty/constraints.txt" <<'PYTHON'
import json
import re
import sys

with open(sys.argv[1]) as file:
    report = json.load(file)
python = report["environment"]["python_version"]
platform = "{platform_machine} {platform_system}".format(**report["environment"])

# A local part such as `+cpu` names a build, not a version: `==2.13.0` accepts them all.
pins = {
    re.sub("[-_.]+", "-", entry["metadata"]["name"]).lower(): entry["metadata"][
        "version"
    ].partition("+")[0]
    for entry in report["install"]
}
del pins["unifiedml"]
pins["tensorflow"] = pins["tensorflow-cpu"]  # not installed here

print(
    f"""\
# Exact, tested versions of everything that `.[all,test,dev,examples]` installs.
# Made by `make constraints` (scripts/update_constraints.sh) with Python {python} on
# {platform} from a fresh resolve; edit pyproject.toml, not this file.
#
#   pip install -c constraints.txt -e '.[all]'
#
# torch and tensorflow-cpu are named exactly in that script: a newer torch, or none named,
# would bring gigabytes of CUDA packages. `tensorflow` is what stands in for
# `tensorflow-cpu` on platforms that have no such build."""
)
for name in sorted(pins):
    print(f"{name}=={pins[name]}")
PYTHON
mv "$empty/constraints.txt" constraints.txt
echo "constraints.txt: $(grep -c == constraints.txt) versions"
