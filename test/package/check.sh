#!/bin/sh
# The package as a stranger installs it: packed, installed into an empty folder, run there without its own src/cli, so
# that it is the bundle that runs; then a pipeline of one's own over the same hub. Needs npm, a registry and no more.
set -eu
cd "$(dirname "$0")/../.."
home=$(mktemp -d)
trap 'kill "${hub:-}" 2>/dev/null || true; rm -rf "$home"' EXIT

npm pack --silent --pack-destination "$home" >/dev/null
cd "$home"
printf '{"private":true,"type":"module","allowScripts":{"node":true}}\n' > package.json
npm install --no-audit --no-fund --prefer-offline --no-progress ./sluice-*.tgz >npm.log 2>&1 || { cat npm.log; exit 1; }
rm -rf node_modules/sluice/src/cli
npx sluice --help | grep -q ingest-once

# npx would keep a kill to itself.
serve() { # settings… : a hub in the background, its connection string in SLUICE_EVENTHUBS
  rm -f hub.out
  env "$@" node_modules/.bin/sluice hub --port 0 --tls-port off --health-port off --data "hub-$#" >hub.out 2>hub.err &
  hub=$!
  for _ in $(seq 100); do grep -q '^Endpoint=' hub.out && break; sleep 0.2; done
  SLUICE_EVENTHUBS=$(head -1 hub.out)
  export SLUICE_EVENTHUBS
}

export SLUICE_LAKE="$home/lake"
serve
npx sluice produce --ticks 3 --seed 7 >produce.out
npx sluice ingest-once >receipt.out 2>run.err || { cat receipt.out run.err; exit 1; }
calls=$(npx sluice sql 'SELECT count(*) FROM silver.ivr_calls' --format csv | tail -1)
[ "$calls" -gt 0 ]
npx sluice ingest-once | grep -q 'nothing new'
# The driver of DuckDB is in the bundle: there is one copy of what decodes its texts, which keeps a byte-order mark.
mv node_modules/@duckdb/node-api node-api
[ "$(npx sluice sql "SELECT chr(65279) || 'a' AS a" --format csv | tail -1 | od -An -tx1 | tr -d ' \n')" = efbbbf610a ]
mv node-api node_modules/@duckdb/node-api
kill "$hub"

# Imports the package's own `sluice/pipeline-kit`, and runs on the bundle.
cp -r node_modules/sluice/examples/iot-readings own
export SLUICE_LAKE="$home/own-lake" SLUICE_PIPELINE="$home/own/pipeline.ts"
serve SLUICE_PIPELINE="$SLUICE_PIPELINE"
npx node own/send-readings.ts >send.out 2>&1 || { cat send.out; exit 1; }
npx sluice ingest-once >receipt.out 2>run.err || { cat receipt.out run.err; exit 1; }
readings=$(npx sluice sql 'SELECT count(*) FROM silver.readings' --format csv | tail -1)
[ "$readings" -gt 0 ]
printf 'installed from %s: %s calls, %s readings\n' "$(ls sluice-*.tgz)" "$calls" "$readings"
