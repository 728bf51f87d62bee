#!/usr/bin/env bash
# Workers that end as Kubernetes ends pods, under load: a rolling update, and a pod that hangs. While a pod drains it is not
# ready but live; it ends within the grace period or is killed; the next pod of its ordinal takes over. Every command has
# exactly one reply.
. "$(dirname "$0")/../lib/faults.sh" || exit 1
. tests/lib/yaml.sh

LIVE_CHECKS=66
rate=$(faults_choose 400 800)

# Seconds that a pod may drain.
drain=$(yaml_to_json config/kubernetes/config.yaml | jq --raw-output '.data["client-intake.ini"]' | awk '/^\[/ { inside = $1 == "[shutdown]" } inside && $1 == "timeout" { print $3 }')

# pod ORDINAL: creates it. The worker's transactional id ends with its name, as POD_NAME does.
pod() {
    faults_worker_start "client-intake-$1" --set worker.threads=1 --set "shutdown.timeout=${drain}s"
}

# status ORDINAL PATH: what a probe of the kubelet gets; 000 if nothing listens.
status() {
    curl --silent --output /dev/null --max-time 2 --write-out '%{http_code}' "http://$(faults_address "client-intake-$1")$2"
}
is_ready() {
    faults_load "$rate"
    [ "$(status "$1" /readyz)" = 200 ]
}
answers() {
    faults_load "$rate"
    faults_answered_more_than "client-intake-$1" "$2"
}

# probe ORDINAL: asks both paths two hundred times a second, and notes a line "PATH STATUS" each time, until probe_end.
probe() {
    local path
    : >"$suite_folder/probed"
    probers=()
    for path in livez readyz; do
        curl --silent --rate 200/s --max-time 5 --output /dev/null --write-out "%{stderr}$path %{http_code}\n" \
            "http://$(faults_address "client-intake-$1")/$path?[1-100000]" 2>>"$suite_folder/probed" &
        probers+=("$!")
    done
}
probe_end() {
    kill -TERM "${probers[@]}" 2>/dev/null
    wait "${probers[@]}" 2>/dev/null
}
has_probed() {
    grep -qx "$1 $2" "$suite_folder/probed"
}

# pod_drains ORDINAL: TERM, as when the pod is deleted. It drains until it is gone.
pod_drains() {
    local name=client-intake-$1
    probe "$1"
    check "pod $1 is live and ready" eventually eval 'has_probed livez 200 && has_probed readyz 200'
    check "pod $1 is not asked in vain" eval '! has_probed readyz 503'
    worker_stop "$name" "$drain"
    probe_end
    check "pod $1 was not ready while it drained" has_probed readyz 503
    check "pod $1 was live while it drained" eval '! has_probed livez 503'
    check "pod $1 logs that it stopped by itself" grep -q event=stopped "${worker_logs[$name]}"
}

# pod_is_back ORDINAL: a new one of the ordinal.
pod_is_back() {
    pod "$1"
    check "the next pod $1 is ready" until_true 60 is_ready "$1"
    check "and takes commands" until_true 60 answers "$1" 0
}

live_begin "$(faults_choose 3 6)"
pod 0
pod 1
for ordinal in 0 1; do check "pod $ordinal takes commands" until_true 60 answers "$ordinal" 0; done

# A rolling update: the highest ordinal first, one at a time; the other one goes on.
for ordinal in 1 0; do
    before=$(faults_answered "client-intake-$((1 - ordinal))")
    faults_load "$rate"
    pod_drains "$ordinal"
    check "the other pod goes on" until_true 60 answers $((1 - ordinal)) "$before"
    pod_is_back "$ordinal"
done

# A pod that hangs does not end on TERM. The grace period is longer than session.timeout.ms, so the other pod has its partitions
# when KILL comes. The next pod of the ordinal aborts the transaction that it left open.
has_all() {
    faults_load "$rate"
    [ "$(curl --silent --max-time 2 "http://$(faults_address "client-intake-$1")/metrics" | grep -c '^client_intake_consumer_lag{')" = "$live_partitions" ]
}
before=$(faults_answered client-intake-0)
check "pod 0 works" until_true 60 answers 0 "$before"
kill -STOP "${worker_pids[client-intake-0]}"
kill -TERM "${worker_pids[client-intake-0]}"
check_equal "pod 0 hangs: no probe gets a reply" "000 000" "$(status 0 /livez) $(status 0 /readyz)"
check "pod 1 takes its partitions" until_true 60 has_all 1
before=$(faults_answered client-intake-1)
check "and goes on" until_true 60 answers 1 "$before"
worker_kill client-intake-0
pod_is_back 0

faults_load_end
live_end 120
