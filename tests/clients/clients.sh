#!/usr/bin/env bash
# Clients that are not ours, each with its own library, on a real Apache Kafka: the examples of docs/clients.md print what
# the page shows. Their libraries are downloaded once, to ~/.cache/client-intake (XDG_CACHE_HOME). Where a registry is out
# of reach, the checks of its clients are skipped.
#
#   tests/clients/clients.sh [CLIENT ...]     (kcat)
. "$(dirname "$0")/../lib/redis.sh" || exit 1

page=$PWD/docs/clients.md
client_seconds=120
clients=("$@")
[ $# -gt 0 ] || clients=(kcat)
checks=16

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
for topic in clients.replies kcat.reply kafkajs.reply clients.commands.reply python.reply spring.reply clients.commands-replies; do
    "$BUILD/client-intake" topics create --set "replies.topic=$topic" >"$suite_folder/topics" 2>&1 \
        || suite_fail "the topic $topic is created" "$(cat "$suite_folder/topics")"
    check "the topic $topic is new" grep -q "^$topic: created" "$suite_folder/topics"
done
"$BUILD/client-intake" run 2>"$suite_folder/worker.log" &
worker=$!
suite_owns "$worker"

# ---- the clients ----

declare -A client_checks=([kcat]=1 [kafkajs]=1 [nestjs]=2 [python]=1 [java]=2)

client_kcat() {
    prints kcat sh tests/clients/kcat/create.sh
}

for client in "${clients[@]}"; do "client_$client"; done
check_equal "no reply went elsewhere than it was asked to" "" \
    "$(kcat -b "$KAFKA" -C -t clients.replies -e -q -f '%s\n')"

kill -TERM "$worker"
wait "$worker"
check_equal "the worker ends" 0 "$?"
suite_end
