#!/usr/bin/env bash
# The README's first command: starts the system with two proxies and a Redis, does what its welcome says one should try, and ends it with SIGTERM.
# Takes the Release build that is there.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
mkdir "$folder/tmp"
TMPDIR=$folder/tmp dotnet run --no-build -c Release --project src/AppHost -- --nodes 2 --redis > "$folder/output" 2>&1 &
run=$!
cleanup() { kill "$run" 2> /dev/null || true; wait "$run" 2> /dev/null || true; rm -rf "$folder"; }
trap cleanup EXIT

broken() { echo "$1"; echo "The command said:"; cat "$folder/output"; exit 1; }

for _ in {1..300}; do
  if grep -q 'Ctrl-C ends all' "$folder/output"; then break; fi
  kill -0 "$run" 2> /dev/null || broken "It ended before anything ran."
  sleep 0.2
done
grep -q 'Ctrl-C ends all' "$folder/output" || broken "It was not up within 60 s."

# The commands that it shows, and what the answer to each must look like.
expected=('Cache-Status: .*fwd=' 'Cache-Status: .*hit' '^HTTP/1.1 20[04]' 'Cache-Status: .*fwd=' # on one proxy
  'Cache-Status: .*stored' 'Cache-Status: .*hit.*detail=remote' 'Cache-Status: [^;]*; hit; ttl=[0-9]*$' '^HTTP/1.1 20[04]' 'Cache-Status: .*fwd=') # from one to the other
mapfile -t commands < <(sed -n 's/^ *\(curl .*\)$/\1/p' "$folder/output")
((${#commands[@]} == ${#expected[@]})) || broken "It shows ${#commands[@]} commands, not ${#expected[@]}."
for i in "${!commands[@]}"; do
  answer=$(bash -c "${commands[i]}" | tr -d '\r')
  # What one proxy has fetched reaches Redis behind its answer.
  if [[ ${expected[i]} == *stored ]]; then sleep 1; fi
  grep -qiE "${expected[i]}" <<< "$answer" || broken "$(printf '%s\nanswers without "%s":\n%s' "${commands[i]}" "${expected[i]}" "$answer")"
done
grep -q 'Chair, oiled' <<< "$answer" || broken "The read after the write is not fresh: $answer"

second=$(sed -n 's/^ *proxy 2 *\(http[^ ]*\).*/\1/p' "$folder/output")
curl -sf -o /dev/null "${second}items" || broken "The second proxy at $second does not answer."

kill -TERM "$run"
status=0
wait "$run" || status=$?
((status == 0)) || broken "It ended with exit code $status."
if curl -s -o /dev/null -m 2 "$second"; then broken "A proxy outlived it."; fi
redis=$(sed -n 's/^ *Redis *127.0.0.1:\([0-9]*\) .*/\1/p' "$folder/output")
if (exec 3<> "/dev/tcp/127.0.0.1/$redis") 2> /dev/null; then broken "Redis outlived it."; fi
if compgen -G "$folder/tmp/cacheproxy-*"; then broken "It left its temporary folder."; fi

# Without redis-server it says so, and starts nothing.
dotnet=$(command -v dotnet)
if PATH=$folder "$dotnet" exec src/AppHost/bin/Release/net10.0/AppHost.dll --redis > "$folder/output" 2>&1; then broken "It ran without redis-server."; fi
grep -q 'There is no redis-server in PATH' "$folder/output" || broken "It does not say that redis-server is missing."
echo "Miss, hit, write, fresh, on one proxy and from one to the other; and it ended without a trace."
