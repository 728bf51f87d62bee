# document: what the suites share that run the commands of a page, in a shell and in their order, and compare what they
# print with what the page shows in its blocks "```console". A suite may define document_after COMMAND: it is called
# after each command, in the shell of the commands.
# shellcheck shell=bash

# document_begin NAME CHECKS PARTITIONS: begins the suite with Kafka and Redis, and sets what the page leaves out: --config,
# and topics of this run, since an external broker may hold those of others. Without Kafka that many checks are skipped.
document_begin() {
    suite_begin
    kafka_folder=$suite_folder/kafka
    suite_clean_more() {
        tests/kafka/stop --kill "$kafka_folder"
    }
    if ! kafka_address=$(tests/kafka/start "$kafka_folder" 2>"$suite_folder/kafka-start"); then
        suite_skip "$2" "no real Apache Kafka here: $(head -n 3 "$suite_folder/kafka-start" | tr '\n' ' ')"
        suite_end
    fi
    redis_start || suite_end
    name=$1-${suite_folder##*.}
    export CLIENT_INTAKE_KAFKA_BOOTSTRAP_SERVERS=$kafka_address CLIENT_INTAKE_REDIS_ADDRESS=unix:$redis_socket
    export CLIENT_INTAKE_COMMANDS_TOPIC=$name.commands CLIENT_INTAKE_REPLIES_TOPIC=$name.replies
    export CLIENT_INTAKE_RECORDS_TOPIC=$name.records CLIENT_INTAKE_DEFINITIONS_TOPIC=$name.definitions
    export CLIENT_INTAKE_DEAD_LETTERS_TOPIC=$name.dead-letters CLIENT_INTAKE_KAFKA_CONSUMER_GROUP_ID=$name
    export CLIENT_INTAKE_KAFKA_PRODUCER_TRANSACTIONAL_ID=$name CLIENT_INTAKE_HTTP_LISTEN=
    export CLIENT_INTAKE_TOPICS_PARTITIONS=$3 CLIENT_INTAKE_TOPICS_REPLICATION=1
    PATH=$(cd "$BUILD" && pwd):$PATH
}

# document_shown PAGE: the commands of the page, behind "$ ", and what it shows of their output.
document_shown() {
    sed -n '/^```console$/,/^```$/{/^```/d;p}' "$1"
}

# document_run FOLDER: runs the commands of standard input in this folder, as a shell would, and prints them with what
# they print.
document_run() {
    local line status=0
    cd "$1" || return
    while IFS= read -r line; do
        [[ $line == '$ '* ]] || continue
        printf '%s\n' "$line"
        (exit "$status")
        eval "${line#??}" </dev/null 2>&1
        status=$?
        if declare -F document_after >/dev/null; then document_after "${line#??}" >/dev/null; fi
    done
}

# document_part FILE NUMBER: the command of this number with its output.
document_part() {
    awk -v number="$2" '/^\$ / { count++ } count == number' "$1"
}

# document_compare SHOWN PRINTED: a check for each command.
document_compare() {
    local command number=0
    while IFS= read -r command; do
        number=$((number + 1))
        check_equal "the page shows what is printed by ${command#??}" "$(document_part "$1" "$number")" "$(document_part "$2" "$number")"
    done < <(grep '^\$ ' "$1")
}
