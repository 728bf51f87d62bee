#!/usr/bin/env bash
# Traces, as a strict receiver of OTLP/HTTP gets them (tests/lib/trace_receiver.py): their shape, their links to the commands'
# parents, and that commands are answered whatever the receiver does.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/certificates.sh

LIVE_CHECKS=148
receiver=
receiver_pid=

# receiver_start NAME [OPTION ...]: another receiver, which from now on is the one that is meant.
receiver_start() {
    receiver=$suite_folder/$1
    mkdir -p "$receiver"
    receiver_says 200
    /usr/bin/python3 -B tests/lib/trace_receiver.py serve "$receiver" "${@:2}" >"$receiver/error" 2>&1 &
    receiver_pid=$!
    eventually [ -s "$receiver/port" ] || suite_fail "a receiver starts" "$(tail -n 3 "$receiver/error")"
    receiver_port=$(cat "$receiver/port")
}

receiver_says() {
    echo "$*" >"$receiver/answer.part" && mv "$receiver/answer.part" "$receiver/answer"
}

receiver_end() {
    kill -KILL "$receiver_pid"
    wait "$receiver_pid" 2>/dev/null
}

# count FILE [PATTERN]: lines of a file of the receiver.
count() {
    grep -c "${2:-}" "$receiver/$1"
}

counts_more_than() {
    [ "$(count "$1" "${3:-}")" -gt "$2" ]
}

# spans_are RESULT COUNT: exactly so many spans had this fate.
spans() {
    faults_metric one "spans_total{result=\"$1\"}"
}
spans_more_than() {
    [ "$(spans "$1")" -gt "$2" ]
}

worker() {
    faults_worker_start one --set "tracing.endpoint=http://127.0.0.1:$receiver_port" --set tracing.links=1000 \
        --set batch.commands=500 --set shutdown.timeout=8s "$@"
}

# What is in the command topic: PARTITION OFFSET HEADERS.
commands() {
    kcat -C -b "$kafka_address" -t "$live_name.commands" -o beginning -e -q -f '%p %o %h\n' 2>"$suite_folder/kcat"
}

# check_links WHAT MOST [--part]
check_links() {
    local said
    if said=$(commands | /usr/bin/python3 -B tests/lib/trace_receiver.py links "$receiver" "${@:2}"); then
        suite_pass "$1 ($(tail -n 1 <<<"$said"))"
    else
        suite_fail "$1" "$said"
    fi
}

check_no_faults() {
    check_equal "$1: the receiver finds no fault" "" "$(head -n 3 "$receiver/faults")"
}

next=0
# send COUNT: the next commands of the mixture. A fifth of them has a parent, which is sampled.
send() {
    produce "$next" "$1"
    next=$((next + $1))
}

answered_all() {
    [ "$(faults_answered one)" -eq "$1" ]
}

# check_answered WHAT COUNT: sends, and waits for the answers. Sets answer_ms.
check_answered() {
    local before
    before=$(faults_answered one)
    send "$2"
    suite_clock_begin
    check "$1" eventually answered_all "$((before + $2))"
    answer_ms=$suite_clock_ms
}

# ---- the receiver itself is tested: it refuses what is wrong ----

span='{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7"}'
refused() {
    [ "$(curl --silent --noproxy '*' --output /dev/null --write-out '%{http_code}' -H 'Content-Type: application/json' \
        -A client-intake/0 --data-binary "$1" "http://127.0.0.1:$receiver_port/v1/traces")" = 400 ]
}
check_receiver() {
    local body
    for body in '' '{' '{}' '{"resourceSpans": []}' '{"resourceSpans":[{}]}' '{"resource_spans":[{}]}' \
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[$span]}]}]}"; do
        check "the receiver refuses '$body'" refused "$body"
    done
    : >"$receiver/faults"
}

# mutated EXPRESSION: a request made of the spans that came, changed by jq.
mutated() {
    local schema=https://opentelemetry.io/schemas/1.44.0
    head -n 7 "$receiver/spans" | jq -sc --arg schema "$schema" "map(del(.resource)) | $1 | {resourceSpans: [{schemaUrl: \$schema,
        resource: {attributes: [(\"service.name\", \"service.version\", \"service.instance.id\", \"process.pid\")
            | {key: ., value: {stringValue: \"x\"}}]},
        scopeSpans: [{schemaUrl: \$schema, scope: {name: \"x\", version: \"x\"}, spans: .}]}]}"
}
check_receiver_judges() {
    local change
    check "the receiver takes a request made of spans that came" eval '! refused "$(mutated .)"'
    : >"$receiver/faults"
    for change in '.[0].unknown = 1' '.[0].traceId = "00000000000000000000000000000000"' '.[1].parentSpanId = "00f067aa0ba902b7"' \
        '.[0].startTimeUnixNano = (.[0].startTimeUnixNano | tonumber)' '.[1].startTimeUnixNano = .[0].endTimeUnixNano' \
        '.[0].kind = "SPAN_KIND_CONSUMER"' '.[2].spanId = .[1].spanId' '.[0].links = []' 'del(.[3])' '.[0].name = "process"' \
        '.[0].attributes += [.[0].attributes[0]]' '.[0].links[0].flags = 768' '.[0].status = {code: 2, message: "x"}' \
        '.[0].links[0].spanId = "F0"' 'del(.[0].attributes[0])'; do
        check "the receiver refuses a request with $change" refused "$(mutated "$change")"
    done
    : >"$receiver/faults"
}

# ---- traces ----

traces_of_commands() {
    worker
    check_answered "commands are answered while they are traced" 3000
    worker_stop one
    check_equal "nothing of the log is wrong" 0 "$(live_log_count one 'level=(warning|error).*span')"
    check_no_faults "a load"
    check_links "each command with a sampled parent has a link" 1000
    check_receiver_judges
}

# At the end the traces that are left are sent; the counts tell all spans.
counts_agree() {
    worker
    check_answered "commands are answered" 1000
    check "all spans are sent" eventually spans_more_than sent 0
    check "their number is that of the receiver" eventually eval '[ "$(spans sent)" -eq "$(jq -r ".resource[\"process.pid\"]" "$receiver/spans" | grep -cx "${worker_pids[one]}")" ]'
    check_equal "none is lost" 0 "$(($(faults_metric one spans_total) - $(spans sent)))"
    worker_stop one
}

few_links() {
    receiver_end
    receiver_start few
    worker --set tracing.links=3 --set batch.commands=100
    check_answered "commands are answered with few links" 600
    worker_stop one
    check "links that do not fit are counted" eval 'jq -c "select(.droppedLinksCount > 0 and (.links | length) == 3)" "$receiver/spans" | grep -q .'
    check_no_faults "few links"
    receiver_end
    receiver_start second
}

# send_with HEADER ...: a command with these headers.
send_with() {
    local header options=()
    for header; do options+=(-H "$header"); done
    echo "{\"commandId\":\"t-$next\",\"workspaceId\":\"ws-0\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"t-$next@example.com\"}" \
        | kcat -P -b "$kafka_address" -t "$live_name.commands" -p 0 "${options[@]}" 2>"$suite_folder/kcat" \
        || suite_fail "a command is sent"
    next=$((next + 1))
    live_sent=$((live_sent + 1))
}

# What strangers write. None of it makes a trace, and none of it does harm.
strange_parents() {
    local id=4bf92f3577b34da6a3ce929d0e0e4736 parent=00f067aa0ba902b7 before header before_answered
    worker
    before=$(count spans)
    before_answered=$(faults_answered one)
    for header in '' x "00-$id-$parent-0" "00-$id-$parent-00" "00-$id-$parent-02" "00-$id-$parent-01-more" "ff-$id-$parent-01" \
        "00-${id^^}-$parent-01" "00-00000000000000000000000000000000-$parent-01" "00-$id-0000000000000000-01" \
        "00-$id-$parent-01 " "$(printf '00-%s-%s-01%0100000d' "$id" "$parent" 0)" $'\x01\xff\xfe"\\'; do
        send_with "traceparent=$header" 'tracestate=a=b'
    done
    check "commands with strange parents are answered" eventually answered_all $((before_answered + 13))
    check_equal "they have no trace" "$before" "$(count spans)"
    send_with "traceparent=00-$id-$parent-01" 'tracestate=UPPER=1'
    send_with "traceparent=00-$id-$parent-00" "traceparent=cc-$id-$parent-01-later" $'tracestate=a="\\,b=c'
    check "commands with sampled parents are answered" eventually answered_all $((before_answered + 15))
    check "they have" eventually eval '[ "$(tail -n +$((before + 1)) "$receiver/spans" | jq -s "map(.links // []) | add | length")" = 2 ]'
    check_equal "a tracestate is passed on if it is valid" 'a="\,b=c' \
        "$(tail -n +$((before + 1)) "$receiver/spans" | jq -r '.links[]?.traceState // empty')"
    check_no_faults "strange parents"
    worker_stop one
}

# ---- a receiver that is slow, busy, angry or gone ----

hanging_ms=
disturbances() {
    local before
    receiver_end
    receiver_start disturbed
    worker --set tracing.queue=64 --set tracing.timeout=1s --set batch.commands=50
    check_answered "commands are answered" 2000
    hanging_ms=$answer_ms

    receiver_says hang
    before=$(count requests hang)
    check_answered "commands are answered while the receiver hangs" 2000
    check "they are as fast as before ($answer_ms ms, $hanging_ms ms)" [ "$answer_ms" -lt $((3 * hanging_ms + 2000)) ]
    check "the receiver had requests" counts_more_than requests "$before" hang
    check "spans without room are counted" eventually spans_more_than queue_full 0
    check "and reported" eventually eval '[ "$(live_log_count one "spans are dropped, since their queue is full")" -ge 1 ]'
    check "the receiver's silence is reported" eventually eval '[ "$(live_log_count one "event=\"spans cannot be sent\"")" -eq 1 ]'
    receiver_says 200
    check "spans are sent again" eventually eval '[ "$(live_log_count one "event=\"spans can be sent again\"")" -eq 1 ]'

    receiver_says 200 0.5
    check_answered "commands are answered while the receiver is slow" 1000
    receiver_says 200

    busy
    angry
    gone
    worker_stop one
    check_no_faults "disturbances"
    check_links "the links that came are right" 1000 --part
}

# requests_spaced: between two requests that were answered 503 there are at least the seconds that the answer asked for.
gaps() {
    awk '$2 == "503" { if (last) print $1 - last; last = $1 }' "$receiver/requests"
}
busy() {
    local before
    receiver_says 503 2
    before=$(spans unreachable)
    check_answered "commands are answered while the receiver is busy" 200
    check "a request is tried again" eventually counts_more_than requests 2 ' 503 '
    check_equal "not before the time that the receiver asks for" 0 "$(gaps | awk '$1 < 1.9' | wc -l)"
    receiver_says 200
    check "the same spans are sent then" eventually eval '[ "$(tail -n 1 "$receiver/requests" | cut -d" " -f 2)" = 200 ]'
    check_equal "none is given up" "$before" "$(spans unreachable)"
}

angry() {
    local before
    receiver_says 400
    before=$(spans refused)
    check_answered "commands are answered while the receiver refuses" 200
    check "refused spans are counted" eventually spans_more_than refused "$before"
    check "that is reported" eventually eval '[ "$(live_log_count one "event=\"spans are refused\" status=400")" -eq 1 ]'
    sleep 3
    check_equal "they are not sent again" "$(($(spans refused) - before))" "$(awk '$2 == "400" { sum += $3 } END { print sum }' "$receiver/requests")"
    receiver_says partial 2
    before=$(spans refused)
    check_answered "commands are answered while the receiver refuses some" 50
    check "the refused are counted, and no others" eventually eval '[ "$(($(spans refused) - before))" -eq $((2 * $(count requests partial))) ]'
    receiver_says 302
    before=$(spans refused)
    check_answered "commands are answered while the receiver sends requests elsewhere" 50
    check "that is a refusal" eventually spans_more_than refused "$before"
    receiver_says 200
    check_answered "commands are answered" 50
    check "the end of it is reported" eventually eval '[ "$(live_log_count one "spans are accepted again")" -ge 1 ]'
}

gone() {
    receiver_says close
    check_answered "commands are answered while the receiver closes connections" 200
    check "a request is tried again" eventually counts_more_than requests 1 close
    receiver_end
    check_answered "commands are answered while the receiver is gone" 1000
    check "that is reported" eventually eval '[ "$(live_log_count one "event=\"spans cannot be sent\"")" -ge 3 ]'
}

# ---- the end ----

hanging_end() {
    local before
    receiver_start hanging
    receiver_says hang
    worker --set tracing.timeout=60s --set shutdown.timeout=4s
    check_answered "commands are answered" 500
    before=$(live_log_count one 'event="spans were left unsent"')
    worker_stop one 5 # shutdown.timeout, and a little
    check_equal "the end of unsent spans is reported" $((before + 1)) "$(live_log_count one 'event="spans were left unsent"')"
    worker --set tracing.timeout=60s --set shutdown.timeout=120s
    check_answered "commands are answered" 500
    forced_end
    receiver_says 503 120
    worker
    check_answered "commands are answered" 500
    check "spans are given up if the receiver asks for too long a time" eventually spans_more_than unreachable 0
    check_answered "commands are answered" 500
    worker_stop one 5 # no time is spent on a receiver that wants to be left alone
    check_equal "it had one request" 1 "$(count requests ' 503 ')"
    receiver_end
}

# A second signal ends the wait for the receiver. Until then the daemon says that it is not ready.
forced_end() {
    local pid=${worker_pids[one]} unsent unfinished
    unsent=$(live_log_count one 'event="spans were left unsent"')
    unfinished=$(live_log_count one 'event="stopped before the work in hand was finished')
    kill -TERM "$pid"
    sleep 3 # the work is done by then
    check_equal "it answers while it waits for the receiver" 503 "$(curl --silent --max-time 5 --output /dev/null \
        --write-out '%{http_code}' "http://$(faults_address one)/readyz")"
    check "it waits for the receiver" process_runs "$pid"
    kill -TERM "$pid"
    check "a second signal ends that" until_true 5 process_is_gone "$pid"
    wait "$pid"
    check_equal "the exit code says so" 2 "$?"
    check_equal "the work was done" "$unfinished" "$(live_log_count one 'event="stopped before the work in hand was finished')"
    check_equal "the end of unsent spans is reported" $((unsent + 1)) "$(live_log_count one 'event="spans were left unsent"')"
    unset "worker_pids[one]"
}

# check_tells WHAT STATUS LINE [OPTION ...]
check_tells() {
    local said
    said=$(live_intake check --set "http.listen=" --set "tracing.endpoint=http://127.0.0.1:$receiver_port" "${@:4}" 2>&1)
    check_equal "$1: the exit code of check" "$2" "$?"
    check_equal "$1: its line" "tracing $3" "$(grep '^tracing' <<<"$said")"
}
# A key in the URL is a secret.
check_hides() {
    local said
    export TRACES_TOKEN=s3cret-token
    said=$(live_intake check "$@" --set "http.listen=" \
        --set "tracing.endpoint=http://127.0.0.1:$receiver_port/v1/traces?key=\${TRACES_TOKEN}" 2>&1)
    unset TRACES_TOKEN
    check "check $* names the receiver" grep -q "tracing.*http://127.0.0.1:$receiver_port/\.\.\." <<<"$said"
    check_equal "check $* keeps a key in its URL" 0 "$(grep -c s3cret <<<"$said")"
}
checks() {
    receiver_start checked
    check_tells "a receiver is there" 0 "ok: http://127.0.0.1:$receiver_port"
    check_tells "a receiver elsewhere" 1 "warning: http://127.0.0.1:$receiver_port/...: it would refuse spans: HTTP status 400" \
        --strict --set "tracing.endpoint=http://127.0.0.1:$receiver_port/other"
    check_hides --output=text
    check_hides --output=json
    receiver_says 503
    check_tells "a receiver is busy" 69 "http://127.0.0.1:$receiver_port: HTTP status 503"
    receiver_end
    check "a receiver is gone" eval '! live_intake check --set "tracing.endpoint=http://127.0.0.1:$receiver_port" >/dev/null 2>&1'
}

# ---- a receiver behind TLS, with a login ----

secured() {
    certificates_make || return
    receiver_start secured --certificate "$certificates/here.pem" --key "$certificates/here.key" \
        --header 'Authorization=Bearer s3cret-token'
    export TRACES_TOKEN=s3cret-token
    local options=(--set "tracing.endpoint=https://localhost:$receiver_port/v1/traces"
        --set 'tracing.headers=X-Scope=a, Authorization=Bearer ${TRACES_TOKEN}')
    worker "${options[@]}" --set "tracing.tls_ca=$certificates/stranger.pem"
    check_answered "commands are answered" 200
    check "a receiver with another certificate gets nothing" eventually eval '[ "$(live_log_count one "spans cannot be sent.*certificate")" -ge 1 ]'
    check_equal "not one request" 0 "$(count requests)"
    worker_stop one
    worker "${options[@]}" --set "tracing.tls_ca=$certificates/authority.pem"
    check_answered "commands are answered" 200
    check "a receiver behind TLS gets spans" eventually counts_more_than spans 0
    receiver_says 401
    check_answered "commands are answered" 200
    check "a refused login is reported" eventually eval '[ "$(live_log_count one "event=\"spans are refused\" status=401")" -ge 1 ]'
    worker_stop one
    check_no_faults "TLS and a login"
    check_equal "the log keeps the secret" 0 "$(live_log_count one s3cret-token)"
    unset TRACES_TOKEN
}

export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
live_begin 3
receiver_start first
check_receiver
traces_of_commands
counts_agree
few_links
strange_parents
disturbances
hanging_end
checks
secured
LIVE_DEFINITIONS= # commands of this suite are not all of the mixture
live_end 30
