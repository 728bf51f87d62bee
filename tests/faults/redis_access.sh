#!/usr/bin/env bash
# Redis with users: the rights that docs/operations.md states are enough, and no more than that; a missing right, a missing key or a
# wrong password is logged, and the daemon waits until it may go on.
. "$(dirname "$0")/../lib/faults.sh" || exit 1

live_begin 4 --appendonly yes
password='redis-Secret+5/$v' wrong_password='wrong-Secret+6/$u'
plain_config=$suite_folder/plain.ini
cp "$live_config" "$plain_config"
sed -i "s|^address = unix:.*|&\nusername = client-intake\npassword = \${file:$suite_folder/password}|" "$live_config"
printf '%s\n' "$password" >"$suite_folder/password"

# The line of docs/operations.md, word by word.
read -ra rights < <(sed -n 's/^ACL SETUSER client-intake //p' docs/operations.md)
rights=("${rights[@]//PASSWORD/$password}")
user() {
    redis_ask ACL SETUSER client-intake "$@" >>"$suite_folder/said"
}
logged() {
    [ "$(live_log_count one "$1")" -ge "${2:-1}" ]
}
said() {
    grep -qF -- "$1" "$suite_folder/said"
}

# ---- exactly the documented rights ----

check_equal "the documented line is one for Redis" OK "$(redis_ask ACL SETUSER client-intake "${rights[@]}")"
check "it gives no more than commands, keys and a channel of its own" \
    eval '! grep -qE "(^| )(allkeys|~\*|allchannels|&\*|\+@|nopass|allcommands)( |$)" <<<"${rights[*]}"'
# A word of capitals that begins a literal is a command, but for these: AUTH needs no right, CLIENT is given by its parts, MISCONF and WRONGTYPE
# are answers. With redis.kind = single the daemon uses no scripts; the files left out are for a cluster.
missing=$(printf '%s\n' worker/index/*.c worker/redis/redis_[cepr]*.c worker/definitions/definitions_{redis,watch}.c worker/commands/command_definitions_list.c \
    | grep -vE '/(decision.*|index_scripts|fence|term|shards.*|slot_.*|redis_cluster.*|redis_redirect)\.c$' | xargs grep -ohE '"[A-Z]{3,}[ "]' \
    | tr -d '" ' | sort -u | grep -vxE 'AUTH|CLIENT|MISCONF|WRONGTYPE' | tr A-Z a-z | while read -r command; do
        [[ " ${rights[*]} " == *" +$command "* ]] || echo "$command"
    done)
check_equal "it has every command that the sources have" "" "$missing"
redis_ask ACL LOG RESET >/dev/null
live_intake check >"$suite_folder/said" 2>&1
check_equal "check is fine" 0 $?
check "check sees Redis' version" said ', version '
check "definitions are put" live_intake definitions put ws-0 tests/live/definitions.json
check "definitions are got" cmp -s tests/live/definitions.json <(live_intake definitions get ws-0)
check "definitions are listed" eval '[ "$(live_intake definitions list | grep -c "^ws-")" -eq '"$LIVE_WORKSPACES"' ]'
redis_ask DEL 'custom-fields:{ws-1}' >/dev/null
check "definitions are synchronized" live_intake definitions sync
redis_ask DEL 'custom-fields:{ws-2}' >/dev/null
http=127.0.0.1:$(free_port)
ready_says() {
    [ "$(curl -s -o /dev/null -w '%{http_code}' "http://$http/readyz")" = "$1" ]
}
worker_start one --set batch.commands=500
produce 0 3000
check "commands are answered" oracle await 60
check_equal "definitions are watched" 0 "$(live_log_count one 'changes of definitions are not announced')"
worker_kill one
worker_start one --set batch.commands=500 --set "http.listen=$http"
produce 3000 1000
check "commands are answered after a crash" oracle await 60
check_equal "Redis refused nothing" "" "$(redis_ask ACL LOG)"

# ---- a right too few ----

next=4000
# lacking WHAT TEXT RIGHT ...: without those rights nothing is answered, and TEXT is logged once; then with the documented ones again.
lacking() {
    local times lost
    times=$(live_log_count one 'Redis is away')
    user "${@:3}"
    produce "$next" 300
    next=$((next + 300))
    check "$1: it is told" until_true 20 logged "event=\"Redis is away; commands wait\" error=.*$2"
    sleep 2
    check_equal "$1: once" $((times + 1)) "$(live_log_count one 'Redis is away')"
    check "$1: /readyz answers 503" until_true 5 ready_says 503
    check "$1: the daemon waits" process_runs "${worker_pids[one]}"
    lost=$(oracle count | sed -E 's/ .*, ([0-9]+) replies.*/ \1/; s/ replies.*//')
    check "$1: nothing is answered meanwhile" eval '[ "${lost% *}" -ne "${lost#* }" ]'
    user reset "${rights[@]}"
    check "$1: it goes on" oracle await 20
    check "$1: /readyz answers 200" until_true 5 ready_says 200
}
criterion "a right too few at Redis" "nothing is lost or rejected, it is told once with its reason, 20 s after the grant all is answered"
lacking "no msetnx" "NOPERM.*msetnx" -msetnx
lacking "not the keys of emails" "NOPERM" resetkeys '~client:*' '~custom-fields:*' '~client-intake:*'
if faults_all; then
    lacking "not the keys of clients" "NOPERM" resetkeys '~client-email:*' '~custom-fields:*' '~client-intake:*'
    lacking "no getrange" "NOPERM.*getrange" -getrange
fi

# Those that matter only for comfort.
worker_stop one
user '-client|tracking'
worker_start one
produce "$next" 300
check "without client tracking it says so" until_true 20 logged 'changes of definitions are not announced.*NOPERM'
check "and answers all the same" oracle await 30
worker_stop one
user reset "${rights[@]}" -exists
worker_start one
check "without exists it does not know what Redis lacks, and says so" until_true 20 logged \
    'definitions cannot be read from their topic; commands wait.*NOPERM.*exists'
user reset "${rights[@]}"
check "and goes on when it may" until_true 20 logged 'definitions can be read from their topic'

# ---- passwords ----

live_intake check --set "redis.password=$wrong_password" >"$suite_folder/said" 2>&1
check_equal "check with a wrong password ends with 69" 69 $?
check "and says so" said 'AUTH: WRONGPASS'
worker_stop one
user resetpass ">$wrong_password"
worker_start one
produce $((next + 300)) 300
check "a daemon with a wrong password says so" until_true 20 logged 'Redis is away.*AUTH: WRONGPASS'
sleep 2
check "and waits" process_runs "${worker_pids[one]}"
user resetpass ">$password"
check "it goes on when the password is that of Redis" oracle await 30
worker_stop one

# Only a password, as requirepass has it: what comes without a user is the user `default`.
redis_ask CONFIG SET requirepass "$password" >/dev/null
redis_ask() {
    REDISCLI_AUTH=$password redis-cli -s "$redis_socket" "$@"
}
"$BUILD/client-intake" check --config "$plain_config" >"$suite_folder/said" 2>&1
check_equal "check without a password ends with 69" 69 $?
check "and says that one is wanted" said 'NOAUTH'
"$BUILD/client-intake" check --config "$plain_config" --set "redis.password=\${file:$suite_folder/password}" >"$suite_folder/said" 2>&1
check_equal "check with only a password is fine" 0 $?
worker_start one --set redis.username=
produce $((next + 600)) 300
check "a daemon with only a password answers" until_true 30 eval '[ "$(redis_ask DBSIZE)" -gt 0 ] && logged "partitions assigned" 2'
until_true 5 false
redis_ask CONFIG SET requirepass '' >/dev/null
check "all is answered" oracle await 30
cat "$suite_folder"/*.log "$suite_folder/said" "$suite_folder/put" >"$suite_folder/printed"
check_equal "no password was printed" "" "$(grep -F -e "$password" -e "$wrong_password" "$suite_folder/printed")"
live_end 30
