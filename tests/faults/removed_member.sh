#!/usr/bin/env bash
# A static member is removed from the group while its request to join a rebalance is under way. The answer is that it is no
# member. librdkafka then joins again and keeps its partitions, without telling that they had another owner meanwhile.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "a static member's request to join a rebalance arrives after its session" \
    "what it has in hand and fetched of its partitions does not count; it works on within 30 s; nothing is lost or doubled"

join_group=11 # the api key of Kafka's protocol
session_seconds=6

# worker NAME STARTER ...
worker() {
    "$2" "$1" --set "kafka.consumer.session.timeout.ms=${session_seconds}000" \
        --set kafka.producer.transaction.timeout.ms=10000 "${@:3}"
}

request_is_held() {
    [ "$(proxy_matched kafka)" -gt 0 ]
}

# The other worker is reached without the proxy. It leaves before the first one joins again, so Kafka lets that one have the
# partitions that it says it has.
faults_begin 3
produce_along 0 1000000 --rate "$(faults_choose 350 700)"
worker one faults_static_worker_start
faults_flows "one works" 15 one
for round in $(seq "$(faults_choose 1 3)"); do
    proxy_tell kafka request "$join_group" delay $((session_seconds * 1000 + 10000)) 1
    worker two faults_worker_start --set "kafka.bootstrap.servers=$kafka_address"
    check "the request to join is held" until_true 15 request_is_held
    faults_flows "the other takes the partitions" 20 two
    worker_stop two
    faults_flows "one works again" 30 one
    check_equal "it was noticed" "$round" "$(live_log_count one 'removed from the group')"
    proxy_tell kafka pass
done
produce_stop
live_end 60
