#!/usr/bin/env bash
# config/kubernetes: valid by Kubernetes' published schemas, and numbers and names that agree with each other, with the
# Dockerfile, with the alerts, and with what the program says of its config. For KEDA's objects and those of the Prometheus
# operator there is no schema to be had here: their members are compared with those that are known. Nothing runs on a cluster.
. "$(dirname "$0")/lib/suite.sh" || exit 1
. tests/lib/yaml.sh

suite_begin
folder=config/kubernetes
versions=(1.27 1.31 1.37) # since 1.27 unhealthyPodEvictionPolicy needs no feature gate
objects=$suite_folder/objects.json
yaml_to_json "$folder"/*.yaml >"$objects" || suite_fail "every file of $folder is YAML"
check "there are objects" [ "$(wc -l <"$objects")" -ge 7 ]

# of KIND QUERY: what it finds in the only object of a kind, in raw lines.
of() {
    jq --raw-output "select(.kind == \"$1\") | $2" "$objects"
}
container() {
    of StatefulSet ".spec.template.spec.containers[0] | $1"
}

# ---- the schemas ----

# The package that has them, brought once.
schemas() {
    local build=$PWD/build/kubernetes
    mkdir -p "$build"
    (
        flock 8
        compgen -G "$build/*.whl" >/dev/null || python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --require-hashes --requirement tests/kubernetes/requirements.txt --dest "$build" >"$build/log" 2>&1
    ) 8>"$build/lock"
    compgen -G "$build/*.whl"
}
# faults_by VERSION <OBJECTS
faults_by() {
    /usr/bin/python3 tests/kubernetes/validate.py "$wheel" "$1" 2>&1
}
builtin=$suite_folder/builtin.json
jq --compact-output 'select(.apiVersion | test("keda|coreos") | not)' "$objects" >"$builtin"
if wheel=$(schemas); then
    for version in "${versions[@]}"; do
        check_equal "they are valid in Kubernetes $version" "" "$(faults_by "$version" <"$builtin")"
    done
    check "a member that is misspelt is told" grep -q "'terminationGracePeriod' was unexpected" <(
        jq --compact-output 'select(.kind == "StatefulSet") | .spec.template.spec.terminationGracePeriod = 40' "$builtin" | faults_by 1.31)
    check "so is a value of another type" grep -q "is not of type 'string'" <(
        jq --compact-output 'select(.kind == "ConfigMap") | .data.number = 1' "$builtin" | faults_by 1.31)
else
    suite_skip 5 "Kubernetes' schemas cannot be had here: $(tail -n 1 build/kubernetes/log)"
fi

# unknown KIND MEMBER ...: members of its spec, as paths without numbers, that are not listed.
unknown() {
    local kind=$1
    shift
    of "$kind" '.spec | paths | map(if type == "number" then "[]" else . end) | join(".")' | sed 's/\.\[\]/[]/g' | sort -u \
        | grep -vxF "$(printf '%s\n' "$@")"
}
check_equal "the ServiceMonitor has known members only" "" "$(unknown ServiceMonitor selector selector.matchLabels \
    selector.matchLabels.app.kubernetes.io/name endpoints 'endpoints[]' 'endpoints[].port' 'endpoints[].path' 'endpoints[].interval')"
check_equal "so has the ScaledObject" "" "$(unknown ScaledObject scaleTargetRef scaleTargetRef.apiVersion scaleTargetRef.kind \
    scaleTargetRef.name pollingInterval minReplicaCount maxReplicaCount advanced advanced.horizontalPodAutoscalerConfig \
    advanced.horizontalPodAutoscalerConfig.behavior advanced.horizontalPodAutoscalerConfig.behavior.scaleDown \
    advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds triggers 'triggers[]' 'triggers[].type' \
    'triggers[].metadata' 'triggers[].authenticationRef' 'triggers[].authenticationRef.name' \
    triggers\[\].metadata.{bootstrapServers,consumerGroup,topic,lagThreshold,offsetResetPolicy,sasl,tls})"
check_equal "and its trigger has texts only, as KEDA wants them" string \
    "$(of ScaledObject '.spec.triggers[].metadata[] | type' | sort -u)"
check_equal "so has the TriggerAuthentication" "" "$(unknown TriggerAuthentication secretTargetRef 'secretTargetRef[]' \
    secretTargetRef\[\].{parameter,name,key})"

# ---- the config ----

ini=$suite_folder/client-intake.ini
of ConfigMap '.data["client-intake.ini"]' >"$ini"
# key SECTION NAME: in the config, or its default.
key() {
    cat config/client-intake.ini "$ini" | awk -v section="[$1]" -v name="$2" '/^\[/ { inside = $0 == section }
        inside && $1 == name { $1 = $2 = ""; value = $0 } END { sub(/^ +/, "", value); print value }'
}
mkdir "$suite_folder/secrets"
of StatefulSet '.spec.template.spec.containers[0].volumeMounts[] | .mountPath' >"$suite_folder/mounts"
for name in kafka-password redis-password; do echo secret >"$suite_folder/secrets/$name"; done
check "passwords come from the Secret" [ "$(grep -c '^password\|^sasl\.password' <(grep -F '${file:/run/secrets/client-intake/' "$ini"))" = 2 ]
check "which is mounted there" grep -qx /run/secrets/client-intake "$suite_folder/mounts"
sed "s|/run/secrets/client-intake|$suite_folder/secrets|" "$ini" >"$suite_folder/here.ini"
# reads_config: `validate` connects to nothing.
reads_config() {
    # shellcheck disable=SC2153 # the runner sets BUILD
    POD_NAME=client-intake-0 "$BUILD/client-intake" validate --config "$suite_folder/here.ini" --definitions tests/live/definitions.json /dev/null 2>&1
    echo "exit $?"
}
check_equal "the program accepts the config" "exit 0" "$(reads_config)"
sed -i 's/^threads = 1$/thread = 1/' "$suite_folder/here.ini"
check_equal "it would tell a fault" "exit 78" "$(reads_config | tail -n 1)"
check "the config is mounted where the arguments say" grep -qx "$(dirname "$(container '.args[-1]')")" "$suite_folder/mounts"
check_equal "and is the key of the ConfigMap" "$(of ConfigMap '.data | keys[]')" "$(basename "$(container '.args[-1]')")"

# ---- the pods ----

seconds=$(sed -nE 's/^([0-9]+) s$/\1/p' <<<"$(key shutdown timeout)")
check "a pod has longer to end than the program takes" [ "$(of StatefulSet .spec.template.spec.terminationGracePeriodSeconds)" -gt "$seconds" ]
check_equal "transactional ids are those of the pods" '${POD_NAME}' "$(key kafka.producer transactional.id)"
check_equal "which are stable" metadata.name "$(container '.env[] | select(.name == "POD_NAME").valueFrom.fieldRef.fieldPath')"
check_equal "HTTP listens on all addresses, at the port of the container" "0.0.0.0:$(container '.ports[] | select(.name == "http").containerPort')" "$(key http listen)"
check_equal "probes ask /livez, /livez and /readyz there" "/livez http /livez http /readyz http" \
    "$(container '.startupProbe, .livenessProbe, .readinessProbe | .httpGet | .path, .port' | xargs)"
check_equal "the image has the program's version" "client-intake:$("$BUILD/client-intake" --version | awk 'NR == 1 { print $2 }')" "$(container .image)"
check_equal "the image's user is the pods' user" "USER nobody, 65534, true" \
    "$(grep '^USER' Dockerfile), $(of StatefulSet '.spec.template.spec.securityContext.runAsUser'), $(of StatefulSet '.spec.template.spec.securityContext.runAsNonRoot')"
check_equal "which has that number" 65534 "$(id -u nobody)"
check_equal "the entrypoint is the image's, the arguments are a command of the program" "null run" "$(container '.command, .args[0]' | xargs)"
check_equal "nothing is privileged, and nothing can be written" "false true ALL RuntimeDefault" \
    "$(container '.securityContext | .allowPrivilegeEscalation, .readOnlyRootFilesystem, .capabilities.drop[]' | xargs) $(of StatefulSet '.spec.template.spec.securityContext.seccompProfile.type')"

# What docs/operations.md says of memory, in MiB: commands, the program, and for each thread a fetch and working memory.
mib=$(($(sed -nE 's/^([0-9]+) MiB$/\1/p' <<<"$(key limits memory_bytes)") + 20 + $(key worker threads) * (35 * $(key kafka.consumer fetch.max.bytes) / 1048576 + 24)))
limit=$(container .resources.limits.memory | sed -nE 's/^([0-9]+)Mi$/\1/p')
check "the memory limit has room for the program ($mib MiB), and a quarter more" [ "$limit" -ge $((mib * 5 / 4)) ]
check_equal "as much is requested" "${limit}Mi" "$(container .resources.requests.memory)"

# ---- who is who ----

name='{"app.kubernetes.io/name":"client-intake"}'
check_equal "every selector finds the pods" "$name" "$(jq --compact-output '.spec | .selector.matchLabels? // (select(.clusterIP?).selector), .template.metadata.labels?
    | select(. != null)' "$objects" | sort -u)"
check_equal "the StatefulSet's Service is there, and shows pods that are not ready" "client-intake true" \
    "$(of Service '.metadata.name, .spec.publishNotReadyAddresses' | xargs)"
check_equal "the ServiceMonitor finds its labels" "$name" "$(of Service '.metadata.labels | tojson')"
check "the job is named as the alerts expect" grep -q "job=\"$(of Service .metadata.name)\"" config/prometheus/alerts.yml
check_equal "it scrapes a port that the Service has" "$(of Service '.spec.ports[].name')" "$(of ServiceMonitor '.spec.endpoints[].port')"
check_equal "the autoscaler scales the StatefulSet" "$(of StatefulSet '[.apiVersion, .kind, .metadata.name] | @tsv')" \
    "$(of ScaledObject '.spec.scaleTargetRef | [.apiVersion, .kind, .name] | @tsv')"
check_equal "and nothing else does" null "$(of StatefulSet .spec.replicas)"
check "there are no more threads than partitions" [ $(($(of ScaledObject .spec.maxReplicaCount) * $(key worker threads))) -le "$(key topics partitions)" ]
check_equal "it looks at the program's group, topic and brokers" "$(key kafka.consumer group.id) $(key commands topic) $(key kafka bootstrap.servers)" \
    "$(of ScaledObject '.spec.triggers[].metadata | .consumerGroup, .topic, .bootstrapServers' | xargs)"
check_equal "a pod more comes for a batch more" "$(key batch commands)" "$(of ScaledObject '.spec.triggers[].metadata.lagThreshold')"
check_equal "it has its login" "$(of TriggerAuthentication .metadata.name)" "$(of ScaledObject '.spec.triggers[].authenticationRef.name')"
suite_end
