#!/usr/bin/env bash
# The sizes that docs/sizing.md tells: the simulation agrees with what Redis says of clients that the program's index has
# written, and with what a node of a cluster says of its slots; the examples of the page are what the simulation prints.
# And services: an index whose user may do no more than they allow works.
. "$(dirname "$0")/lib/redis.sh" || exit 1

clients=30000 workspaces=400
tolerance=1 # percent

suite_begin
# fill FILE ARGUMENT...: what sizing_fill says goes to the file.
fill() {
    local file=$1
    shift
    "$BUILD/tests/bench/sizing_fill" --redis "unix:$redis_socket" --clients "$clients" --workspaces "$workspaces" "$@" \
        >"$file" 2>"$suite_folder/error"
}
simulate() { "$BUILD/tests/bench/sizing_simulate" --clients "$clients" --workspaces "$workspaces" --sample 1000000 "$@"; }

# agrees FILE ARGUMENT...: the memory that the file of sizing_fill tells is the one that is simulated.
agrees() {
    local file=$1 measured simulated
    shift
    measured=$(jq -s 'map(select(.name == "clients" or .name == "definitions") | .bytes) | add' "$file")
    simulated=$(simulate "$@" | jq 'select(.name == "masters") | .all_bytes')
    echo "$measured bytes measured, $simulated simulated"
    awk -v measured="$measured" -v simulated="$simulated" -v tolerance="$tolerance" \
        'BEGIN { off = (simulated / measured - 1) * 100; exit !(off < tolerance && off > -tolerance) }'
}

# ---- one server ----

redis_start || suite_end
check "a Redis is filled by the index" fill "$suite_folder/filled"
quantum=$(jq 'select(.name == "server") | .quantum' "$suite_folder/filled")
if [ "${quantum:-0}" -eq 0 ]; then
    suite_skip 1 "this Redis counts memory in another way"
    suite_end
fi
check "the simulation is within $tolerance % of its memory" agrees "$suite_folder/filled" --quantum "$quantum"
check_equal "nothing in it expires" 0 "$(redis_ask INFO keyspace | grep -oE 'expires=[0-9]+' | cut -d= -f2)"
check_equal "a second simulation says the same" "$(simulate --masters 5 --each)" "$(simulate --masters 5 --each)"
few=$("$BUILD/tests/bench/sizing_simulate" --clients "$clients" --workspaces "$workspaces" --sample 2000 | jq 'select(.name == "client") | .bytes, 3 * .error')
check "a sample says the same within three standard errors" awk -v few="$(head -n 1 <<<"$few")" -v error="$(tail -n 1 <<<"$few")" \
    -v all="$(simulate | jq 'select(.name == "client") | .bytes')" 'BEGIN { exit !(few - all < error && all - few < error) }'

# ---- a service: what it refuses, as a user of the same Redis ----

# Amazon ElastiCache and MemoryDB refuse the first ones; Redis Software, on which Azure Managed Redis runs, CLIENT TRACKING to
# another connection. ROLE is for Sentinels only, which neither has.
refused="-bgrewriteaof -bgsave -config -debug -migrate -replicaof -save -slaveof -shutdown -sync -psync -module -acl"
refused+=" -cluster -client|tracking -role"
line=$(sed -n 's/^ACL SETUSER client-intake //p' docs/operations.md | head -n 1)
for command in $refused; do
    [[ " $line " != *" +${command#-} "* ]] || needed+="${command#-} "
done
check_equal "of these the documented rights have no others than these two" "client|tracking role " "${needed:-}"
redis_ask FLUSHALL >/dev/null
# shellcheck disable=SC2086 # words
check_equal "they are commands of this Redis" OK "$(redis_ask ACL SETUSER service on '>secret' '~*' '&*' +@all $refused)"
check "an index writes without them" fill "$suite_folder/service" --clients 2000 --set redis.username=service \
    --set redis.password=secret
check "its clients are there" [ "$(redis_ask DBSIZE)" -ge $((2 * 2000 + workspaces)) ]
redis_kill

# ---- a node of a cluster ----

redis_start --cluster-enabled yes --port "$(free_port)" --cluster-port "$(free_port)" --cluster-config-file "$suite_folder/nodes.conf" || suite_end
check_equal "the node has all slots" OK "$(redis_ask CLUSTER ADDSLOTSRANGE 0 16383)"
slots_are_served() { redis_ask CLUSTER INFO | grep -q 'cluster_state:ok'; }
check "and serves them" eventually slots_are_served
check "it is filled" fill "$suite_folder/node" --plain
check "the simulation is within $tolerance % of its memory" agrees "$suite_folder/node" --quantum "$quantum" --cluster

# Of three masters the second has the slots 5461 to 10922.
keys_of_second=$(seq 5461 10922 | sed 's/^/CLUSTER COUNTKEYSINSLOT /' | redis_ask | awk '{ sum += $1 } END { print sum }')
check_equal "the keys of a master of three are those in its slots" "$keys_of_second" \
    "$(simulate --masters 3 --each | jq 'select(.name == "master" and .number == 1) | 2 * .clients + .workspaces')"

# ---- the examples of the page ----

# Each block that begins with "$ sizing_simulate".
examples() { grep -E '^\$ sizing_simulate' docs/sizing.md; }
shown() { awk -v line="$1" '$0 == line { inside = 1; next } inside && (/^```/ || /^\$/) { exit } inside' docs/sizing.md; }
check "docs/sizing.md has examples" [ "$(examples | wc -l)" -ge 2 ]
while read -r line; do
    # shellcheck disable=SC2086 # words
    check_equal "docs/sizing.md: ${line#$ }" "$(shown "$line")" "$("$BUILD/tests/bench/sizing_simulate" ${line#$ sizing_simulate})"
done < <(examples)
suite_end
