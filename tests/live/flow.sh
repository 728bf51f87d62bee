#!/usr/bin/env bash
# The whole path: good, bad, repeated and hostile commands over six partitions, each with exactly one reply.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/suite.sh
. tests/lib/redis.sh
. tests/lib/live.sh

live_begin 6
worker_start one --set worker.threads=2
produce 0 4000
check "every command is answered" oracle await 60
worker_stop one
check_counts oracle oracle judge

# The same bytes are judged alike offline.
lines=$suite_folder/lines validated=$suite_folder/validated
check "commands are written as lines" oracle lines "$lines"
"$BUILD/client-intake" validate --definitions tests/live/definitions.json "$lines" >"$validated" 2>"$suite_folder/validate.log"
check_equal "validate has rejected some" 1 $?
check_counts validate oracle agree "$validated"

# A command again, after a restart, is a duplicate; so the start begins where the end was.
worker_start one
produce 4000 500
check "commands after a restart are answered" oracle await 60
worker_stop one
check_counts oracle oracle judge

# The same by a client that is not ours. "reply-topic/reply-partition source-partition source-offset", as they are read.
read_committed() {
    kcat -b "$kafka_address" -C -t "$1" -o beginning -e -q -X isolation.level=read_committed -f "$2"
}
for topic in replies elsewhere; do
    read_committed "$live_name.$topic" '%p\t%s\n' \
        | jq -Rr --arg topic "$topic" 'split("\t") | [$topic + "/" + .[0], (.[1] | fromjson | .source | .partition, .offset)] | @tsv'
done >"$suite_folder/replies"
read_committed "$live_name.commands" '%p\t%o\n' | sort >"$suite_folder/commands"
check "kcat sees commands" [ "$(wc -l <"$suite_folder/commands")" -ge 4500 ]
check_equal "kcat sees exactly one reply per command" "$(cat "$suite_folder/commands")" \
    "$(cut -f 2,3 "$suite_folder/replies" | sort)"
check_equal "kcat sees the replies in the order of their commands" "" \
    "$(awk '{ place = $1 " " $2 } (place in last) && $3 <= last[place] { print "out of order:", $0 } { last[place] = $3 }' \
        "$suite_folder/replies")"
read_committed "$live_name.records" '%k\t%s\n' | sort -u >"$suite_folder/records"
cut -f 1 "$suite_folder/records" | sed 's|^\([^/]*\)/\(.*\)$|GET client:{\1}:\2|' | redis-cli -s "$redis_socket" --raw \
    | grep '^{' | sort >"$suite_folder/clients"
check "kcat sees records" [ -s "$suite_folder/clients" ]
check_equal "kcat and redis-cli see the same clients" "$(cut -f 2- "$suite_folder/records" | sort | sha256sum)" \
    "$(sha256sum <"$suite_folder/clients")"

# An oracle that sees nothing would pass everything.
tampered() {
    local verdict
    verdict=$(oracle judge) && return 1
    grep -qF "NOT OK: $1" <<<"$verdict"
}
key=$(redis_ask --scan --pattern 'client:{*' | head -n 1)
redis_ask RENAME "$key" kept >/dev/null
check "the oracle misses a client in Redis" tampered "Redis holds every record"
redis_ask RENAME kept "$key" >/dev/null
redis_ask SET 'client-email:{ws-1}:nobody@example.com' x >/dev/null
check "the oracle sees an email too many" tampered "Redis holds no other client or email"
redis_ask DEL 'client-email:{ws-1}:nobody@example.com' >/dev/null
reply=$(kcat -b "$kafka_address" -C -t "$live_name.replies" -p 0 -o 0 -c 1 -e -q)
kcat -b "$kafka_address" -P -t "$live_name.replies" -p 0 -H ce_id=another <<<"$reply"
check "the oracle sees a reply twice" tampered "no command has two replies"
echo '{"commandId":"unanswered"}' | kcat -b "$kafka_address" -P -t "$live_name.commands" -p 0
check "the oracle sees that a reply is missing" tampered "every command has a reply"
suite_end
