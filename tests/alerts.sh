#!/usr/bin/env bash
# config/prometheus/alerts.yml: promtool finds no fault in it, its alerts fire when they should and not otherwise
# (tests/alerts_test.yml), and each tells what to do and where docs/operations.md has more. It uses only metrics that there
# are.
. "$(dirname "$0")/lib/suite.sh" || exit 1
. tests/lib/prometheus.sh

suite_begin
rules=config/prometheus/alerts.yml
mapfile -t alerts < <(sed -nE 's/^ *- alert: (\w+)$/\1/p' "$rules")
check "there are alerts" [ "${#alerts[@]}" -ge 7 ]

# annotation ALERT NAME
annotation() {
    awk -v alert="$1" -v name="$2:" '$1 == "-" { inside = $2 == "alert:" && $3 == alert } inside && $1 == name { $1 = ""; print }' "$rules"
}
for alert in "${alerts[@]}"; do
    for name in summary action; do
        check "$alert has a text for its $name" [ "$(annotation "$alert" "$name" | wc -w)" -ge 5 ]
    done
    check_equal "$alert names its place in operations.md" "docs/operations.md#${alert,,}" "$(annotation "$alert" runbook | xargs)"
    check "operations.md has $alert" grep -qx "### $alert" docs/operations.md
    check "a test has $alert fire" grep -qE "^ +- alertname: $alert # fires$" tests/alerts_test.yml
    check "a test has $alert not fire" grep -qE "^ +- alertname: $alert # does not$" tests/alerts_test.yml
done
check_equal "operations.md has no other alerts" "$(printf '%s\n' "${alerts[@]}" | sort)" \
    "$(sed -nE 's/^### (ClientIntake\w+)$/\1/p' docs/operations.md | sort)"
check_equal "they use metrics that operations.md has" "" \
    "$(grep -v '^ *#' "$rules" | grep -ohE 'client_intake_[a-z_]+' | sed 's/^client_intake_//' | sort -u | while read -r metric; do
        grep -q "^| \`$metric\` |" docs/operations.md || echo "$metric"
    done)"

if ! prometheus_find; then
    suite_skip 2 "$prometheus_missing"
    suite_end
fi
check "promtool finds no fault in the rules" "$promtool" check rules --lint=all --lint-fatal "$rules"
check "the alerts fire when they should" "$promtool" test rules tests/alerts_test.yml
suite_end
