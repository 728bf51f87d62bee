#!/usr/bin/env bash
# A Redis that is a node of a cluster, and one that is none: `check` and the daemon say so, and what to do, instead of failing
# over every batch. A whole cluster is in tests/live/redis_cluster.sh.
. "$(dirname "$0")/lib/redis.sh" || exit 1

suite_begin
redis_start --cluster-enabled yes --port "$(free_port)" --cluster-port "$(free_port)" \
    --cluster-config-file "$suite_folder/nodes.conf" || suite_end
slots=$(redis_ask CLUSTER ADDSLOTSRANGE 0 16383)
check_equal "the node has all slots" OK "$slots"
settings=(--set "redis.address=unix:$redis_socket" --set kafka.bootstrap.servers=127.0.0.1:1 --set http.listen=)
intake() { "$BUILD/client-intake" "$@" "${settings[@]}"; }

# Each waits for Kafka first, so both do at the same time.
intake definitions put ws-1 tests/live/definitions.json >"$suite_folder/put" 2>&1 &
put=$!
intake check >"$suite_folder/check" 2>&1
check_equal "check ends with 78, whatever else is wrong" 78 $?
line=$(grep '^redis ' "$suite_folder/check")
check "it names the cause" grep -q 'cluster_enabled:1' <<<"$line"
check "and what to do" grep -q 'cluster-enabled no' <<<"$line"
check "and does not call it ok" eval '! grep -q "^redis   ok" <<<"$line"'

"$BUILD/client-intake" run "${settings[@]}" >"$suite_folder/run" 2>&1 &
daemon=$!
says() { grep -q 'level=warning .*cluster_enabled:1.*cluster-enabled no' "$suite_folder/run"; }
check "the daemon says it, too" eventually says
check "it says it once for each thing that needs Redis" [ "$(grep -c cluster_enabled "$suite_folder/run")" -le 3 ]
kill -TERM "$daemon"
wait "$daemon"
check_equal "and ends when it is asked to" 0 $?
wait "$put"
check_equal "definitions put cannot reach what it needs" 69 $?

redis_kill
port=$(free_port)
redis_start --port "$port" || suite_end
"$BUILD/client-intake" check "${settings[@]}" --set redis.kind=cluster --set "redis.address=127.0.0.1:$port" >"$suite_folder/none" 2>&1 &
none=$!
intake check >"$suite_folder/check" 2>&1
check_equal "without a cluster it is Kafka alone that is missing" 69 $?
check "and Redis is ok" grep -q '^redis   ok' "$suite_folder/check"
wait "$none"
check_equal "redis.kind = cluster is wrong there" 78 $?
check "and it says why" grep -q '^redis   .*cluster_enabled:0.*redis.kind must be single' "$suite_folder/none"
"$BUILD/client-intake" definitions list --set redis.kind=cluster --set "redis.address=127.0.0.1:$port" >"$suite_folder/list" 2>&1
check_equal "definitions cannot be listed there" 69 $?
check "and it says why" grep -q 'Redis: it is no node of a cluster (cluster_enabled:0)' "$suite_folder/list"
check_equal "offline it is a config like others" "config  ok" "$("$BUILD/client-intake" check --offline --set redis.kind=cluster)"
"$BUILD/client-intake" run "${settings[@]}" --set redis.kind=cluster --set "redis.address=127.0.0.1:$port" >"$suite_folder/run" 2>&1 &
daemon=$!
says() { grep -q 'level=warning .*cluster_enabled:0' "$suite_folder/run"; }
check "the daemon says it, too" eventually says
kill -TERM "$daemon"
wait "$daemon"
check_equal "and ends when it is asked to" 0 $?
suite_end
