# poison: what suites on poison and pressure share beside tests/lib/live.sh: hard commands, and topics that change.
# shellcheck shell=bash

# poison KIND EXPECT PARTITION COUNT BYTES [OPTION ...]: sends them; every call has numbers of its own.
poison_number=0
poison() {
    "$BUILD/tests/faults/poison" --bootstrap "$kafka_address" --topic "$live_name.commands" --kind "$1" --expect "$2" \
        --partition "$3" --count "$4" --bytes "$5" --first "$poison_number" "${@:6}" || suite_fail "$4 of $1 were sent"
    poison_number=$((poison_number + $4))
    live_sent=$((live_sent + $4))
}

# Definitions of the workspace "big", which has room for a client of several MiB. `validate` knows one set of them only.
poison_definitions() {
    LIVE_DEFINITIONS=
    local file=$suite_folder/big.json number
    {
        printf '[{"key":"services","type":"multiSelect","options":[{"key":"metrics","label":"Metrics"}]}'
        for ((number = 0; number < 80; number++)); do printf ',{"key":"t%d","type":"text"}' "$number"; done
        printf ']\n'
    } >"$file"
    check "definitions of large clients are put" live_intake definitions put big "$file"
}

topic_config() {
    "$BUILD/tests/faults/topic_config" "$kafka_address" "$@"
}

# topics_allow BYTES [ROLE ...]: the longest message that those topics take; by default all of them.
topics_allow() {
    local bytes=$1 role roles=("${@:2}")
    [ "${#roles[@]}" -gt 0 ] || roles=(commands replies elsewhere records dead-letters)
    for role in "${roles[@]}"; do
        case $role in
            records) check "$role takes $bytes bytes" topic_config set "$live_name.$role" cleanup.policy=compact "max.message.bytes=$bytes" ;;
            *) check "$role takes $bytes bytes" topic_config set "$live_name.$role" "max.message.bytes=$bytes" ;;
        esac
    done
}
