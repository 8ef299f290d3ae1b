#!/usr/bin/env bash
# Makes a lake as a new user would (two starts, and one with a contract that gained a field), counts its rows with
# `sluice sql`, and lets the other engines read it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

sluice() { "$root/node_modules/.bin/node" "$root/bin/sluice.js" "$@"; }
sluice start >/dev/null
sluice start >/dev/null
SLUICE_PIPELINE="$here/wider-pipeline.ts" sluice start >/dev/null

{
  printf '{'
  comma=
  for table in bronze/{ivr_calls,call_legs,surveys} gold/{agent_daily,queue_daily} \
    silver/{ivr_calls,call_legs,surveys,rejected_events,agents,customers}; do
    rows=$(sluice sql "SELECT count(*) FROM ${table/\//.}" --format csv | tail -n 1)
    printf '%s"%s": %s' "$comma" "$table" "$rows"
    comma=', '
  done
  printf '}\n'
} >expected.json
cat expected.json
"$here/run.sh" "$folder/.sluice/lake" expected.json
