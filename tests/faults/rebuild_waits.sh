#!/usr/bin/env bash
# What a rebuild of Redis waits for: an open transaction of another program, the lock of a rebuilder that was killed, and a
# record that librdkafka cannot read. The log tells each, once, with its place.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

LIVE_WORKSPACES=1
live_begin 2
records=$live_name.records
said() { [ "$(live_log_count one "$1")" -ge "$2" ]; }
redis_has_epoch() { [ "$(redis_ask EXISTS client-intake:epoch)" = 1 ]; }
end_of() { kcat -b "$kafka_address" -Q -t "$records:$1:-1" | sed 's/.* offset \([0-9]*\).*/\1/'; }
worker_start one
produce 0 50
all_are_there() { [ "$(redis_ask --scan --pattern 'client:{*' | grep -c .)" -gt 10 ]; }
check "clients are made" until_true 30 all_are_there
worker_stop one
# Kafka takes no message without a key for a topic that is compacted.
check "the record topic takes other messages" "$BUILD/tests/faults/topic_config" "$kafka_address" set "$records" cleanup.policy=delete

criterion "a rebuild while a transaction of another program is open in the record topic" \
    "the log tells where the transaction begins, and when it has ended; the rebuild waits for it and goes on"
redis_ask FLUSHALL >/dev/null
place=$(end_of 0)
mkfifo "$suite_folder/foreign"
"$BUILD/tests/faults/transactions" "$kafka_address" "$records" "$live_name-foreign" <"$suite_folder/foreign" &
foreign=$!
exec 8>"$suite_folder/foreign"
echo "0 foreign" >&8
tenths 20
worker_start one 8>&-
check "the log tells that the rebuild waits" until_true 30 said 'waits for an open transaction' 1
check "with the partition and the offset" said "waits for an open transaction.*partition=0 offset=$place( |\$)" 1
check "Redis is not complete" [ "$(redis_ask EXISTS client-intake:epoch)" = 0 ]
exec 8>&-
wait "$foreign"
check "the rebuild ends with the transaction" until_true 30 redis_has_epoch
check "the log tells that, too" said 'waits for no transaction any more' 1
check_equal "it told the wait once" 1 "$(live_log_count one 'waits for an open transaction')"
worker_stop one

criterion "a rebuild while the lock of one that was killed stands" "the log tells what it waits for, once"
redis_ask FLUSHALL >/dev/null
redis_ask SET client-intake:rebuild another PX 24000 >/dev/null
worker_start one
check "the log tells that another one rebuilds" until_true 20 said 'another worker rebuilds Redis' 1
check "and that it is silent" until_true 20 said 'the worker that rebuilds Redis is silent' 1
tenths 20
check_equal "it told that once" 1 "$(live_log_count one 'the worker that rebuilds Redis is silent')"
redis_ask DEL client-intake:rebuild >/dev/null
check "the rebuild ends when the lock is free" until_true 30 redis_has_epoch
worker_stop one

criterion "a record that librdkafka cannot parse" "no rebuild passes it; the log tells its place"
redis_ask FLUSHALL >/dev/null
place=$("$BUILD/tests/faults/wrong_offsets" "${kafka_address%:*}" "${kafka_address#*:}" "$records" 1 "0:value=nothing")
worker_start one
check "the log tells that no records come" until_true 30 said 'the rebuild of Redis gets no records' 1
# The marker of the transaction before it may not have been told either.
check "with the partition and the offset" said "gets no records.*partition=1 offset=($place|$((place - 1)))( |\$)" 1
tenths 20
check_equal "it told that once" 1 "$(live_log_count one 'gets no records')"
check "Redis is not complete" [ "$(redis_ask EXISTS client-intake:epoch)" = 0 ]
worker_stop one
suite_end
