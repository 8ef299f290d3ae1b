#!/bin/sh
# Real delta-rs (and, with --spark, Spark 3.5 with Delta 3.3) write to a bronze table between and during our commits.
# Usage: other-writers.sh [--spark] [--commits N]. Needs python3 with venv; --spark also Java 17 and mvn. Environments
# are made once from pinned versions and kept outside the tree.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice
delta_version=3.3.2

# Made under another name first: what is there under its own name is whole.
make_environment() { # requirements, folder
  [ -d "$2" ] && return
  mkdir -p "$(dirname "$2")"
  making=$2.$$
  trap 'rm -rf "$making"' EXIT
  "$python" -m venv "$making"
  "$making/bin/pip" install --quiet --disable-pip-version-check -r "$1"
  mv "$making" "$2" 2>/dev/null || test -d "$2"
  trap - EXIT
}

make_jars() { # folder
  [ -d "$1" ] && return
  mkdir -p "$(dirname "$1")"
  making=$1.$$
  trap 'rm -rf "$making"' EXIT
  for artifact in delta-spark_2.12 delta-storage; do
    mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
      -Dartifact="io.delta:$artifact:$delta_version" -DoutputDirectory="$making"
  done
  mv "$making" "$1" 2>/dev/null || test -d "$1"
  trap - EXIT
}

key_of() {
  { cat "$1"; "$python" --version; } | cksum | cut -d ' ' -f 1
}

rust=$cache/writers-venv/$(key_of "$here/writers-requirements.txt")
make_environment "$here/writers-requirements.txt" "$rust"
export SLUICE_TEST_DELTA_RS="$rust/bin/python"

for argument in "$@"; do
  [ "$argument" = --spark ] || continue
  spark=$cache/spark-venv/$(key_of "$here/spark-requirements.txt")
  make_environment "$here/spark-requirements.txt" "$spark"
  make_jars "$cache/delta-jars/$delta_version"
  export SLUICE_TEST_SPARK="$spark/bin/python" SLUICE_TEST_JARS="$cache/delta-jars/$delta_version"
done

exec "$here/../../node_modules/.bin/node" "$here/other-writers.ts" "$@"
