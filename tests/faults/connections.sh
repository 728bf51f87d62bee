#!/usr/bin/env bash
# A proxy stands between the worker and Redis, another between it and Kafka: they hang, refuse, reset, slice, cut answers
# short and are slow, under load.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "Redis hangs, in both directions or in one" \
    "nothing is answered meanwhile, commands are again within 5 s; what was asked twice counts once"
criterion "Kafka hangs, for longer than the socket's timeout; for longer than the session" "the same within 15 s"
criterion "nobody listens at the address of Redis; of Kafka" "the same, within 5 s; within 10 s"
criterion "connections are reset, again and again" "commands are answered all the while, none is lost, doubled or rejected"
criterion "answers end in their middle, again and again" "the same: what is not known is asked again"
criterion "answers come in pieces" "the same: none is misread"
criterion "100 ms of latency each way" "the same, only slower"

# outage SERVER WHAT SECONDS BOUND WORD ...: a fault during which nothing is answered, and that the worker outlives.
outage() {
    proxy_tell "$1" "${@:5}"
    faults_stalls "$2: nothing is answered" one
    sleep "$3"
    proxy_tell "$1" pass
    faults_flows "$2: afterwards commands are answered again" "$4" one
}

# pinpricks SERVER WHAT COUNT COMMAND ...: a fault of a moment, many times: so often, and then until commands have been
# answered meanwhile. A little latency makes the connections busy, so that it hits something. A transaction in which a
# connection of Kafka broke is undone, and needs a moment without another.
pinpricks() {
    local before most pricked=0 pause=4
    [ "$1" = redis ] || pause=9 # tenths of a second
    local seconds=$((30 + $3 * (pause + 2) / 10)) # 30 more than it takes to do it so often
    before=$(proxy_matched "$1") most=$(($(faults_answered one) + 100))
    proxy_tell "$1" delay 5
    check "$2: commands are answered all the while" until_true "$seconds" prick "$3" "$most" "${@:4}"
    check "$2: they hit" [ $(($(proxy_matched "$1") - before)) -ge $((pricked / 2)) ]
    proxy_tell "$1" pass
    faults_flows "$2: and afterwards" 5 one
}

# prick COUNT MOST COMMAND ...: once more. True when it was done so often, and more commands than MOST are answered.
prick() {
    "${@:3}"
    pricked=$((pricked + 1))
    tenths $((RANDOM % 3 + pause))
    [ "$pricked" -ge "$1" ] && faults_answered_more_than one "$2"
}

# slow SERVER WHAT SECONDS WORD ...
slow() {
    proxy_tell "$1" "${@:4}"
    faults_flows "$2: commands are answered" 20 one
    sleep "$3"
    proxy_tell "$1" pass
}

# Anywhere in an answer, its first and last byte, too: those to a batch are a few thousand bytes.
cut_short() {
    proxy_tell "$1" cut $((RANDOM % 3000 + 1))
}

faults_begin "$(faults_choose 3 6)"
produce_along 0 200000 --rate "$(faults_choose 300 500)"
faults_worker_start one --set worker.threads=2 --set redis.timeout=1s --set kafka.socket.timeout.ms=3000 \
    --set kafka.consumer.session.timeout.ms=6000 --set kafka.producer.transaction.timeout.ms=10000
faults_flows "the proxies carry" 20 one

outage redis "Redis hangs" "$(faults_choose 1 12)" 5 hang
outage redis "answers of Redis are lost" 0 5 hang to-client
if faults_all; then
    outage redis "requests to Redis are lost" 5 5 hang to-server
    slow redis "answers of Redis in pieces" 4 slice 100 1
fi
outage redis "Redis refuses" "$(faults_choose 0 4)" 5 refuse
pinpricks redis "Redis' connections are reset" "$(faults_choose 8 30)" proxy_tell redis reset
pinpricks redis "answers of Redis are cut short" "$(faults_choose 8 30)" cut_short redis
slow redis "answers of Redis byte by byte" "$(faults_choose 0 4)" slice 1
slow redis "latency of Redis" "$(faults_choose 0 4)" delay 100

outage kafka "Kafka hangs" 2 15 hang
if faults_all; then
    outage kafka "answers of Kafka are lost" 2 15 hang to-client
    outage kafka "requests to Kafka are lost" 2 15 hang to-server
    outage kafka "Kafka hangs for longer than the session" 10 15 hang
fi
outage kafka "Kafka refuses" "$(faults_choose 0 4)" 10 refuse
pinpricks kafka "Kafka's connections are reset" "$(faults_choose 4 12)" proxy_tell kafka reset
pinpricks kafka "answers of Kafka are cut short" "$(faults_choose 4 12)" cut_short kafka
slow kafka "answers of Kafka in pieces" "$(faults_choose 0 4)" slice 700 1
slow kafka "latency of Kafka" "$(faults_choose 0 4)" delay 100
produce_stop
live_end 120
