#!/usr/bin/env bash
# The public test suite for HTTP caches (npm http-cache-tests) against CacheProxy in its Rfc9111 profile.
#
#   tests/conformance.sh                                   builds and starts the proxy itself
#   tests/conformance.sh --no-build                        takes the Release build that is there
#   tests/conformance.sh --suite DIR                       the current edition: a checkout of http-tests/cache-tests after npm install
#   tests/conformance.sh --target URL --origin-port PORT   any cache that forwards to 127.0.0.1:PORT; nothing is expected of it
#
# What the proxy is started with besides comes from the environment (CacheProxy__Routes__origin__StoreSetCookie=true).
# Results: artifacts/conformance/*.json, as the suite writes them. Fails when a required test fails that is not named in
# tests/conformance/expected-failures.txt (expected-failures-current.txt with --suite), or one that is named there passes.
# shellcheck disable=SC2317 # some functions are called by name
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.4.5
target='' origin_port='' build=yes checkout=''
while (($# > 0)); do
  case $1 in
    --target) target=${2:?--target wants a URL}; shift 2 ;;
    --origin-port) origin_port=${2:?--origin-port wants a number}; shift 2 ;;
    --no-build) build=no; shift ;;
    --suite) checkout=$(cd "${2:?--suite wants a folder}" && pwd); shift 2 ;;
    *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [[ -n $target && -z $origin_port ]]; then echo "--target needs --origin-port: where the target's origin is to listen" >&2; exit 2; fi

out=$PWD/artifacts/conformance
suite=$out/node_modules/http-cache-tests
mkdir -p "$out"
expected_file=tests/conformance/expected-failures.txt server=server/server.mjs
if [[ -n $checkout ]]; then
  suite=$checkout expected_file=tests/conformance/expected-failures-current.txt server=test-engine/server/server.mjs
elif ! grep -qs "\"version\": \"$version\"" "$suite/package.json"; then
  echo "Installing http-cache-tests@$version"
  echo '{ "private": true }' > "$out/package.json"
  npm install --prefix "$out" --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel error "http-cache-tests@$version"
fi

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'; }

# $1 until it succeeds, at most 30 s; $2 names what is waited for, $3 its process, $4 its output.
wait_until() {
  for _ in {1..150}; do
    if "$1"; then return 0; fi
    if [[ -n $3 ]] && ! kill -0 "$3" 2>/dev/null; then break; fi
    sleep 0.2
  done
  echo "$2 did not start:" >&2; cat "$4" >&2; exit 1
}

pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
}
trap cleanup EXIT

put_gets_through() {
  local id=ready-$RANDOM$RANDOM$RANDOM
  [[ $(curl -s -o "$out/ready.txt" -w '%{http_code}' -m 2 -X PUT -d '[]' "$1/config/$id") == 201 ]]
}
origin_answers() { put_gets_through "http://127.0.0.1:$origin_port"; }
target_answers() { put_gets_through "$target"; }

origin_port=${origin_port:-$(free_port)}
(cd "$suite" && exec env npm_config_protocol=http npm_config_port="$origin_port" npm_config_pidfile="$out/origin.pid" \
  node --no-warnings --require "$OLDPWD/tests/conformance/loopback.cjs" "$server") > "$out/origin.log" 2>&1 &
pids+=($!)
wait_until origin_answers "The suite's origin" $! "$out/origin.log"

name=target expected=() host=''
if [[ -z $target ]]; then
  name=cacheproxy expected=("$expected_file")
  if [[ $build == yes ]]; then dotnet build src/CacheProxy.Host -c Release -v quiet --nologo; fi
  target=http://127.0.0.1:$(free_port)
  CacheProxy__Origin=http://127.0.0.1:$origin_port CacheProxy__Profile=Rfc9111 CacheProxy__Admin__Port=$(free_port) \
    dotnet exec src/CacheProxy.Host/bin/Release/net10.0/CacheProxy.Host.dll --urls "$target" > "$out/host.log" 2>&1 &
  host=$!
  pids+=("$host")
fi
wait_until target_answers "The cache at $target" "$host" "$out/host.log"

result=$out/$name.json
echo "Running the suite against $target"
timeout 300 node --no-warnings tests/conformance/run.mjs "$suite" "$target" "$result" > "$out/run.log" 2>&1 || { tail -20 "$out/run.log" >&2; exit 1; }

status=0
node --no-warnings tests/conformance/report.mjs "$suite" "$result" "${expected[@]}" > "$out/report.txt" || status=$?
# The suite counts seconds, on a machine that may be busy: what fails unexpectedly gets a second chance, in the open.
if [[ $status != 0 && -s $result.differs ]]; then
  mapfile -t again < "$result.differs"
  echo "Second attempt for: ${again[*]}"
  timeout 120 node --no-warnings tests/conformance/run.mjs "$suite" "$target" "$result" "${again[@]}" >> "$out/run.log" 2>&1 || true
  status=0
  node --no-warnings tests/conformance/report.mjs "$suite" "$result" "${expected[@]}" > "$out/report.txt" || status=$?
fi
cat "$out/report.txt"
echo "Results: ${result#"$PWD/"}"
exit "$status"
