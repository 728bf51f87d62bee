#!/usr/bin/env bash
# What docs/gen makes of the program's tables: the manual client-intake.ini(5), and completion for bash and zsh, which are
# tried in these shells. That client-intake(1) has every option.
. "$(dirname "$0")/lib/suite.sh" || exit 1
suite_begin
bash_completion=$BUILD/docs/client-intake.bash
zsh_completion=$BUILD/docs/_client-intake
config_manual=$BUILD/docs/client-intake.ini.5
manual=docs/client-intake.1

make --silent BUILD="$BUILD" "$config_manual" "$bash_completion" "$zsh_completion" || suite_fail "the texts are made"

# ---- the manuals ----

keys() {
    awk '/^\[/ { section = substr($1, 2, length($1) - 2) } $2 == "=" { print section "." $1 }' config/client-intake.ini
}
check "the config has keys" [ "$(keys | wc -l)" -ge 50 ]
check_equal "client-intake.ini(5) has them, in the same order" "$(keys)" "$(
    sed 's/\\-/-/g' "$config_manual" | awk '/^\.Ss \[/ { section = substr($2, 2, length($2) - 2) } /^\.It Li / { print section "." $3 }'
)"
check_equal "each with its default" "$(keys | wc -l)" "$(grep -c '^Default: ' "$config_manual")"

# refused FROM TO: what the maker says of the shipped file with this line changed.
refused() {
    sed "s/^$1/$2/" config/client-intake.ini >"$suite_folder/changed.ini"
    "$BUILD/docs/gen/reference" manual "$suite_folder/changed.ini" 2>&1 >/dev/null | sed 's/^[^ ]*: //'
}
check_equal "the shipped file as it is makes a manual" "" "$(refused x x)"
check_equal "a range that is not that of the program does not" \
    'the comment of definitions.wait must have its range, "1 s to 24 h"' "$(refused '# Longest wait, 1 s' '# Longest wait, 2 s')"
check_equal "nor a key without a comment" "definitions.topic has no comment" "$(refused '# The history of custom field.*' '')"
check_equal "nor an unknown key" "the program has no key http.lisen" "$(refused 'listen' 'lisen')"
check_equal "nor a file that lacks one" "it has $(($(keys | wc -l) - 1)) keys, the program $(keys | wc -l)" "$(refused 'format = logfmt' '')"

for page in "$manual" "$config_manual"; do
    if command -v man >/dev/null; then
        check_equal "man formats $(basename "$page") without a warning" "" \
            "$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)"
    else
        suite_skip 1 "man is not here: $(basename "$page") is not formatted"
    fi
    if command -v mandoc >/dev/null; then
        check_equal "mandoc finds no fault in $(basename "$page")" "" "$(mandoc -Tlint -W warning "$page" 2>&1)"
    else
        suite_skip 1 "mandoc is not here: it does not judge $(basename "$page")"
    fi
done

# ---- what bash offers ----

# offers WORD ...: in one line, for the last word; the words as bash breaks them.
offers() {
    bash --norc -c '. "$1" || exit
        shift
        COMP_WORDS=(client-intake "$@")
        COMP_CWORD=$#
        _client_intake
        echo "${COMPREPLY[*]}"' bash "$bash_completion" "$@" 2>/dev/null
}
commands=$("$BUILD/client-intake" --help | awk '/^Commands:/ { inside = 1; next } /^$/ { inside = 0 } inside { print $1 }')
check_equal "the commands" "$(xargs <<<"$commands")" "$(offers '')"
check_equal "of which one begins so" "definitions demo" "$(offers de | tr ' ' '\n' | grep -v dead | xargs)"
check_equal "the actions of a command" "put get list lint history sync" "$(offers definitions '')"
check_equal "also behind an option" "list show retry" "$(offers --config x dead-letters '')"
check_equal "also behind a setting" "create" "$(offers --set log.level = debug topics '')"
check_equal "the options of a command" "--definitions" "$(offers validate --def)"
check_equal "the values of --output" "text json" "$(offers replay --output '')"
check_equal "also behind =" "json" "$(offers replay --output = j)"
check_equal "the keys for --set" "redis.tls= redis.tls_ca= redis.tls_certificate= redis.tls_key= redis.tls_name=" "$(offers run --set redis.tl)"
check_equal "every key" "$(keys | sort)" "$(offers run --set '' | tr ' ' '\n' | sed 's/=$//' | sort)"
check_equal "the values of a key" "error warning info debug" "$(offers run --set log.level =)"
check_equal "of which one begins so" "exactly-once" "$(offers run --set = delivery.mode = ex)"
check_equal "files for a file" "README.md" "$(offers validate --definitions READM)"
check_equal "folders for a folder" "config" "$(offers demo -d confi)"
check_equal "files behind the options" "README.md" "$(offers definitions lint READM)"
check_equal "nothing for a number" "" "$(offers send --rate '')"

# offered COMMAND: its options.
offered() {
    offers "$1" - | tr ' ' '\n'
}
common=$(offers - | tr ' ' '\n')
check_equal "the options of every command" "--config --set --help --version" "$(xargs <<<"$common")"
# taken TYPES: the options of these types that the program takes, from the tables that getopt gets, without old spellings.
taken() {
    grep -hv '/\* the spelling of ' worker/commands/*.c | grep -oE "\\{\"[a-z-]+\", *($1)_argument" \
        | sed -E 's/^\{"([a-z-]+)".*/--\1/' | sort -u
}
check_equal "the other options are those that the program takes" "$(taken 'no|required')" \
    "$(for command in $commands; do offered "$command"; done | sort -u | grep '^--' | grep -vxF -- "$common")"
# expects COMMAND OPTION: whether a value must come.
expects() {
    [ "$(offers "$1" "$2" --)" != "$(offers "$1" --)" ]
}
check_equal "a value is expected where getopt wants one" "$(taken required)" \
    "$(for command in $commands; do
        for option in $(offered "$command" | grep '^--' | grep -vxF -- "$common"); do
            ! expects "$command" "$option" || echo "$option"
        done
    done | sort -u)"
for command in $commands; do
    check_equal "client-intake(1) has the options of $command" "" "$(for option in $(offered "$command"); do
        grep -qE -- "\bFl -?${option#-}( |$)" <(sed 's/\\-/-/g' "$manual") || echo "$option"
    done)"
    # The words that are offered for a value are those of the help.
    for option in $(offered "$command"); do
        for word in $(offers "$command" "$option" '' | tr ' ' '\n' | grep -xE 'text|json|beginning|end|offset:|time:|recorded|current'); do
            check "the help of $command $option has $word" grep -qF -- "$word" <("$BUILD/client-intake" "$command" --help)
        done
    done
done

# ---- at a terminal ----

# typed SHELL KEYS: what the shell runs after these keys on a terminal; in $suite_folder/home are its start-up files.
typed() {
    local shell=$1 keys=$2
    rm -f "$suite_folder/ran" "$suite_folder/screen"
    {
        eventually grep -q READY "$suite_folder/screen"
        printf '%b\r' "$keys"
        eventually [ -e "$suite_folder/ran" ]
    } | timeout 100 env HOME="$suite_folder/home" ZDOTDIR="$suite_folder/home" TERM=dumb script -qfc "$shell" "$suite_folder/screen" >/dev/null 2>&1
    cat "$suite_folder/ran"
}
mkdir -p "$suite_folder/home/functions"
cp "$zsh_completion" "$suite_folder/home/functions/"
# The shell ends when it has run the command.
run="client-intake() { echo \"\$*\" >\"$suite_folder/ran.part\"; mv \"$suite_folder/ran.part\" \"$suite_folder/ran\"; exit; }"
printf '%s\n' ". '$PWD/$bash_completion'" "$run" "bind 'set enable-bracketed-paste off'" "PS1='REA''DY '" >"$suite_folder/home/bashrc"
printf '%s\n' "fpath=('$suite_folder/home/functions' \$fpath)" 'autoload -Uz compinit' 'compinit -u -D' "$run" \
    'unsetopt zle_bracketed_paste 2>/dev/null' "PS1='REA''DY '" >"$suite_folder/home/.zshrc"
keys='client-intake repl\t--outp\tj\t--set log.for\tlog\t'
check_equal "bash completes commands, options and words" "replay --output json --set log.format=logfmt" \
    "$(typed "bash --rcfile '$suite_folder/home/bashrc' -i" "$keys")"
if command -v zsh >/dev/null; then
    check "zsh can read its completion" zsh -n "$zsh_completion"
    check_equal "it completes the same" "replay --output=json --set log.format=logfmt" "$(typed "zsh -i" "$keys")"
else
    suite_skip 2 "zsh is not here: its completion is not tried"
fi
suite_end
