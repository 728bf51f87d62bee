#!/usr/bin/env bash
# Redis loses data under load, in every way that one machine can show: the workers notice, stop deciding, give Redis back
# what the record topic has, and go on. No email is given twice, no client made again, nothing rejected that was not to be.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

rate=$(faults_choose 300 600)
persistence=(--appendonly yes --appendfsync everysec --enable-debug-command yes)

redis_has_epoch() {
    [ "$(redis_ask EXISTS client-intake:epoch)" = 1 ]
}

# How many clients Redis has.
redis_clients() {
    redis_ask --scan --pattern 'client:{*' | wc -l
}

redis_has_more_clients_than() {
    [ "$(redis_clients)" -gt "$1" ]
}

# under_load SECONDS: so much load.
under_load() {
    local until=$((SECONDS + $1))
    while faults_load "$rate" && [ "$SECONDS" -lt "$until" ]; do sleep 0.2; done
}

# goes_on WHAT CLIENTS: checks that Redis gets back what it had, and more.
goes_on() {
    check "$1: Redis has all and more" eventually redis_has_all_under_load "$2"
}

redis_has_all_under_load() {
    faults_load "$rate"
    redis_has_epoch && redis_has_more_clients_than "$1"
}

# loses WHAT COMMAND ...: the command makes Redis lose data; before and after it there is load.
loses() {
    local what=$1 before
    shift
    under_load 2
    before=$(redis_clients)
    "$@" >/dev/null || suite_fail "$what" "\`$*\` gave $?"
    goes_on "$what" "$before"
}

rebuilds() {
    cat "${worker_logs[@]}" | grep -cE 'Redis is rebuilt|Redis has caught up'
}

live_begin "$(faults_choose 3 6)" "${persistence[@]}"
for name in one two; do worker_start "$name" --set batch.commands=100 --set worker.threads=2; done

criterion "Redis is flushed, twice in a row too" "noticed by the missing epoch; the index is rebuilt; no email given twice"
loses "FLUSHALL" redis_ask FLUSHALL
loses "FLUSHALL ASYNC" redis_ask FLUSHALL ASYNC
flush_again_soon() {
    redis_ask FLUSHALL
    sleep 0.0$((RANDOM % 10))
    redis_ask FLUSHALL
    sleep 0.$((RANDOM % 5))
    redis_ask FLUSHALL
}
loses "three FLUSHALL within a second" flush_again_soon

criterion "Redis' data are swapped for others (SWAPDB)" "as after a flush"
loses "SWAPDB" redis_ask SWAPDB 0 1
redis_ask -n 1 FLUSHDB >/dev/null

criterion "an older copy of Redis, with the same epoch, is swapped in" \
    "noticed by a checkpoint, on the connection that stays; what is missing is read from the record topic"
copy_all="for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('COPY', key, key, 'DB', 1) end"
swap_older_copy() {
    redis_ask EVAL "$copy_all" 0
    under_load 2
    redis_ask SWAPDB 0 1
}
loses "an older copy" swap_older_copy
# Between two batches, or in the midst of one. The copy may have more clients than there were before.
checkpoint_is_noticed() {
    faults_load "$rate"
    grep -qE 'a checkpoint (is not the one|changed during a commit)' "${worker_logs[@]}"
}
check "a worker has noticed the checkpoint" eventually checkpoint_is_noticed
redis_ask -n 1 FLUSHDB >/dev/null

criterion "Redis is killed without a file" "as after a flush"
start_empty() {
    redis_kill
    rm -rf "$suite_folder/redis/appendonlydir" "$suite_folder"/redis/*.rdb
    redis_start "${persistence[@]}"
}
loses "a new, empty Redis" start_empty

criterion "Redis is killed and its append-only file has lost its end" \
    "noticed by a checkpoint behind what is committed; what is missing is read from the record topic"
# Redis begins a new file behind a rewrite; what was written since stands at the end of the last one.
start_truncated() {
    local file
    redis_kill
    file=$(ls "$suite_folder"/redis/appendonlydir/*.incr.aof | tail -n 1)
    truncate -s "-$(($(stat -c %s "$file") * $1 / 100))" "$file"
    redis_start "${persistence[@]}" --aof-load-truncated yes
}
under_load 3
for percent in $(faults_choose "3" "1 5 30"); do
    loses "an append-only file without its last $percent percent" start_truncated "$percent"
done

criterion "Redis is restored from an old file" "as above"
start_old() {
    redis_kill
    cp "$suite_folder/old.rdb" "$suite_folder/redis/dump.rdb"
    rm -rf "$suite_folder/redis/appendonlydir"
    redis_start --enable-debug-command yes
    redis_ask CONFIG SET appendonly yes
}
# Definitions of workspaces that no command names: one that changes and one that comes after the file was written.
put() {
    live_intake definitions put "$1" - <<<"[{\"key\":\"$2\",\"type\":\"text\"}]" >/dev/null || suite_fail "definitions put"
}
put changing before
redis_ask SAVE >/dev/null
cp "$suite_folder/redis/dump.rdb" "$suite_folder/old.rdb"
put changing after
put coming after
under_load 3
loses "a file of some seconds ago" start_old
has_key() { redis_ask GET "custom-fields:{$1}" | grep -q "\"$2\""; }
check "definitions that were put after the file was written are put again" eventually has_key coming after
check "and those that it had in an older version" eventually has_key changing after

criterion "a replica that lagged behind is promoted" "as above"
start_replica() {
    mkdir -p "$suite_folder/replica"
    redis-server --port 0 --unixsocket "$suite_folder/replica/socket" --dir "$suite_folder/replica" --save '' \
        --replicaof 127.0.0.1 "$1" --repl-diskless-sync-delay 0 >"$suite_folder/replica/log" 2>&1 &
    replica_pid=$!
}
ask_replica() { redis-cli -s "$suite_folder/replica/socket" "$@"; }
replica_is_in_step() { ask_replica INFO replication | grep -q master_link_status:up; }
# The replica stands still for a while; then the master is gone, and the replica takes its place.
promote() {
    redis_kill
    kill -CONT "$replica_pid"
    ask_replica CONFIG SET repl-timeout 1 >/dev/null
    ask_replica REPLICAOF NO ONE >/dev/null
    mv -T "$suite_folder/redis" "$suite_folder/redis-before"
    ln -s replica "$suite_folder/redis"
    redis_pid=$replica_pid
    eventually redis_answers
}
port=$(free_port)
redis_ask CONFIG SET bind 127.0.0.1 >/dev/null
redis_ask CONFIG SET port "$port" >/dev/null
start_replica "$port"
check "the replica is in step" eventually replica_is_in_step
under_load 2
kill -STOP "$replica_pid"
under_load 2
loses "a replica that lagged behind by seconds" promote

criterion "Redis is flushed while nothing is to be done" "it is complete again within seconds, definitions included"
faults_load_end
check "all is answered" oracle await 60
before=$(redis_clients)
definitions=$(redis_ask --scan --pattern 'custom-fields:*' | wc -l)
redis_ask FLUSHALL >/dev/null
check "an idle worker rebuilds Redis" until_true 20 redis_has_epoch
check_equal "it has all clients again" "$before" "$(redis_clients)"
check_equal "it has all definitions again" "$definitions" "$(redis_ask --scan --pattern 'custom-fields:*' | wc -l)"
check "the metrics would tell: rebuilds are logged" [ "$(rebuilds)" -ge 8 ]
live_end 60
