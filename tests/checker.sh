#!/usr/bin/env bash
# Checks the running system end to end: 3 proxies, 3 APIs, redis-server and PostgreSQL as processes of their own, clients that write down what they see,
# and faults. Exit code 0 only if every rule held; see src/CacheProxy.Coherence/docs/checker.md.
#   tests/checker.sh [--operations 5000] [--faults none|all|name,...] [--seed 1] [--minutes 5] [--sessions 16] [--break none|order|noredis] [--scenario cut|stop] [--no-build]
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
arguments=() build=true
for argument in "$@"; do
  if [[ $argument == --no-build ]]; then build=false; else arguments+=("$argument"); fi
done
if $build; then dotnet build tests/CacheProxy.Checker -c Release --nologo -v quiet; fi
exec dotnet tests/CacheProxy.Checker/bin/Release/net10.0/CacheProxy.Checker.dll "${arguments[@]}"
