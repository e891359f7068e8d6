#!/usr/bin/env bash
# The README's commands. Those that other checks run are known here by name; the rest is run, on free ports. Takes the Release build.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
started=()
cleanup() {
  for process in "${started[@]}"; do kill "$process" 2> /dev/null || true; done
  wait 2> /dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

broken() { echo "$1"; cat "$folder"/*.log; exit 1; }

# Waits until the command just started, which logs to a file, has said something.
until_said() {
  local log=$1 text=$2
  for _ in {1..300}; do
    if grep -q "$text" "$log"; then return; fi
    kill -0 "${started[-1]}" 2> /dev/null || break
    sleep 0.1
  done
  broken "Never said: $text"
}

run_service=''
while IFS= read -r command; do
  case $command in
    'dotnet run --project src/AppHost') ;; # tests/apphost.sh
    'bash tests/run.sh') ;;                # this is part of it
    'docker compose up') ;;                # what it names: below
    'dotnet run --project src/CacheProxy.Host -- '*) run_service=$command ;;
    *) broken "Nothing runs the README's command: $command" ;;
  esac
done < <(sed -n '/^```bash$/,/^```$/{/^```/d;p}' README.md)
[[ -n $run_service ]] || broken "The README no longer says how to run the service."

echo "== $run_service"
mkdir "$folder/site"
echo 'from the origin' > "$folder/site/page"
python3 -u -m http.server --bind 127.0.0.1 --directory "$folder/site" 0 > "$folder/origin.log" 2>&1 &
started+=($!)
until_said "$folder/origin.log" 'Serving HTTP'
origin=$(sed -nE 's/.*\((http:[^ ]*[0-9])\/?\).*/\1/p' "$folder/origin.log")
command=${run_service/dotnet run/dotnet run --no-build -c Release}
command=$(sed -E "s#--origin [^ ]+#--origin $origin#; s#--urls [^ ]+#--urls http://127.0.0.1:0#" <<< "$command")
# shellcheck disable=SC2086
CacheProxy__Admin__Port=0 $command > "$folder/host.log" 2>&1 &
started+=($!)
until_said "$folder/host.log" 'The proxy listens on'
proxy=$(sed -n 's/.*The proxy listens on \([^ ]*[0-9]\).*/\1/p' "$folder/host.log")
for expected in 'fwd=uri-miss' '; hit'; do
  answer=$(curl -si "$proxy/page")
  grep -q 'from the origin' <<< "$answer" || broken "Not the origin's page: $answer"
  grep -qi "^Cache-Status: .*$expected" <<< "$answer" || broken "Not '$expected': $answer"
done
echo "Miss, hit."

echo "== docker compose up"
python3 tests/compose.py > "$folder/environment" || broken "docker-compose.yml names what is not there."
# The service must take the environment that the file gives it: it checks all of it when it starts.
mapfile -t environment < "$folder/environment"
env "${environment[@]}" CacheProxy__Admin__Port=0 ASPNETCORE_URLS=http://127.0.0.1:0 \
  dotnet src/CacheProxy.Host/bin/Release/net10.0/CacheProxy.Host.dll > "$folder/composed.log" 2>&1 &
started+=($!)
until_said "$folder/composed.log" 'The proxy listens on'
echo "All that it names exists, and the proxy takes: ${environment[*]}"
