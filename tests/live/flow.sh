#!/usr/bin/env bash
# The whole path: good, bad, repeated and hostile commands over six partitions, each with exactly one reply.
. "$(dirname "$0")/../lib/live.sh" || exit 1

live_replies_per_shape=25
live_begin 6
worker_start one --set worker.threads=2
produce 0 4000
check "every command gets a reply" oracle await 60
worker_stop one
live_judge

# A repeated command would be a duplicate, so this shows that the restarted worker continues where it ended.
worker_start one
produce 4000 500
check "commands after a restart get replies" oracle await 60
worker_stop one
live_judge

# The same with another client, kcat. "reply-topic/reply-partition source-partition source-offset", in the order of reading.
read_committed() {
    kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$1" -o beginning -e -q -X isolation.level=read_committed -f "$2"
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
suite_end
