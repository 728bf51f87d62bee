# document: what the suites share that run the commands of a page, in a shell and in their order, and compare what they
# print with what the page shows in its blocks "```console". A suite may define document_after COMMAND: it is called
# after each command, in the shell of the commands.
# shellcheck shell=bash

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
