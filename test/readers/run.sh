#!/bin/sh
# Reads every table of a lake with delta-rs and with DuckDB's delta extension and compares the counts.
# Usage: run.sh LAKE_FOLDER [EXPECTED_COUNTS.json]. Its Python environment is made once and kept outside the tree.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ]; then
  echo "usage: run.sh LAKE_FOLDER [EXPECTED_COUNTS.json]" >&2
  exit 2
fi

python=${PYTHON:-python3}
key=$( { cat "$here/requirements.txt"; "$python" --version; } | cksum | cut -d ' ' -f 1)
environment=${XDG_CACHE_HOME:-$HOME/.cache}/sluice/readers-venv/$key

# Made under another name first: an environment that is there is whole.
if [ ! -d "$environment" ]; then
  mkdir -p "$(dirname "$environment")"
  making=$environment.$$
  trap 'rm -rf "$making"' EXIT
  "$python" -m venv "$making"
  "$making/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  mv "$making" "$environment" 2>/dev/null || test -d "$environment"
  trap - EXIT
fi

exec "$environment/bin/python" "$here/read-tables.py" "$@"
