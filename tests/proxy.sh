#!/usr/bin/env bash
# The proxy of the fault suites, in front of a Redis: whether each of its faults is one.
. "$(dirname "$0")/lib/faults.sh" || exit 1

suite_begin
redis_start || suite_end
port=$(free_port)
proxy_start redis "127.0.0.1:$port" "unix:$redis_socket"

# ask SECONDS COMMAND ...: by the proxy; sets answer and took_ms. No answer within that time is none.
ask() {
    local began=${EPOCHREALTIME/./}
    answer=$(timeout "$1" redis-cli -h 127.0.0.1 -p "$port" "${@:2}" 2>&1)
    took_ms=$(((${EPOCHREALTIME/./} - began) / 1000))
}

# connect: a connection of our own, as descriptor 3.
connect() {
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'PING\r\n' >&3
    read -r -t 5 answer <&3
    check_equal "a connection" $'+PONG\r' "$answer"
}

value=$(head -c 3000 /dev/zero | tr '\0' v)
redis_ask SET key "$value" >/dev/null

ask 5 GET key
check_equal "at first it carries" "$(cksum <<<"$value")" "$(cksum <<<"$answer")"
check_equal "and counts connections" "0 0" "$(until_true 5 [ "$(proxy_ask redis status)" = "0 0" ]; proxy_ask redis status)"

proxy_tell redis hang
ask 1 PING
check_equal "when it hangs there is no answer" "" "$answer"
redis_ask SET counter 0 >/dev/null
proxy_tell redis pass
proxy_tell redis hang to-client
ask 1 INCR counter
check_equal "nor when it hangs to the client" "" "$answer"
check_equal "but the server hears" 1 "$(redis_ask GET counter)"
proxy_tell redis pass
proxy_tell redis hang to-server
ask 1 INCR counter
check_equal "nor when it hangs to the server" "" "$answer"
check_equal "which hears nothing" 1 "$(redis_ask GET counter)"
proxy_tell redis pass
check "but later" until_true 5 eval '[ "$(redis_ask GET counter)" = 2 ]'

connect
proxy_tell redis reset
check "after a reset a connection is of no more use" eval '! read -r -t 5 answer <&3 2>/dev/null || [ -z "$answer" ]'
ask 5 PING
check_equal "but a new one is" PONG "$answer"

proxy_tell redis refuse
ask 5 PING
check "who is refused is told so" grep -q refused <<<"$answer"
proxy_tell redis pass
ask 5 PING
check_equal "but not without end" PONG "$answer"

connect
proxy_tell redis cut 1000
printf 'GET key\r\n' >&3
check_equal "a cut answer has so many bytes" 1000 "$(timeout 5 head -c 4000 <&3 2>/dev/null | wc -c)"
ask 5 GET key
check_equal "and the next connection is whole" "$(cksum <<<"$value")" "$(cksum <<<"$answer")"

proxy_tell redis slice 100 10
ask 10 GET key
check_equal "slices are put together" "$(cksum <<<"$value")" "$(cksum <<<"$answer")"
check "and take their time" [ "$took_ms" -ge 300 ]
proxy_tell redis pass
proxy_tell redis slice 1
ask 10 GET key
check_equal "also those of one byte" "$(cksum <<<"$value")" "$(cksum <<<"$answer")"
proxy_tell redis pass

proxy_tell redis delay 300
ask 10 PING
check_equal "latency changes nothing" PONG "$answer"
check "but the time" [ "$took_ms" -ge 600 ]
proxy_tell redis pass
proxy_tell redis rate 3000
ask 10 GET key
check_equal "nor does a low rate" "$(cksum <<<"$value")" "$(cksum <<<"$answer")"
check "but the time, too" [ "$took_ms" -ge 800 ]

check "nonsense is refused" eval '! proxy_ask redis hang sideways >/dev/null && ! proxy_ask redis answer 26 >/dev/null'
suite_end
