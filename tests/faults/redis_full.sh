#!/usr/bin/env bash
# Redis takes no writes: maxmemory is reached (OOM), a snapshot fails (MISCONF), the disk below the append-only file is
# full. The worker waits, says so once, loses and rejects nothing, and goes on when there is room.
# SCRIPT FLUSH and FUNCTION FLUSH have no part here, since the worker runs no scripts.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=4
LIVE_CHECKS=44
away='Redis is away' back='Redis is back'
rate=400

# What is asked of the log is asked from here on.
mark=0
mark_log() {
    mark=$(wc -l <"${worker_logs[one]}")
}
said() {
    [ "$(tail -n "+$((mark + 1))" "${worker_logs[one]}" | grep -c "$1")" -eq "$2" ]
}

is_quiet() {
    local before
    before=$(replies)
    tenths 15
    [ "$(replies)" = "$before" ]
}

# stands_still WHAT SECONDS: no reply is added in that time, none is refused, and it is said once, with the reason.
stands_still() {
    local before
    check "$1: the worker notices" eventually said "$away" 1
    eventually is_quiet # what had left Redis behind may still be answered
    before=$(replies)
    sleep "$2"
    check_equal "$1: nothing is answered meanwhile" "$before" "$(replies)"
    check_equal "$1: it is said once" "1 0" "$(tail -n "+$((mark + 1))" "${worker_logs[one]}" | grep -c "$away") $(tail -n "+$((mark + 1))" "${worker_logs[one]}" | grep -c "$back")"
    check "$1: the reason is said" said "$away.*$3" 1
    check "$1: definitions are watched as before" said 'changes of definitions' 0
}
goes_on() {
    check "$1: the worker goes on" eventually said "$back" 1
    check "$1: every command is answered" oracle await 90
}
replies() {
    oracle count | sed -n 's/.* commands, \([0-9]*\) replies.*/\1/p'
}

tmpfs=
suite_clean_more() {
    [ -z "$tmpfs" ] || umount -l "$tmpfs"
    [ -z "$kafka_folder" ] || tests/kafka/stop --kill "$kafka_folder"
}

set_redis() {
    check_equal "Redis: $1 is '$2'" OK "$(redis_ask CONFIG SET "$1" "$2")"
}

produced=0
load() {
    produce_along "$produced" $((rate * $1)) --rate "$rate"
    produced=$((produced + rate * $1))
}

live_begin 6 --enable-protected-configs yes
worker_start one --set worker.threads=1 --set batch.commands=100
load 2
produce_wait
check "commands are answered as long as there is room" oracle await 60

criterion "maxmemory with noeviction" "nothing is lost or rejected, it is said once, and the worker goes on when there is room"
mark_log
set_redis maxmemory 1
load 4
stands_still OOM 3 OOM
set_redis maxmemory 0
produce_wait
goes_on OOM

if faults_all; then
    criterion "a snapshot that cannot be written (MISCONF)" "the same"
    gone=$suite_folder/gone
    mkdir "$gone"
    mark_log
    set_redis dir "$gone"
    rmdir "$gone"
    set_redis save '3600 1'
    redis_ask BGSAVE >"$suite_folder/bgsave"
    snapshot_is() {
        redis_ask INFO persistence | grep -q "rdb_last_bgsave_status:$1"
    }
    check "the snapshot fails" eventually snapshot_is err
    load 4
    stands_still snapshot 3 MISCONF
    set_redis dir "$suite_folder/redis"
    redis_ask BGSAVE >"$suite_folder/bgsave"
    check "the snapshot succeeds" eventually snapshot_is ok
    produce_wait
    goes_on snapshot
fi

criterion "a full disk below the append-only file" "the same"
tmpfs=$suite_folder/tmpfs
mkdir "$tmpfs"
if mount -t tmpfs -o size=32m tmpfs "$tmpfs" 2>"$suite_folder/mount"; then
    set_redis dir "$tmpfs"
    set_redis appendonly yes
    append_only_is() {
        redis_ask INFO persistence | grep -q "$1"
    }
    check "the append-only file is written" eventually append_only_is aof_rewrite_in_progress:0
    mark_log
    head -c 64M /dev/zero >"$tmpfs/ballast" 2>/dev/null
    load 4
    stands_still "full disk" 3 MISCONF
    rm "$tmpfs/ballast"
    produce_wait
    goes_on "full disk"
    set_redis appendonly no
    set_redis dir "$suite_folder/redis"
else
    tmpfs=
    suite_skip 12 "no disk can be made full here: $(cat "$suite_folder/mount")"
fi
live_end 60
