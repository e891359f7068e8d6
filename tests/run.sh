#!/usr/bin/env bash
# Runs all tests and checks, and ends with "N passed, N failed" (and ", N skipped"). Exit code 0 only if none failed.
# Installs what is missing (Debian packages, as root); otherwise names it and stops. What it leaves is in artifacts/.
# shellcheck disable=SC2317 # the checks are called by name
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
PATH=$PATH:/usr/sbin

passed=0 failed=0 skipped=0 failures=()
artifacts=$PWD/artifacts/tests
rm -rf "$artifacts"
mkdir -p "$artifacts"

say() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }
fail() { failed=$((failed + 1)); failures+=("$1"); }

# --- What the tests need besides the .NET SDK -------------------------------------------------------------------------

missing_packages() {
  command -v curl > /dev/null || echo curl
  command -v nginx > /dev/null || echo nginx-light
  command -v node > /dev/null || echo nodejs
  command -v npm > /dev/null || echo npm
  compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || command -v initdb > /dev/null || echo postgresql
  command -v promtool > /dev/null || echo prometheus
  python3 -c 'import yaml' 2> /dev/null || echo python3-yaml
  command -v redis-server > /dev/null || echo redis-server
  command -v wrk > /dev/null || echo wrk
}

# The tests start servers of their own: a package must not start its service. Debian asks this file.
install() (
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$@"
)

command -v dotnet > /dev/null || { echo "The .NET 10 SDK is missing: https://dotnet.microsoft.com/download"; exit 1; }
mapfile -t packages < <(missing_packages)
if ((${#packages[@]} > 0)); then
  if ((EUID != 0)) || ! command -v apt-get > /dev/null; then
    echo "Missing (as Debian names them): ${packages[*]}"
    exit 1
  fi
  say "Installing ${packages[*]}"
  install "${packages[@]}" > "$artifacts/install.log" 2>&1 || { tail -20 "$artifacts/install.log"; echo "Could not install ${packages[*]}"; exit 1; }
  mapfile -t packages < <(missing_packages)
  if ((${#packages[@]} > 0)); then echo "Still missing: ${packages[*]}"; exit 1; fi
fi

# --- Build and tests --------------------------------------------------------------------------------------------------

say "Building"
dotnet build CacheProxy.sln -c Release --nologo -v quiet || { printf 'Failed:\n  the build\n0 passed, 1 failed\n'; exit 1; }

# Adds up what a project's result file counts. A run that broke off counts as a failure, whatever the file says.
count() {
  local project=$1 file=$2 exit_code=$3 counters
  counters=$(grep -o '<Counters [^>]*>' "$file" 2> /dev/null) || { fail "$project: no results, the test host did not get that far"; return; }
  number() { sed -E "s/.* $1=\"([0-9]+)\".*/\1/" <<< "$counters"; }
  local good bad all
  good=$(number passed) all=$(number total)
  bad=$(($(number executed) - good))
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + all - $(number executed)))
  while IFS= read -r name; do failures+=("$project: $name"); done < <(
    grep '<UnitTestResult .*outcome="Failed"' "$file" | sed -E 's/.* testName="([^"]*)".*/\1/; s/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g')
  if ((all == 0)); then fail "$project: has no tests"; fi
  if ((exit_code != 0 && bad == 0)); then fail "$project: the run broke off (exit code $exit_code)"; fi
}

mapfile -t project_files < <(grep -l '<IsTestProject>true' tests/*/*.csproj)
for project_file in "${project_files[@]}"; do
  project=$(basename "$project_file" .csproj)
  say "Testing $project"
  exit_code=0
  dotnet test "$project_file" -c Release --no-build --nologo --results-directory "$artifacts" --logger "trx;LogFileName=$project.trx" \
    --blame-hang --blame-hang-timeout 4min --blame-hang-dump-type none || exit_code=$?
  pkill -KILL -f "^$PWD/tests/$project/bin/" || true # one that hung is left behind by its runner
  count "$project" "$artifacts/$project.trx" "$exit_code"
done

# --- Checks: each counts as one test ----------------------------------------------------------------------------------

check() {
  local name=$1 log
  log=$artifacts/$2.log
  say "$name"
  if "$2" > "$log" 2>&1; then passed=$((passed + 1)); else tail -40 "$log"; fail "$name (log: ${log#"$PWD/"})"; fi
}

formatting() { dotnet format CacheProxy.sln --verify-no-changes --no-restore; }

# The real file; only the names, which docker-compose.yml makes known, and the folder for its files are other ones.
nginx_configuration() {
  local folder
  folder=$(mktemp -d)
  sed -E "s#server (proxy-1|proxy-2|api):#server 127.0.0.1:#; s#/tmp/#$folder/#" nginx/nginx.conf > "$folder/nginx.conf"
  nginx -t -c "$folder/nginx.conf" || { rm -r "$folder"; return 1; }
  rm -r "$folder"
}

# What the image builds run, read from there.
image_publish() {
  local file command
  for file in docker/*.Dockerfile; do
    command=$(sed -n 's/^RUN \(dotnet publish .*\) -o \/app$/\1/p' "$file")
    [[ -n $command ]] || { echo "$file has no dotnet publish"; return 1; }
    $command -o "$artifacts/publish/$(basename "$file" .Dockerfile)" --artifacts-path "$artifacts/publish-build" -v quiet --nologo || return 1
  done
}

app_host() { bash tests/apphost.sh; }
readme() { bash tests/readme.sh; }

# The shortest that the measurement can be: it still has to measure, without a failure, and a hit has to be a hit.
load() {
  (($(nproc) >= 2)) || { echo "One core: nothing to measure on."; return; }
  local host=$artifacts/publish/CacheProxy.Host/CacheProxy.Host.dll # image_publish made it
  [[ -e $host ]] || { echo "There is no $host"; return 1; }
  bash tests/CacheProxy.Benchmarks/load.sh --rounds 1 --seconds 1 --warm-up 1 --systems "cacheproxy nginx" --scenarios "hit post" \
    --host "$host" | tee "$artifacts/load.txt"
  awk '$1 == "cacheproxy" { seen++; bad += $NF; if (seen == 1) bad += $(NF - 1) > 0.01 } END { exit seen != 2 || bad }' "$artifacts/load.txt"
}
conformance() { bash tests/conformance.sh --no-build; }
checker() { bash tests/checker.sh --no-build --operations 5000 --minutes 0.4; }
checker_faults() { bash tests/checker.sh --no-build --operations 1000 --minutes 1 --faults doorbells,redis-flush,cut,redis-kill; }

# It is worth something only if it finds what is broken.
checker_finds() {
  local output status=0
  output=$(bash tests/checker.sh --no-build --operations 1000 --minutes 0.2 --break order) || status=$?
  echo "$output"
  ((status == 1)) && grep -q 'VIOLATED R4' <<< "$output"
}

check "Formatting" formatting
check "nginx accepts its configuration" nginx_configuration
check "Publishing as the images do" image_publish
check "One command starts the system" app_host
check "The README's commands, and what docker-compose.yml names" readme
check "The load measurement" load
check "Coherence of three nodes, end to end" checker
check "Coherence of three nodes, with faults" checker_faults
check "The checker finds nodes without a common order" checker_finds
check "Conformance (http-cache-tests)" conformance
cat "$artifacts/conformance.log"

# --- The end ----------------------------------------------------------------------------------------------------------

say "Done"
if ((failed > 0)); then printf 'Failed:\n'; printf '  %s\n' "${failures[@]}"; fi
if ((passed == 0)); then fail "nothing passed"; fi
echo "$passed passed, $failed failed$( ((skipped > 0)) && echo ", $skipped skipped")"
((failed == 0))
