#!/usr/bin/env bash
# config/grafana/dashboard.json: a real Prometheus scrapes a worker that has every kind of traffic, and every query of the
# dashboard has an answer. The same Prometheus evaluates the alerts, and promtool finds no fault in /metrics.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/prometheus.sh

LIVE_CHECKS=91
dashboard=config/grafana/dashboard.json
# What stays 0 in a run without these faults.
quiet='replies_refused|spans_total|dead_letters_(refused|incomplete)|unreadable|repetitions|offset_probes|logs_replaced|rebuilding|definitions_waiting|may_evict'

# ---- the file by itself ----

# Its panels, but for those that are headings.
panels='.panels[] | select(.type != "row")'
check_file() {
    check "the dashboard has panels" [ "$(jq "[$panels] | length" "$dashboard")" -ge 15 ]
    check_equal "every panel has a title, a description and queries with legends" "" "$(jq -r "$panels"' | select((.title // "") == ""
        or (.description // "") == "" or (.targets | length) == 0 or any(.targets[]; .expr == null or .legendFormat == null)) | .id' "$dashboard")"
    check_equal "every panel has an id of its own" "" "$(jq -r '[.panels[].id] | group_by(.)[] | select(length > 1)[0]' "$dashboard")"
    check_equal "panels do not overlap, and none is too wide" "" "$(jq -r '[.panels[].gridPos] as $all
        | ($all[] | select(.x + .w > 24)), (range($all | length) as $i | range($i + 1; $all | length) as $j | [$all[$i], $all[$j]]
            | select(.[0].x < .[1].x + .[1].w and .[1].x < .[0].x + .[0].w and .[0].y < .[1].y + .[1].h and .[1].y < .[0].y + .[0].h))' "$dashboard")"
    check_equal "the data source is a variable" '${datasource}' "$(jq -r "$panels"' | .datasource.uid, .targets[].datasource.uid' "$dashboard" | sort -u)"
    check_equal "every metric is on it" "" "$(sed -nE 's/^\| `([a-z_]+)` \| (counter|gauge|histogram) \|.*/\1/p' docs/operations.md \
        | while read -r metric; do jq -r "$panels"' | .targets[].expr' "$dashboard" | grep -q "client_intake_$metric\b\|client_intake_${metric}_" || echo "$metric"; done)"
}

# holds [JQ OPTION ...] CONDITION: of the JSON on standard input.
holds() {
    jq --exit-status "$@" >/dev/null
}

# ---- Prometheus ----

# prometheus_get PATH [NAME=VALUE ...]: the data of its answer.
prometheus_get() {
    local path=$1 parameter words=()
    shift
    for parameter in "$@"; do words+=(--data-urlencode "$parameter"); done
    curl --silent --show-error --fail --max-time 10 --get ${words[@]+"${words[@]}"} "http://$prometheus_address/api/v1/$path" | jq .data
}

# With the shipped config, but for its pace and the address of the worker.
prometheus_start() {
    local folder=$suite_folder/prometheus
    mkdir "$folder"
    cp config/prometheus/alerts.yml "$folder/"
    sed "s/_interval: 15s/_interval: 1s/; s/worker:9464/$(faults_address one)/" config/prometheus/prometheus.yml >"$folder/prometheus.yml"
    prometheus_address=127.0.0.1:$(free_port)
    "$prometheus" --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
        --web.listen-address="$prometheus_address" >"$folder/log" 2>&1 &
    check "Prometheus starts with the shipped config" eventually prometheus_get status/buildinfo
}

# Its last value, without labels.
prometheus_value() {
    prometheus_get query "query=$1" | jq -r '.result[0].value[1]'
}

has_scraped_all() {
    local answered
    answered=$(faults_answered one)
    [ "$answered" -gt 0 ] && [ "$(prometheus_value 'sum(client_intake_commands_total)')" = "$answered" ]
}

has_scraped_something() {
    [ "$(prometheus_value 'up{job="client-intake"}')" = 1 ]
}

# ---- the queries ----

# substituted TEXT: what Grafana makes of the variables.
substituted() {
    local text=${1//'$job'/client-intake}
    text=${text//'$instance'/.*}
    echo "${text//'$__rate_interval'/5s}"
}

# check_query TITLE EXPRESSION: over the time of the run.
check_query() {
    local expression answer least=0
    expression=$(substituted "$2")
    check "$1: no variable is left" [ "${expression//'$'/}" = "$expression" ]
    answer=$(prometheus_get query_range "query=$expression" "start=$begun" "end=$(date +%s)" step=1)
    [[ $expression =~ $quiet ]] || least=0.000001
    check "$1: $expression has values" holds --argjson least "$least" \
        '[.result[].values[][1] | select(. != "NaN" and . != "+Inf") | tonumber] | length > 0 and max >= $least' <<<"$answer"
}

# check_variable NAME QUERY: of the form label_values(SERIES, LABEL).
check_variable() {
    local series label
    [[ $(substituted "$2") =~ ^label_values\((.*),\ ([a-z]+)\)$ ]]
    series=${BASH_REMATCH[1]:-} label=${BASH_REMATCH[2]:-}
    check "the variable $1 has a value" holds 'length > 0' <<<"$(prometheus_get "label/$label/values" "match[]=$series")"
}

live_before_kafka() {
    check_file
    prometheus_find && return
    suite_skip "$LIVE_CHECKS" "$prometheus_missing"
    return 1
}

live_begin 6
faults_worker_start one --set worker.threads=2 --set redis.timeout=500ms
begun=$(date +%s)
prometheus_start
check "it scrapes the worker" eventually has_scraped_something
produce_along 0 6000 --rate 600
check "commands get replies" eventually faults_answered_more_than one 500
kill -STOP "$redis_pid"
check "Redis is missed" eventually eval '[ "$(faults_metric one redis_retries_total)" -gt 0 ]'
kill -CONT "$redis_pid"
produce_wait
check "every command gets a reply" oracle await 60
check "Prometheus has scraped the end" eventually has_scraped_all

while IFS=$'\t' read -r title expression; do
    check_query "$title" "$expression"
done < <(jq -r "$panels"' | .title as $title | .targets[] | [$title, .expr] | @tsv' "$dashboard")
while IFS=$'\t' read -r name query; do
    check_variable "$name" "$query"
done < <(jq -r '.templating.list[] | select(.type == "query") | [.name, .query.query] | @tsv' "$dashboard")

rules=$(prometheus_get rules)
check "Prometheus evaluates the rules" holds '[.groups[].rules[]] | length >= 9 and all(.health == "ok")' <<<"$rules"
check_equal "no alert fires" "" "$(jq -r '.groups[].rules[] | select(.state == "firing").name' <<<"$rules")"
check "promtool finds no fault in /metrics" eval 'curl --silent "http://$(faults_address one)/metrics" | "$promtool" check metrics'
worker_stop one
live_compare_schemas
suite_end
