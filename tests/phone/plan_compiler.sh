#!/usr/bin/env bash
# The compiler of the numbering plan: the same plan gives the same bytes, and what it does not understand stops it, with
# the place, before anything is written.
# Environment: BUILD, where the outcome of the build is (build). Ends with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

compiler=${BUILD:-build}/common/gen/phone_plan_compile
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
plan=$folder/plan.txt table=$folder/table.h
passed=0 failed=0

verdict() { # NAME, whether it holds
    if [ "$2" = yes ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $1"
    fi
}

# NAME LINE MESSAGE: the plan on standard input is refused at that line, with words of that message, and leaves no file.
refused() {
    local said status
    cat >"$plan"
    rm -f "$table"
    said=$("$compiler" "$plan" "$table" 2>&1)
    status=$?
    if [ $status -eq 1 ] && [[ $said == "$plan:$2: "*"$3"* ]] && [ ! -e "$table" ] && [ ! -e "$table.part" ]; then
        verdict "$1" yes
    else
        verdict "$1 (status $status: $said)" no
    fi
}

small='version 1.2
code 7
territory RU
lengths 3
general
= [1-9]\d{2}'

"$compiler" common/data/numbering-plan.txt "$folder/one.h" && "$compiler" common/data/numbering-plan.txt "$folder/two.h"
cmp -s "$folder/one.h" "$folder/two.h" && verdict "same plan, same bytes" yes || verdict "same plan, same bytes" no
version=$(sed -n 's/^version //p' common/data/numbering-plan.txt)
grep -q "PHONE_PLAN_VERSION \"$version\"" "$folder/one.h" && verdict "version" yes || verdict "version" no
printf '%s\n' "$small" >"$plan"
"$compiler" "$plan" "$table" && [ ! -e "$table.part" ] && verdict "a small plan" yes || verdict "a small plan" no
"$compiler" "$folder/none.txt" "$table" 2>/dev/null && verdict "no plan" no || verdict "no plan" yes
"$compiler" "$plan" "$folder/none/table.h" 2>/dev/null && verdict "no folder" no || verdict "no folder" yes

refused "no version" 5 "no version" <<<"${small#*$'\n'}"
refused "two versions" 2 "one version" <<<$'version 1\nversion 2'
refused "an unknown element" 7 "not an element" <<<"$small"$'\nsatellite 3'
refused "an element before its territory" 3 "not an element" <<<$'version 1\ncode 7\nmobile 3'
refused "an element twice" 7 "twice" <<<"$small"$'\ngeneral'
refused "a range without lengths" 7 "lengths" <<<"$small"$'\nmobile'
refused "lengths that are no numbers" 4 "lengths" <<<"${small/lengths 3/lengths 3,4}"
refused "lengths out of range" 4 "lengths" <<<"${small/lengths 3/lengths 18}"
refused "a calling code that begins with 0" 2 "calling code" <<<"${small/code 7/code 07}"
refused "calling codes out of order" 7 "ascend" <<<"$small"$'\ncode 1'
refused "a calling code that begins another" 11 "beginning" <<<"$small"$'\ncode 71\nterritory KZ\nlengths 3\ngeneral\n= \\d{3}'
refused "a calling code without territory" 7 "no territory" <<<"$small"$'\ncode 8'
refused "a territory of another form" 3 "territory" <<<"${small/RU/Russia}"
refused "a pattern of no element" 4 "belongs to an element" <<<$'version 1\ncode 7\nterritory RU\n= 1'
refused "an endless count" 6 "neither" <<<"${small/\\d\{2\}/\\d+}"
refused "a count without end" 6 "count" <<<"${small/\{2\}/\{2}"
refused "a count that is too large" 6 "count" <<<"${small/\{2\}/\{99\}}"
refused "a class that does not end" 6 "class" <<<"${small/9]/9}"
refused "a class of letters" 6 "class" <<<"${small/1-9/a-z}"
refused "a group that does not end" 6 "group" <<<"$small"'(?:1'
refused "a capturing group" 6 "neither" <<<"$small"'(1)'
refused "a group that was not opened" 6 "never opened" <<<"$small"')'
refused "an anchor" 6 "neither" <<<"$small"'$'
refused "an alternative of nothing" 6 "nothing" <<<"$small"'|'
refused "an example that is not in use" 9 "not in use" <<<"$small"$'\nmobile 3\n= 9\\d{2}\nexample 812'
refused "an example of no range" 7 "belongs to a range" <<<"$small"$'\nexample 812'

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
