#!/usr/bin/env bash
# kill -9 at every named place of the loop, under load: whatever is half done there is done once in the end.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

faults_load_rate=300
times=$(faults_choose 1 4)

worker() {
    static_worker_start one --set batch.commands=100
}

# die POINT PASSES
die() {
    faults_load "$faults_load_rate"
    deadly_worker_start one "$1" "$2" --set batch.commands=100
    deadly_worker_dies one "$1" 40
}

redis_has_epoch() {
    [ "$(redis_ask EXISTS client-intake:epoch)" = 1 ]
}

# What a dead rebuilder has locked is waited for until Redis drops it; here that is soon. At two points there is no lock:
# after the end, and while definitions are read before the rebuild begins.
end_of_lock_is_near() {
    local left
    left=$(redis_ask PTTL client-intake:rebuild)
    [[ $1 = rebuild-after-end || $1 = rebuild-definitions ]] || check "the lock of a rebuilder killed at $1 ends by itself: in $left ms" [ "$left" -gt 0 ]
    redis_ask PEXPIRE client-intake:rebuild 500 >/dev/null
}

live_begin "$(faults_choose 3 6)"
criterion "kill -9 at each of $(crash_points | wc -l) named points" \
    "every command has one reply, in order, and Redis agrees with the record topic"
check "there are points" [ "$(crash_points | wc -l)" -ge 20 ]
for point in $(crash_points); do
    case $point in
        in-displacement | in-revocation | rebuild-*) continue ;;
    esac
    for ((time = 0; time < times; time++)); do
        passes=$((time == 0 ? 0 : RANDOM % 8))
        [ "$point" != owned ] || passes=0
        die "$point" "$passes"
    done
done
worker
faults_load_end
check "all is answered before Redis loses anything" oracle await 90

criterion "kill -9 in the midst of a rebuild" "the rebuild is done again, and Redis is complete"
for point in $(crash_points | grep '^rebuild-'); do
    worker_stop one
    redis_ask FLUSHALL >/dev/null
    die "$point" 0
    end_of_lock_is_near "$point"
    worker
    check "Redis gets its epoch back after $point" eventually redis_has_epoch
done

# A command that had to be refused in a run that was killed, and is accepted in the next since its definitions have come,
# while a later one, not committed either, has taken its email: the later one gives way, even if that is interrupted.
criterion "kill -9 while a claim of the own future is displaced" "the earlier command has the email, the later one not"
faults_load_end
check "all is answered before" oracle await 60
worker_stop one
for number in 1 2; do
    fields=
    [ "$number" -eq 2 ] || fields=',"customFields":{"pronouns":"she"}'
    echo "{\"commandId\":\"late-$number\",\"workspaceId\":\"late\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"late@example.com\"$fields}"
done | kcat -b "$kafka_address" -P -t "$live_name.commands" -p 0
live_sent=$((live_sent + 2))
unset faults_load_rate
deadly_worker_start one after-claim 0
deadly_worker_dies one after-claim 40
live_intake definitions put late tests/live/definitions.json >/dev/null || suite_fail "definitions put"
deadly_worker_start one in-displacement 0
deadly_worker_dies one in-displacement 40
worker
check "both are answered" oracle await 60
verdicts=$(kcat -b "$kafka_address" -C -X fetch.wait.max.ms=10 -t "$live_name.replies" -o beginning -e -q -X isolation.level=read_committed \
    | jq -r 'select(.workspaceId == "late") | .error.code // "created"' | sort | tr '\n' ' ')
check_equal "the earlier one is created" "created email_taken " "$verdicts"
live_end 90
