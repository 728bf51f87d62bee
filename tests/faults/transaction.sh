#!/usr/bin/env bash
# Requests and answers of a transaction are lost or late, one kind after the other, under load. Librdkafka 2 has no
# KIP-890: a request that comes late can hit a later transaction of the same producer.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "the answer to EndTxn never comes; comes late" "the transaction is resolved, and nothing of it is lost or doubled"
criterion "EndTxn itself never comes; comes in the next transaction" "the same: the next transaction is whole"
criterion "the answer to offsets is lost, and the EndTxn of the next try is late" "the same"
criterion "answers to messages are late, and their transaction is given up" "the messages count when they are sent again"
criterion "any other request of the group or the producer is lost, or its answer" "the worker goes on within 15 s; the same"

# The api keys of Kafka's protocol.
produce=0 fetch=1 find_coordinator=10 heartbeat=12 init_producer=22 add_partitions=24 add_offsets=25
end_transaction=26 commit_offsets=28

socket_timeout_ms=2000

matched_are() {
    [ "$(proxy_matched kafka)" -ge "$1" ]
}

# lost WHAT RULE ...: requests or answers meet rules of the proxy, one after the other, each given as one argument; the
# worker gets over it. A rule that nothing meets would prove nothing.
lost() {
    local what=$1 rule before
    shift
    before=$(proxy_matched kafka)
    for rule in "$@"; do
        # shellcheck disable=SC2086
        proxy_tell kafka $rule
        check "$what: it hits" until_true 15 matched_are $((before += 1))
    done
    tenths $((socket_timeout_ms / 100 + 5))
    proxy_tell kafka pass
    faults_flows "$what: commands are answered" 15 one
}

faults_begin "$(faults_choose 3 6)"
produce_along 0 1000000 --rate "$(faults_choose 300 500)"
faults_worker_start one --set "kafka.socket.timeout.ms=$socket_timeout_ms" \
    --set kafka.producer.transaction.timeout.ms=20000
faults_flows "the proxies carry" 20 one

lost "the answer to EndTxn is lost" "answer $end_transaction drop 1"
lost "the answer to EndTxn is late" "answer $end_transaction delay 3500 1"
lost "EndTxn is lost" "request $end_transaction drop 1"
lost "EndTxn is late" "request $end_transaction delay 3500 1"
for _ in $(seq "$(faults_choose 1 3)"); do
    lost "a transaction is given up, and the next is ended late" "answer $commit_offsets drop 1" "request $end_transaction delay 3500 1"
    # The answers to messages stand behind it in the same connection.
    lost "answers to offsets and messages are late" "answer $commit_offsets delay 3500 1"
done
if faults_all; then
    for key in $produce $fetch $heartbeat $add_partitions $add_offsets $commit_offsets; do
        lost "request $key is lost" "request $key drop 1"
        lost "the answer to $key is lost" "answer $key drop 1"
        lost "request $key is late" "request $key delay 3500 1"
    done
    # These come only with a new connection, or a new producer.
    for key in $find_coordinator $init_producer; do
        lost "a new producer's request $key is lost" "answer $end_transaction delay 3500 1" "answer $key drop 1"
    done
fi
produce_stop
live_end 120
