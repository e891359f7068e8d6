#!/usr/bin/env bash
# CacheProxy beside nginx, HAProxy, Varnish, Squid, YARP behind ASP.NET Core's output cache, and YARP alone: the same work in one run,
# in requests per second and per second of server CPU. For the hand, not for CI: it wants a quiet machine.
#
#   load.sh [--rounds 5] [--seconds 4] [--warm-up 30] [--layout pinned|free] [--quick] [--page src/CacheProxy/docs/performance.md]
#           [--systems "cacheproxy nginx haproxy varnish squid outputcache yarp yarp-inline"]
#           [--scenarios "hit zipf 64k 1m 304 gzip miss get post latency herd fill million"] [--host CacheProxy.Host.dll]
#
#   hit      one hot URL of 1 KB, from the cache         get      no-store, 1,000 URLs, passed through
#   zipf     10,000 URLs of 1 KB, zipf 0.9               post     1 KB up, 1 KB down, passed through
#   64k, 1m  one hot URL of that size                    latency  of hits, at half and 80 % of nginx's peak, at a constant rate
#   304      If-None-Match of the hot URL                herd     200 clients at once for one cold URL
#   gzip     8 KB, compressed and not, by Vary           fill     100,000 objects: rate, memory, hot and zipf then, churn
#   miss     a new URL each time, stored                 million  the same with 1,000,000
#
# pinned: each server has core 0 to itself; load generator and origin share core 1. free: nothing is bound. Systems take turns within each
# round; medians of the rounds are compared. The warm-up is long because a busy core leaves the runtime little time to compile again what
# is hot. Every answer is checked; who answers wrongly, or asks the origin for what it should have, has no ratio. --quick: one round of
# one second of everything but million. --page writes the tables into that page. All on loopback; what is started is ended.
set -euo pipefail
PATH=$PATH:/usr/sbin
for word in "$@"; do
  if [[ $word == --help ]]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"; exit; fi
done
# File names are the caller's; all else happens at the repository's root.
arguments=() host='' systems='nginx haproxy varnish squid'
while (($# > 0)); do
  case $1 in
    --host) host=$(realpath "${2:?}"); shift 2 ;;
    --page) arguments+=(--page "$(realpath "${2:?}")"); shift 2 ;;
    --systems) systems=${2:?}; arguments+=("$1" "$2"); shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
cd "$(dirname "$0")/../.."

(($(nproc) >= 2)) || { echo "Two cores are needed: one for the server, one for the load."; exit 1; }
packages=()
needs() { if [[ " $systems " == *" $1 "* ]] && ! command -v "$2" > /dev/null; then packages+=("$3"); fi; }
needs nginx nginx nginx-light
needs haproxy haproxy haproxy
needs varnish varnishd varnish
needs squid squid squid
if ((${#packages[@]} > 0)); then
  if ((EUID != 0)); then echo "Missing (as Debian names them): ${packages[*]}"; exit 1; fi
  apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" > /dev/null
fi

if [[ -z $host ]]; then
  publish=$(sed -n 's/^RUN \(dotnet publish .*\) -o \/app$/\1/p' docker/CacheProxy.Host.Dockerfile) # as the image has it
  $publish -o artifacts/load/host --artifacts-path artifacts/load/build -v quiet --nologo
  host=$PWD/artifacts/load/host/CacheProxy.Host.dll
fi
dotnet build tests/CacheProxy.Benchmarks -c Release -v quiet --nologo
exec dotnet exec tests/CacheProxy.Benchmarks/bin/Release/net10.0/CacheProxy.Benchmarks.dll load "${arguments[@]}" --host "$host"
