#!/usr/bin/env bash
# A batch of commands that cannot be decompressed within receive.message.max.bytes: each of its commands is answered
# once, with too_large, whatever happens to the worker meanwhile, and so is every command around them.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh
. tests/lib/faults.sh

LIVE_WORKSPACES=1
LIVE_CHECKS=26
LIVE_COMPRESSION=producer # the broker takes compressed batches of any size
count=$(faults_choose 90 900) # commands that are sent so at once
points=$(faults_choose "in-send after-commit" "filled before-send in-send after-send after-offsets before-commit after-commit")

send_valid() { # FIRST COUNT
    local number
    for ((number = $1; number < $1 + $2; number++)); do
        printf '{"commandId":"c-%d","workspaceId":"ws-0","givenName":"A","familyName":"B","email":"c%d@example.com"}\n' \
            "$number" "$number"
    done | kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0
}

# Commands over limits.command_bytes, in batches of several: they are too_large whether or not their batch can be read.
send_unreadable() { # [CODEC [TOPIC]]
    head -c 300000 /dev/zero | tr '\0' ' ' >"$suite_folder/blanks"
    for ((number = 0; number < count; number++)); do
        cat "$suite_folder/blanks"
        echo
    done >"$suite_folder/unreadable"
    kcat -P -b "$kafka_address" -t "${2:-$live_name.commands}" -p 0 -z "${1:-zstd}" -l "$suite_folder/unreadable" \
        -X linger.ms=5000 -X "batch.num.messages=$count" -X batch.size=30000000 -X message.max.bytes=30000000
}

# "OFFSET CODE" of each reply, in their order.
replies() {
    kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed \
        -X check.crcs=true 2>/dev/null \
        | sed -n 's/.*"offset":\([0-9]*\)}.*"error":{"code":"\([a-z_]*\)".*/\1 \2/p; t; s/.*"offset":\([0-9]*\)}.*/\1 created/p'
}
all_are_answered() {
    replies >"$suite_folder/replies"
    [ "$(wc -l <"$suite_folder/replies")" -ge "$1" ]
}
expected() { # lines FIRST LAST CODE
    seq "$1" "$2" | sed "s/\$/ $3/"
}


settings=(--set worker.threads=1 --set batch.commands=10 --set kafka.consumer.receive.message.max.bytes=2000000
    --set kafka.consumer.fetch.max.bytes=1048576 --set kafka.consumer.fetch.error.backoff.ms=100)
live_begin 1

criterion "a batch that cannot be decompressed, and a worker that is killed" "one too_large for each of its commands; those before and behind it are answered"
send_valid 0 50
send_unreadable
send_valid 50 50
for point in $points; do
    deadly_worker_start one "$point" 2 "${settings[@]}"
    deadly_worker_dies one "$point" 60
done
static_worker_start one "${settings[@]}"
check "all are answered" until_true 120 all_are_answered $((count + 100))
{
    expected 0 49 created
    expected 50 $((count + 49)) too_large
    expected $((count + 50)) $((count + 99)) created
} >"$suite_folder/expected"
check "each once, in their order" diff "$suite_folder/expected" "$suite_folder/replies"

criterion "the partition moves to another worker meanwhile" "the same"
send_unreadable
worker_start two "${settings[@]}"
send_valid 100 50
worker_stop one
check "all are answered" until_true 120 all_are_answered $((2 * count + 150))
{
    expected $((count + 100)) $((2 * count + 99)) too_large
    expected $((2 * count + 100)) $((2 * count + 149)) created
} >>"$suite_folder/expected"
check "each once, in their order" diff "$suite_folder/expected" "$suite_folder/replies"

criterion "a transaction behind the batch stays open" "the batch is answered meanwhile"
worker_stop two
send_unreadable
mkfifo "$suite_folder/transaction"
kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0 -X transactional.id="$live_name-stranger" \
    <"$suite_folder/transaction" >"$suite_folder/stranger" 2>&1 &
stranger=$!
exec {transaction}>"$suite_folder/transaction"
seq 100 >&"$transaction"
tenths 20
worker_start two "${settings[@]}"
check "the batch is answered" until_true 20 all_are_answered $((3 * count + 150))
exec {transaction}>&-
expected $((2 * count + 150)) $((3 * count + 149)) too_large >>"$suite_folder/expected"
check "each of its commands once, in their order" diff "$suite_folder/expected" <(head -n $((3 * count + 150)) "$suite_folder/replies")
live_settle "$live_name.dead-letters"
lost=$(kcat -C -X fetch.wait.max.ms=10 -b "$kafka_address" -t "$live_name.dead-letters" -o beginning -e -q -X isolation.level=read_committed -f '%h\n' \
    -X fetch.message.max.bytes=30000000 2>/dev/null | grep -c 'dlq-lost=key, value, headers')
check "most could not be read, and their dead letters say so" [ "$lost" -gt "$count" ]
told=$(cat "$suite_folder"/*.log | grep -c "answered as too_large.* last=")
check "their positions are logged" [ "$told" -ge 2 ]

criterion "a batch of gzip, which librdkafka decompresses whatever its size" "each of its commands is read, and answered once"
worker_stop two # it has inherited the pipe, whose end ends the transaction
wait "$stranger"
worker_start two "${settings[@]}"
first=$(kcat -Q -b "$kafka_address" -t "$live_name.commands:0:-1" 2>/dev/null | sed 's/.*offset //')
replies_of_gzip() { replies | awk -v first="$first" '$1 >= first' | sort -n; }
gzip_is_answered() { [ "$(replies_of_gzip | wc -l)" -ge "$count" ]; }
send_unreadable gzip
check "all are answered" until_true 60 gzip_is_answered
check_equal "each once, with too_large" "$(expected "$first" $((first + count - 1)) too_large)" "$(replies_of_gzip)"
check_equal "none is refused unread" "$told" "$(cat "$suite_folder"/*.log | grep -c "answered as too_large.* last=")"
worker_stop two
criterion "the same batches, and a command topic as topics create makes it" "the broker refuses them, whatever compressed them"

check "such a topic is created" live_intake topics create --set "commands.topic=$live_name.safe"
for codec in gzip snappy lz4 zstd; do
    check "$codec is refused" eval '! send_unreadable "$codec" "$live_name.safe" 2>/dev/null'
done
check_equal "the topic stays empty" "$live_name.safe [0] offset 0" "$(kcat -b "$kafka_address" -Q -t "$live_name.safe:0:-1")"
live_compare_schemas
suite_end
