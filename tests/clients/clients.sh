#!/usr/bin/env bash
# Clients that are not ours, each with its own library, on a real Apache Kafka: the examples of docs/clients.md print what
# the page shows. Their libraries are downloaded once, to ~/.cache/client-intake/clients (XDG_CACHE_HOME). Where a registry is
# out of reach, the checks of its clients are skipped.
#
#   tests/clients/clients.sh [CLIENT ...]     (kcat kafkajs nestjs python java)
. "$(dirname "$0")/../lib/redis.sh" || exit 1

page=$PWD/docs/clients.md
cache=${XDG_CACHE_HOME:-$HOME/.cache}/client-intake/clients
install_seconds=300
client_seconds=240
clients=("$@")
[ $# -gt 0 ] || clients=(kcat kafkajs nestjs python java)
checks=18

suite_begin
kafka_folder=$suite_folder/kafka
suite_clean_more() {
    tests/kafka/stop --kill "$kafka_folder"
}
# The examples have the default names of the topics.
if [ -n "${KAFKA_BOOTSTRAP_SERVERS:-}" ]; then
    REQUIRE_KAFKA= suite_skip "$checks" "KAFKA_BOOTSTRAP_SERVERS names a broker whose topics are not ours"
    suite_end
fi
if ! KAFKA=$(tests/kafka/start "$kafka_folder" 2>"$suite_folder/kafka-start"); then
    suite_skip "$checks" "no real Apache Kafka here: $(head -n 3 "$suite_folder/kafka-start" | tr '\n' ' ')"
    suite_end
fi
redis_start || suite_end
check_equal "a second start leaves the broker alone" "$KAFKA" "$(env -u KAFKA_LANE tests/kafka/start "${KAFKA_LANE:-$kafka_folder}" 2>&1)"

# ---- libraries ----

# library NAME FILE ... : the folder of a client's libraries, in $library. It is filled once, by install_NAME in that
# folder, for these contents of the files. 1 if it cannot be had: the client's checks were skipped, or have failed.
library() {
    local name=$1 key log
    shift
    key=$({ cat "$@"; versions_of "$name"; } | sha256sum | cut -c 1-12)
    library=$cache/$name-$key
    log=$library.log
    mkdir -p "$library" || { suite_fail "$library is made"; return 1; }
    exec {lock}>"$library.lock"
    flock "$lock"
    if [ ! -e "$library/complete" ]; then
        cp "$@" "$library/"
        library_forget_old "$name"
        if (cd "$library" && "install_$name") >"$log" 2>&1 </dev/null; then
            touch "$library/complete"
        else
            library_missing "$name" "$?" "$log"
            exec {lock}>&-
            return 1
        fi
    fi
    exec {lock}>&-
}

# Folders of earlier versions that no run has filled for a month.
library_forget_old() {
    find "$cache" -maxdepth 1 -name "$1-*" ! -path "$library*" -mtime +30 -exec rm -rf {} +
}

# What the folder depends on beside its files.
versions_of() {
    case $1 in
        kafkajs | nestjs) node --version ;;
        python) python3 --version ;;
    esac
}

# A registry that does not answer, or not in time, is no fault of ours.
library_missing() {
    local away='ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|[Cc]onnection|[Cc]onnect to|timed out'
    away+='|resolution|[Uu]nknown host|Could not transfer|from versions: none|NoPluginFoundForPrefix'
    if [ "$2" -eq 124 ] || grep -qE "$away" "$3"; then
        REQUIRE_KAFKA= suite_skip "${client_checks[$1]}" \
            "$1: its libraries cannot be downloaded: $(grep -m 1 -E "$away" "$3" | cut -c 1-200)"
    else
        suite_fail "the libraries of $1 are installed" "$(tail -n 3 "$3")"
    fi
}

install_kafkajs() {
    timeout "$install_seconds" npm ci --ignore-scripts --no-audit --no-fund
}
install_nestjs() {
    install_kafkajs
}
install_python() {
    python3 -m venv venv && timeout "$install_seconds" venv/bin/pip install --disable-pip-version-check -r requirements.txt
}
install_java() {
    timeout "$install_seconds" mvn --batch-mode --quiet -Dstyle.color=never dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$PWD/lib"
}

# needs CLIENT COMMAND ...: whether these commands are there; else its checks are skipped.
needs() {
    local client=$1 command
    shift
    for command in "$@"; do
        command -v "$command" >/dev/null && continue
        REQUIRE_KAFKA= suite_skip "${client_checks[$client]}" "$client: there is no $command"
        return 1
    done
}

# ---- the page ----

# shown RUN: what the page says that a client prints, behind the comment "run RUN": all behind the last command.
shown() {
    awk -v mark="<!-- run $1 -->" '$0 == mark { inside = 1; next } inside && /^```/ { if (++fences == 2) exit; next }
        inside && /^\$ / { text = ""; next } inside { text = text $0 "\n" } END { printf "%s", text }' "$page"
}

# prints RUN COMMAND ...: checks that the page shows what a client prints.
prints() {
    local run=$1 expected
    shift
    expected=$(shown "$run")
    [ -n "$expected" ] || suite_fail "the page shows what $run prints"
    timeout "$client_seconds" "$@" >"$suite_folder/$run.output" 2>"$suite_folder/$run.log" </dev/null
    check_equal "$run prints what the page shows" "$expected" "$(cat "$suite_folder/$run.output")"
    [ "$expected" = "$(cat "$suite_folder/$run.output")" ] || tail -n 20 "$suite_folder/$run.log"
}

# ---- the worker, as the page starts it ----

export KAFKA CLIENT_INTAKE_KAFKA_BOOTSTRAP_SERVERS=$KAFKA CLIENT_INTAKE_REDIS_ADDRESS=unix:$redis_socket
export CLIENT_INTAKE_TOPICS_REPLICATION=1 CLIENT_INTAKE_TOPICS_PARTITIONS=3 CLIENT_INTAKE_HTTP_LISTEN=
export CLIENT_INTAKE_REPLIES_ALLOWED='*.reply, *-replies' CLIENT_INTAKE_REPLIES_NEST=errors
topics=(clients.replies kcat.reply kafkajs.reply clients.commands.reply python.reply spring.reply clients.commands-replies)
for topic in "${topics[@]}"; do
    "$BUILD/client-intake" topics create --set "replies.topic=$topic" >"$suite_folder/topics" 2>&1 \
        || suite_fail "the topic $topic is created" "$(cat "$suite_folder/topics")"
    check "the topic $topic is new" grep -q "^$topic: created" "$suite_folder/topics"
done
"$BUILD/client-intake" run 2>"$suite_folder/worker.log" &
worker=$!

# ---- the clients ----

declare -A client_checks=([kcat]=1 [kafkajs]=1 [nestjs]=2 [python]=1 [java]=2)

client_kcat() {
    prints kcat sh tests/clients/kcat/create.sh
}

client_kafkajs() {
    needs kafkajs node npm && library kafkajs tests/clients/kafkajs/package{,-lock}.json || return
    node_program kafkajs client.js
    prints kafkajs node "$program_folder/client.js"
}

client_nestjs() {
    needs nestjs node npm && library nestjs tests/clients/nestjs/package{,-lock}.json || return
    node_program nestjs client.ts tsconfig.json two_instances.ts
    prints nestjs env -C "$program_folder" node -r ts-node/register/transpile-only client.ts
    # kafkajs takes some seconds for a rebalance, in which the next clients run.
    timeout "$client_seconds" env -C "$program_folder" node -r ts-node/register/transpile-only two_instances.ts \
        >"$suite_folder/two_instances" 2>"$suite_folder/two_instances.log" </dev/null &
    two_instances=$!
}

two_instances_end() {
    [ -n "${two_instances:-}" ] || return 0
    wait "$two_instances"
    check_equal "two instances of NestJS have a partition each, and all replies" "partitions 0 1
created 20 20" "$(cat "$suite_folder/two_instances")"
    [ "$suite_failed" -eq 0 ] || tail -n 20 "$suite_folder/two_instances.log"
}

# node_program CLIENT FILE ...: puts the files beside the libraries, to $program_folder.
node_program() {
    program_folder=$suite_folder/$1
    mkdir "$program_folder" && ln -s "$library/node_modules" "$program_folder/node_modules" \
        && (cd "tests/clients/$1" && cp "${@:2}" "$program_folder") || suite_fail "the files of $1 are copied"
}

client_python() {
    needs python python3 && library python tests/clients/python/requirements.txt || return
    prints python "$library/venv/bin/python" tests/clients/python/client.py
}

client_java() {
    needs java java javac mvn && library java tests/clients/java/pom.xml || return
    prints spring java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$library/lib/*" tests/clients/java/Spring.java
    prints smallrye java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$library/lib/*" tests/clients/java/SmallRye.java
}

for client in "${clients[@]}"; do "client_$client"; done
two_instances_end
check_equal "no reply went elsewhere than it was asked to" "" \
    "$(kcat -b "$KAFKA" -C -X fetch.wait.max.ms=10 -t clients.replies -e -q -f '%s\n')"

# What these clients were answered.
for topic in "${topics[@]}"; do
    kcat -b "$KAFKA" -C -X fetch.wait.max.ms=10 -X isolation.level=read_committed -t "$topic" -e -q -f '%s\n'
done >"$suite_folder/replies"
check_replies "$suite_folder/replies"

kill -TERM "$worker"
wait "$worker"
check_equal "the worker ends" 0 "$?"
suite_end
