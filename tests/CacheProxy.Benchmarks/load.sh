#!/usr/bin/env bash
# Requests per second and per second of server CPU: CacheProxy, YARP without a cache, nginx and Varnish, side by side.
# For the hand, not for CI: it wants a quiet machine, and takes about scenarios x systems x (warm-up + rounds x seconds) (18 min).
#
#   load.sh [--rounds 5] [--seconds 5] [--warm-up 30] [--systems "cacheproxy yarp yarp-inline nginx varnish"] [--scenarios "hit miss get post"]
#
#   hit    one hot URL of 1 KB, from the cache          get    no-store, passed through
#   miss   a new URL each time, stored                  post   1 KB up, 1 KB down, passed through
#
# Each server has core 0 to itself; wrk (64 connections) and the origin share core 1. Systems take turns within each round, so that
# what disturbs the machine disturbs all; the medians of the rounds are compared. The warm-up is long because a busy core leaves the
# runtime little time to compile again what is hot. "origin" is how many requests reached the
# origin per request answered: it tells that a hit was a hit. All on loopback; what is started is ended, by process id.
# shellcheck disable=SC2317 # cleanup is called by the trap
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin

rounds=5 seconds=5 warm_up=30 systems='cacheproxy yarp yarp-inline nginx varnish' scenarios='hit miss get post'
while (($# > 0)); do
  case $1 in
    --rounds) rounds=${2:?}; shift 2 ;;
    --seconds) seconds=${2:?}; shift 2 ;;
    --warm-up) warm_up=${2:?}; shift 2 ;;
    --systems) systems=${2:?}; shift 2 ;;
    --scenarios) scenarios=${2:?}; shift 2 ;;
    *) sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
done

[[ $(nproc) -ge 2 ]] || { echo "Two cores are needed: one for the server, one for the load."; exit 1; }
packages=()
command -v wrk > /dev/null || packages+=(wrk)
if [[ $systems == *nginx* ]] && ! command -v nginx > /dev/null; then packages+=(nginx-light); fi
if [[ $systems == *varnish* ]] && ! command -v varnishd > /dev/null; then packages+=(varnish); fi
if ((${#packages[@]} > 0)); then
  if ((EUID != 0)); then echo "Missing (as Debian names them): ${packages[*]}"; exit 1; fi
  apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" > /dev/null
fi

dotnet build src/CacheProxy.Host -c Release -v quiet --nologo
dotnet build tests/CacheProxy.Benchmarks -c Release -v quiet --nologo
host=src/CacheProxy.Host/bin/Release/net10.0/CacheProxy.Host.dll
bench=tests/CacheProxy.Benchmarks/bin/Release/net10.0/CacheProxy.Benchmarks.dll

# --- Servers ----------------------------------------------------------------------------------------------------------

work=$(mktemp -d -p /dev/shm) # nginx keeps its cache in files: in memory, as the others do
chmod 711 "$work"                # its worker runs as another user
declare -A pid port
cleanup() {
  for process in "${pid[@]}"; do kill "$process" 2> /dev/null || true; done
  wait 2> /dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

base=$((20000 + RANDOM % 20000))
for name in origin cacheproxy yarp yarp-inline nginx varnish admin; do port[$name]=$((base++)); done
origin=http://127.0.0.1:${port[origin]}

cat > "$work/nginx.conf" << END
daemon off; worker_processes 1; pid $work/nginx.pid; error_log $work/nginx.log warn;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=50000 inactive=60s;
  client_body_temp_path $work/nginx-body; proxy_temp_path $work/nginx-proxy; fastcgi_temp_path $work/f; uwsgi_temp_path $work/u; scgi_temp_path $work/s;
  proxy_cache_path $work/nginx-cache levels=1:2 keys_zone=cache:64m max_size=256m use_temp_path=off;
  upstream origin { server 127.0.0.1:${port[origin]}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port[nginx]};
    location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_cache cache; }
  }
}
END
cat > "$work/varnish.vcl" << END
vcl 4.0;
backend default { .host = "127.0.0.1"; .port = "${port[origin]}"; }
END

start() {
  local name=$1 core=$2
  shift 2
  taskset -c "$core" "$@" > "$work/$name.log" 2>&1 &
  pid[$name]=$!
  for _ in {1..100}; do
    if curl -s -o /dev/null -m 1 "http://127.0.0.1:${port[$name]}/ready"; then return; fi
    kill -0 "${pid[$name]}" 2> /dev/null || break
    sleep 0.2
  done
  echo "$name did not start:"; cat "$work/$name.log"; exit 1
}

export DOTNET_gcServer=1 # for all alike, as the web SDK has it
start origin 1 dotnet exec "$bench" origin "$origin"
for system in $systems; do
  url=http://127.0.0.1:${port[$system]}
  case $system in
    cacheproxy) start "$system" 0 env CacheProxy__Origin="$origin" CacheProxy__Profile=Rfc9111 CacheProxy__Admin__Port="${port[admin]}" \
      CacheProxy__DrainTime=00:00:00 dotnet exec "$host" --urls "$url" ;;
    yarp) start "$system" 0 dotnet exec "$bench" plain-yarp "$url" "$origin" ;;
    yarp-inline) start "$system" 0 dotnet exec "$bench" plain-yarp "$url" "$origin" inline ;;
    nginx) start "$system" 0 nginx -c "$work/nginx.conf" ;;
    varnish) start "$system" 0 varnishd -F -j none -n "$work/varnish" -a "127.0.0.1:${port[varnish]}" -T none -f "$work/varnish.vcl" -s malloc,256m ;;
    *) echo "$system is not known here."; exit 2 ;;
  esac
done

# --- Load -------------------------------------------------------------------------------------------------------------

cat > "$work/hit.lua" << 'END'
wrk.path = "/cacheable/hot"
END
cat > "$work/get.lua" << 'END'
wrk.path = "/passed"
END
cat > "$work/post.lua" << 'END'
wrk.path, wrk.method, wrk.body = "/passed", "POST", string.rep("y", 1024)
END
cat > "$work/miss.lua" << 'END'
local host, run, number = nil, nil, 0
function init(args)
  run, host = args[1], "\r\nHost: " .. wrk.host .. ":" .. wrk.port .. "\r\n\r\n"
end
function request()
  number = number + 1
  return "GET /cacheable/" .. run .. "-" .. number .. " HTTP/1.1" .. host
end
END

tree() { local child; echo "$1"; for child in $(pgrep -P "$1"); do tree "$child"; done; }

# User and system time of a server, with its children, in clock ticks.
cpu() {
  local process total=0 stat
  for process in $(tree "${pid[$1]}"); do
    stat=$(sed 's/.*) //' "/proc/$process/stat")
    # shellcheck disable=SC2086
    set -- $stat
    total=$((total + ${12} + ${13}))
  done
  echo "$total"
}

ticks=$(getconf CLK_TCK)
run_number=0
# Appends "scenario system requests/s requests/CPU-second origin-share failures" to the results.
measure() {
  local scenario=$1 system=$2 duration=$3 results=$4 cpu_before asked_before out requests rate cpu_used asked bad
  run_number=$((run_number + 1))
  cpu_before=$(cpu "$system") asked_before=$(curl -s "$origin/count")
  out=$(taskset -c 1 wrk -t1 -c64 -d"${duration}s" --timeout 10s -s "$work/$scenario.lua" "http://127.0.0.1:${port[$system]}/" -- "$run_number")
  cpu_used=$(($(cpu "$system") - cpu_before)) asked=$(($(curl -s "$origin/count") - asked_before))
  requests=$(sed -nE 's/^ *([0-9]+) requests in .*/\1/p' <<< "$out") rate=$(sed -nE 's/^Requests\/sec: *//p' <<< "$out")
  bad=$(awk '/Non-2xx/ {n += $NF} /Socket errors/ {gsub(",", ""); n += $4 + $6 + $8 + $10} END {print n + 0}' <<< "$out")
  awk -v s="$scenario" -v y="$system" -v r="$rate" -v n="$requests" -v c="$cpu_used" -v t="$ticks" -v a="$asked" -v b="$bad" \
    'BEGIN { print s, y, r, n / ((c > 0 ? c : 1) / t), a / (n > 0 ? n : 1), b }' >> "$results"
}

echo "$(uname -sr), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores"
echo "CacheProxy and YARP on .NET $(dotnet --list-runtimes | sed -n 's/^Microsoft.NETCore.App \([^ ]*\).*/\1/p' | tail -1); YARP $(sed -n 's/.*Yarp.ReverseProxy" Version="\([^"]*\).*/\1/p' Directory.Packages.props)"
if [[ -n ${pid[nginx]:-} ]]; then nginx -v 2>&1 | sed 's/nginx version: //; s/$/: one worker, cache in memory, kept connections/'; fi
if [[ -n ${pid[varnish]:-} ]]; then varnishd -V 2>&1 | sed -n '1s/.*(\([^ ]*\).*/\1: malloc 256 MB/p'; fi
echo "$(wrk -v 2>&1 | sed -n '1s/ Copyright.*//p'): 64 connections, $rounds rounds of $seconds s"

for scenario in $scenarios; do for system in $systems; do measure "$scenario" "$system" "$warm_up" "$work/warm-up"; done; done
for ((round = 1; round <= rounds; round++)); do
  for scenario in $scenarios; do for system in $systems; do measure "$scenario" "$system" "$seconds" "$work/results"; done; done
done

# --- Report -----------------------------------------------------------------------------------------------------------

column() { awk -v s="$1" -v y="$2" -v c="$3" '$1 == s && $2 == y { print $c }' "$work/results" | sort -g; }
median() { column "$@" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }

reference=nginx
[[ " $systems " == *" nginx "* ]] || reference=${systems%% *}
for scenario in $scenarios; do
  reference_rate=$(median "$scenario" "$reference" 3) reference_cpu=$(median "$scenario" "$reference" 4)
  printf '\n%-5s %-12s %10s %19s %13s %9s %9s %7s %9s\n' "$scenario" '' requests/s '(min - max)' 'per CPU-s' 'x/s' 'x/CPU-s' origin failures
  for system in $systems; do
    rate=$(median "$scenario" "$system" 3) per_cpu=$(median "$scenario" "$system" 4)
    printf '      %-12s %10.0f %19s %13.0f %9s %9s %7.2f %9d\n' "$system" "$rate" \
      "$(column "$scenario" "$system" 3 | awk 'NR == 1 { min = $1 } END { printf "%.0f - %.0f", min, $1 }')" \
      "$per_cpu" "$(ratio "$rate" "$reference_rate")" "$(ratio "$per_cpu" "$reference_cpu")" \
      "$(median "$scenario" "$system" 5)" "$(column "$scenario" "$system" 6 | awk '{ n += $1 } END { print n }')"
  done
done
echo
echo "x/s and x/CPU-s: times $reference."
