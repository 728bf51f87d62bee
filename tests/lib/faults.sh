# faults: what the suites of tests/faults share. Needs tests/lib/suite.sh.
#
# Each fault has a line that tells what must hold, which tests/run shows: criterion FAULT WHAT_MUST_HOLD. FAULTS=all asks
# for every fault at its full length, as `make test-faults` does; without it a suite makes its choice for `make test`.
# shellcheck shell=bash

faults_all() {
    [ "${FAULTS:-}" = all ]
}

# faults_choose SHORT ALL: prints the one that this run asks for.
faults_choose() {
    if faults_all; then echo "$2"; else echo "$1"; fi
}

criterion() {
    echo "criterion: $1: $2"
}
