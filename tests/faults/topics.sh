#!/usr/bin/env bash
# Topics that are missing: at the start, and deleted while the worker runs. It waits, says so once, loses and rejects
# nothing, and goes on when they are there again. It does not wait for a topic that commands name, see reply_topics.sh: so
# that one is made first here, and every reply finds its place.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/memory.sh
. tests/lib/poison.sh

LIVE_WORKSPACES=4
LIVE_CHECKS=52

# Everything is asked of the log from a mark on.
mark=0 marked=0
mark_log() {
    marked=$SECONDS
    mark=$(wc -l <"${worker_logs[one]}")
}
log_since() {
    tail -n "+$((mark + 1))" "${worker_logs[one]}"
}
logged() {
    log_since | grep -qE -- "$1"
}
not_logged() {
    ! logged "$1"
}

# A line when it began to fail, and not one for each try. A transaction that was under way may add some about its own end,
# and messages that came too late, after transaction.timeout.ms.
said_once() {
    local began others most=$((2 + (SECONDS - marked) / 20))
    began=$(log_since | grep -c 'event="producer failing"')
    others=$(log_since | grep -v event=librdkafka | grep -v 'event="producer failing"' | grep -cE 'level=(warning|error)')
    if [ "$began" -eq 1 ] && [ "$others" -le "$most" ]; then
        suite_pass "$1"
    else
        suite_fail "$1" "$began lines, and $others others"
        log_since
    fi
}

make_topics() {
    live_intake topics create --set "replies.topic=$live_name.elsewhere" >"$suite_folder/elsewhere"
    check "$1 made" live_intake topics create
}
delete_topics() {
    local role names=()
    for role in "$@"; do names+=("$live_name.$role"); done
    check "deleted: $*" topic_config delete "${names[@]}"
}

# Messages to a topic that is gone wait as long as a transaction may take.
worker() {
    worker_start one --set worker.threads=1 --set batch.commands=200 \
        --set "kafka.producer.transaction.timeout.ms=$(faults_choose 10000 25000)"
}
worker_again() {
    worker_stop one
    mark_log
    worker
}

# missing_at_start ROLE ...: nothing has been sent yet.
missing_at_start() {
    delete_topics "$@"
    worker_again
    check "the worker waits for what is missing" eventually logged "producer failing.*topic=$live_name\."
    sleep 1.5
    said_once "it says so once"
    check "it has not joined the group" not_logged 'partitions assigned'
    make_topics "the topics are"
    check "the worker goes on" eventually logged 'partitions assigned'
    check "and says so" eventually logged 'producer recovered'
}

live_begin "$(faults_choose 3 6)"
worker
check "the worker begins" eventually logged 'partitions assigned'

criterion "a topic that is missing at the start" "the worker waits, says so once, and goes on once it is there"
if faults_all; then
    for role in replies records dead-letters; do missing_at_start "$role"; done
fi
missing_at_start replies elsewhere records dead-letters

criterion "topics that are deleted while the worker runs" "it says so once, rejects and loses nothing that comes meanwhile, and goes on once they are there again"
away=$(faults_choose 3 40) # 40: longer than any transaction or message lives
delete_topics replies elsewhere records dead-letters
mark_log
produce_along 0 $((2000 + away * 600)) --rate 600
check "the worker notices" eventually logged 'producer failing'
sleep "$away"
said_once "it says so once in $away s"
make_topics "the topics are"
check "the worker goes on" until_true 90 logged 'producer recovered'
produce_wait
check "every command is answered" oracle await 90

faults_all || live_end 60

criterion "a topic that is deleted under load" "only what it held is gone"
produce_along "$live_sent" 4000 --rate 800
sleep 1.5
delete_topics dead-letters
sleep 2
make_topics "the dead-letter topic is"
produce_wait
check "every command is answered" oracle await 90
dead_letters() {
    oracle count | sed -n 's/.* \([0-9]*\) dead letters$/\1/p'
}
letters=$(dead_letters)
poison garbage malformed_json 0 50 30
check "garbage is answered" oracle await 60
check_equal "new dead letters arrive" $((letters + 50)) "$(dead_letters)"
worker_stop one
oracle judge >"$suite_folder/verdict"
check_equal "nothing but the deleted dead letters is missing" "NOT OK: every malformed or too large command is a dead letter" \
    "$(grep '^NOT OK' "$suite_folder/verdict" | sed 's/ ([0-9]* violations)$//')"
suite_end
