#!/usr/bin/env bash
# A Redis master with two replicas and three Sentinels (redis.kind = sentinel): failovers, planned and not, with and without
# lost writes, and Sentinels that are away or lie. No email is given twice, no client is made again or lost.
#
# The servers keep nothing on disk. So a master that was killed comes back empty, calls itself master and accepts writes,
# until the Sentinels make it a replica, which takes them ten seconds.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
# shellcheck source=tests/lib/sentinels.sh
. "$(dirname "$0")/../lib/sentinels.sh" || exit 1

rate=$(faults_choose 300 600)

# worker NAME: small batches, one thread, its partitions kept through a restart.
worker() {
    faults_static_worker_start "$1" --set redis.timeout=1s
}

# Load, from where it ended last. The commands of the mixture refer to earlier ones, so none may be left out.
load_next=0
load_begin() {
    produce_along "$load_next" 1000000 --rate "$rate"
}
load_end() {
    produce_stop
    load_next=$((load_next + $(grep . "$suite_folder/produced" || echo 0)))
}

# flows WHAT [NAME]: commands are answered, and go on to be.
flows() {
    faults_flows "$1" 40 "${2:-one}"
}

both_flow() {
    flows "$1: one works"
    flows "$1: two works" two
}

# readyz_is STATUS [NAME]
readyz_is() {
    [ "$(curl --silent --max-time 2 --output /dev/null --write-out '%{http_code}' "http://$(faults_address "${2:-one}")/readyz")" = "$1" ]
}

# The other servers than $1.
others() {
    local number
    for number in 1 2 3; do
        [ "$number" = "$1" ] || echo "$number"
    done
}

# Waits until two replicas follow the master again, and the Sentinels would promote one.
whole() {
    check "$1: two replicas follow the master" until_true 60 is_whole
}
is_whole() {
    server_has_replicas "$sentinel_master" 2 && sentinels_are_level && sentinels_agree
}

# logged NAME PATTERN COUNT: a worker's log has more such lines than that.
logged() {
    [ "$(live_log_count "$1" "$2")" -gt "$3" ]
}

live_begin "$(faults_choose 4 6)"
sentinel_master=1
load_begin
worker one
worker two
both_flow "at the start"

# definitions_now NAME: one more command for each partition. $definitions_version becomes the version of the definitions that
# their replies name. The workspace stands in a header, so that the oracle does not expect what `validate` says by other
# definitions.
definitions_now() {
    local partition
    definitions_asked_ms=$(date +%s%3N)
    for ((partition = 0; partition < live_partitions; partition++)); do
        echo "{\"commandId\":\"$1-$partition\",\"givenName\":\"Ada\",\"familyName\":\"Lovelace\",\"email\":\"$1-$partition@example.com\"}" \
            | kcat -P -b "$kafka_address" -t "$live_name.commands" -p "$partition" -H workspace-id=elsewhere 2>"$suite_folder/kcat"
    done
    live_sent=$((live_sent + live_partitions))
    check "$1: each partition has a reply, by the same definitions" eventually definitions_are_named "$1"
}
definitions_are_named() {
    local replies
    replies=$(timeout 20 kcat -C -e -q -b "$kafka_address" -X isolation.level=read_committed -o "s@$definitions_asked_ms" -t "$live_name.replies" \
        2>"$suite_folder/kcat" | sed -n "s/.*\"commandId\":\"$1-[0-9]*\".*\"definitions\":\"\([0-9a-f]*\)\".*/\1/p")
    definitions_version=$(sort -u <<<"$replies")
    [ "$(wc -l <<<"$replies")" -eq "$live_partitions" ] && [ "$(wc -l <<<"$definitions_version")" -eq 1 ]
}

criterion "SENTINEL FAILOVER: for some seconds there are two masters; a worker is started, and definitions are changed meanwhile" \
    "what the old master is told last does not count; nothing is lost or doubled; the definitions count from the next batch on"
# planned ROUND
planned() {
    local before=$sentinel_master what="a planned failover ($1)" old
    check "$what: definitions are put" live_intake definitions put elsewhere "$LIVE_DEFINITIONS"
    load_end # kcat ends where all partitions have ended
    definitions_now "before-$1"
    old=$definitions_version
    load_begin
    # A failover that was asked for is refused while another one is under way, or without a replica to promote.
    check "$what: it is asked for" until_true 20 failover_begins
    worker_kill two
    check "$what: a replica is promoted" until_true 60 sentinels_agree "$before"
    sentinels_oracle "$sentinel_master"
    # Without load, so that the audit of the new worker ends while the other one, if it could, would stay on the old master.
    load_end
    worker two
    check "$what: the worker that was started is ready" until_true 20 readyz_is 200 two
    definitions_now "between-$1"
    check_equal "$what: the definitions are the same" "$old" "$definitions_version"
    # The same fields in other bytes.
    { cat "$LIVE_DEFINITIONS"; printf '%*s' "$1" ''; } >"$suite_folder/definitions.json"
    check "$what: others are put" live_intake definitions put elsewhere "$suite_folder/definitions.json"
    produce "$load_next" 2000
    load_next=$((load_next + 2000))
    definitions_now "after-$1"
    check "$what: replies are by the others" [ "$definitions_version" != "$old" ]
    check "$what: there were two masters" [ "$(server_ask "$before" ROLE | head -n 1)" = master ]
    load_begin
    both_flow "$what"
}
failover_begins() {
    [ "$(sentinel_ask 1 SENTINEL FAILOVER "$SENTINEL_NAME")" = OK ]
}
whole "before a planned failover"
planned 1

criterion "the master is killed (kill -9), and comes back empty once another is promoted" "the same"
killed() {
    local before=$sentinel_master
    server_kill "$before"
    flows "$1: commands are answered again"
    sentinels_settle "$1: a replica is promoted" 20 "$before"
    server_start "$before"
    both_flow "$1: the old master is back"
}
whole "before a kill"
killed "the master is killed"

criterion "a Sentinel lies: it names a stranger, a replica, or garbage, or does not know the master" \
    "the others are enough, nothing stops, and the log tells of it"
lies() {
    local what=$1
    shift
    /usr/bin/python3 tests/lib/false_sentinel.py "${sentinel_ports[3]}" "$@" 2>>"$suite_folder/false.log" &
    flows "$what: commands are answered"
    check "$what: check tells" eval 'live_intake check 2>/dev/null | grep -q "^redis   warning: $SENTINEL_NAME: 2 of 3 Sentinels name 127.0.0.1:"'
    kill "$!"
    wait "$!" 2>/dev/null
}
noted=$(live_log_count one "Sentinels name another master, or do not answer")
sentinel_kill 3
lies "a stranger is named" 127.0.0.1 1
check "the log tells of it" until_true 10 logged one "Sentinels name another master, or do not answer" "$noted"
if faults_all; then
    replica=$(others "$sentinel_master" | head -n 1)
    lies "a replica is named" 127.0.0.1 "${server_ports[$replica]}"
    lies "garbage" garbage
    lies "the master is not known" unknown
fi
sentinel_start 3

criterion "two of the three Sentinels are away" "nothing is answered, /readyz tells it; then commands are answered again"
away() {
    local what=$1 number
    shift
    for number in "$@"; do sentinel_kill "$number"; done
    check "$what: /readyz tells" until_true 20 readyz_is 503
    faults_stalls "$what: nothing is answered" one
    check "$what: the log tells" grep -q "$what_logged" "${worker_logs[one]}"
    check "$what: check tells" eval 'live_intake check 2>/dev/null | grep -q "^redis   $SENTINEL_NAME: $what_logged"'
    for number in "$@"; do sentinel_start "$number"; done
    flows "$what: commands are answered again"
    check "$what: /readyz is 200 again" until_true 30 readyz_is 200
}
what_logged="too few Sentinels answer, 1 of 3, where 2 must"
away "two Sentinels are away" 2 3

if faults_all; then
    criterion "all Sentinels are away" "the same"
    what_logged="no Sentinel answers"
    away "all Sentinels are away" 1 2 3
    # The replicas are frozen and their links cut, so what the master is told from now on is nowhere else.
    cut_replicas_off() {
        local number
        for number in $(others "$sentinel_master"); do server_signal "$number" STOP; done
        server_ask "$sentinel_master" CLIENT KILL TYPE replica >/dev/null
    }
    caught_up() {
        cat "${worker_logs[@]}" | grep -cE "Redis has caught up|Redis is rebuilt"
    }
    has_caught_up() {
        [ "$(caught_up)" -gt "$caught_up" ]
    }

    criterion "the master is killed after its replicas got nothing for a while: they have the epoch, and lack claims" \
        "noticed by the checkpoints; what is missing is read from the record topic"
    sentinels_settle "before lost writes" 40
    whole "before lost writes"
    before=$sentinel_master
    caught_up=$(caught_up)
    cut_replicas_off
    sleep 4
    server_kill "$before"
    for number in $(others "$before"); do server_signal "$number" CONT; done
    flows "lost writes: commands are answered again"
    sentinels_settle "lost writes: a replica is promoted" 20 "$before"
    check "lost writes: what was lost is read" until_true 20 has_caught_up
    server_start "$before"
    both_flow "lost writes"

    criterion "the same, and then a second failover, to a server that is as old as the first one was" "the same, twice"
    sentinels_settle "before two losses" 40
    whole "before two losses"
    first=$sentinel_master
    cut_replicas_off
    read -r second third < <(others "$first" | xargs)
    sleep 2
    server_kill "$first"
    server_signal "$second" CONT
    flows "the first loss: commands are answered again"
    sentinels_settle "the first loss: a replica is promoted" 20 "$first"
    check_equal "the first loss: it is the one that runs" "$second" "$sentinel_master"
    caught_up=$(caught_up)
    server_kill "$second"
    server_signal "$third" CONT
    flows "the second loss: commands are answered again"
    sentinels_settle "the second loss: the last one is promoted" 40 "$second"
    check_equal "the second loss: it is the last one" "$third" "$sentinel_master"
    check "the second loss: what was lost is read" until_true 20 has_caught_up
    server_start "$first"
    server_start "$second"
    both_flow "two losses"

    criterion "the master is frozen until another is promoted, and goes on" \
        "commands are answered by the new one; what the old one is told does not count"
    sentinels_settle "before a frozen master" 40
    whole "before a frozen master"
    before=$sentinel_master
    server_signal "$before" STOP
    flows "a frozen master: commands are answered again"
    sentinels_settle "a frozen master: a replica is promoted" 20 "$before"
    server_signal "$before" CONT
    both_flow "a frozen master goes on"

    criterion "the master is killed and comes back empty at once, still as the master" "noticed by the missing epoch; rebuilt"
    whole "before a restart"
    caught_up=$(caught_up)
    server_kill "$sentinel_master"
    server_start "$sentinel_master"
    check "a restart: Redis is rebuilt" until_true 30 has_caught_up
    both_flow "a restart"

    for round in 1 2 3; do
        sentinels_settle "round $round" 40
        whole "round $round"
        planned $((round + 1))
        sentinels_settle "round $round" 40
        whole "round $round"
        killed "the master is killed, round $round"
    done
fi

if faults_all; then
    criterion "all Sentinels are frozen; one is" "the same; with one nothing stops"
    for number in 1 2 3; do sentinel_signal "$number" STOP; done
    check "frozen Sentinels: /readyz tells" until_true 20 readyz_is 503
    faults_stalls "frozen Sentinels: nothing is answered" one
    sentinel_signal 2 CONT
    sentinel_signal 3 CONT
    flows "one Sentinel is frozen: commands are answered"
    sentinel_signal 1 CONT
fi

criterion "users with the documented rights, at the servers and at the Sentinels" "nothing was refused; no password is shown"
refused() {
    local number
    for number in 1 2 3; do
        server_ask "$number" ACL LOG
        sentinel_ask "$number" ACL LOG
    done
}
check_equal "nothing was refused" "" "$(refused)"
check "no password is logged" eval '! grep -qF -e "$server_password" -e "$sentinel_password" "${worker_logs[@]}"'

criterion "redis.master is not what the Sentinels call it" "check ends with 78, the worker logs it and waits"
live_intake check --set redis.master=nobody >"$suite_folder/check" 2>&1
check_equal "check ends with 78" 78 $?
check "it tells why" grep -q "^redis   nobody: no Sentinel that answers knows a master named nobody (redis.master)" "$suite_folder/check"
live_intake check >"$suite_folder/check" 2>&1
check "check tells the kind and the Sentinels" \
    grep -q "^redis   ok: 127.0.0.1:[0-9]*, version [0-9.]*, sentinel, the master $SENTINEL_NAME by 3 of 3 Sentinels" "$suite_folder/check"
check "check tells that the master takes writes without replicas" grep -q "^redis   warning: 127.0.0.1:.*min-replicas-to-write" "$suite_folder/check"

load_end
live_end 60
