#!/usr/bin/env bash
# Kafka is far away, or slow: each of its answers takes longer than a question near Kafka waits.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

criterion "an answer of Kafka takes 400 ms from the start on; with FAULTS=all also 1.2 s, from the start on and later" \
    "commands are answered all the while; nothing is lost or doubled"

LIVE_CHECKS=44
faults_begin 2
proxy_tell kafka delay 200
produce_along 0 1000000 --rate 50
faults_worker_start one
faults_flows "400 ms: commands are answered" 60 one
faults_flows "400 ms: commands are answered all the while" 20 one
if faults_all; then
    proxy_tell kafka delay 600
    faults_flows "1.2 s from now on: commands are answered all the while" 60 one
    faults_flows "1.2 s: a second time" 60 one
    worker_stop one
    faults_worker_start one
    faults_flows "1.2 s from the start on: commands are answered" 120 one
    faults_flows "1.2 s: commands are answered all the while" 60 one
fi
proxy_tell kafka pass
produce_stop

if faults_all; then
    criterion "a link behind which a whole batch takes longer than transaction.timeout.ms" "batches become smaller until they arrive"
    worker_stop one
    produce "$live_sent" 4000
    proxy_tell kafka rate 100000
    faults_worker_start one --set batch.commands=5000 --set kafka.producer.transaction.timeout.ms=8000
    faults_flows "commands are answered behind the slow link" 240 one
    check "a transaction was too large for it" [ "$(faults_metric one 'transactions_total{result="lost"}')" -ge 1 ]
    proxy_tell kafka pass
fi
live_end 120
