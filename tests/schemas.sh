#!/usr/bin/env bash
# The JSON Schemas of docs/schemas agree with the program, and docs/asyncapi.yaml with AsyncAPI's own schema. The live suites
# compare the replies that they got: tests/lib/live.sh.
. "$(dirname "$0")/lib/suite.sh" || exit 1

asyncapi_specs=6.11.1 # the version of the npm package @asyncapi/specs, in which AsyncAPI's schemas are
python=/usr/bin/python3

suite_begin
if ! why=$("$python" -c 'import jsonschema, yaml; jsonschema.Draft202012Validator' 2>&1); then
    REQUIRE_KAFKA= suite_skip 13 "no python3-jsonschema and python3-yaml: $(tail -n 1 <<<"$why")"
    suite_end
fi

# schemas WHAT MODE [FILE ...]
schemas() {
    local said
    if said=$("$python" tests/lib/schemas.py "${@:2}" 2>&1); then
        suite_pass "$1 ($(tail -n 1 <<<"$said"))"
    else
        suite_fail "$1" "$said"
    fi
}

schemas "the schemas are sound, and refuse what is wrong" sound

# ---- what the program decides ----

CASES_FILE=$suite_folder/cases "$BUILD/tests/unit/test_cases" >/dev/null || suite_fail "the cases pass"
check_equal "every case is there" "$(find tests/cases -name '*.case' | wc -l)" "$(wc -l <"$suite_folder/cases")"
schemas "commands that are accepted, replies and definitions of the cases" cases "$suite_folder/cases"
jq -r '.command // empty | select(test("[\n\r]") | not) | select(length > 0)' "$suite_folder/cases" >"$suite_folder/commands"
check "there are commands of one line" [ "$(wc -l <"$suite_folder/commands")" -ge 60 ]
"$BUILD/client-intake" validate --definitions tests/cases/definitions.json "$suite_folder/commands" >"$suite_folder/replies"
schemas "what validate replies to them" replies "$suite_folder/replies"
jq -c 'select(.type == "client.created") | .client.email = "?"' "$suite_folder/replies" >"$suite_folder/tampered"
check "a wrong reply among them is found" eval '! "$python" tests/lib/schemas.py replies "$suite_folder/tampered" >/dev/null'
"$python" tests/lib/schemas.py variants >"$suite_folder/variants"
"$BUILD/client-intake" validate --definitions tests/cases/definitions.json "$suite_folder/variants" >"$suite_folder/replies"
schemas "the schema of a command accepts what the program accepts" accepted "$suite_folder/variants" "$suite_folder/replies"

# ---- definitions ----

definitions=(tests/cases/definitions.json tests/live/definitions.json config/demo/*.json tests/documents/*.json)
schemas "the definitions of the demo, the documents and the tests" definitions "${definitions[@]}"
# The schema knows less than lint, so it accepts whatever lint accepts.
accepted=()
for file in tests/fuzz/corpus/definitions/*; do
    ! "$BUILD/client-intake" definitions lint "$file" >/dev/null 2>&1 || accepted+=("$file")
done
check "lint accepts some of the fuzzers' corpus" [ ${#accepted[@]} -ge 5 ]
schemas "and what lint accepts" definitions "${accepted[@]}"

# ---- make install ----

install_all() {
    make --silent install BUILD="$BUILD" DESTDIR="$suite_folder/root" PREFIX=/usr >"$suite_folder/install" 2>&1
}
check "make install puts them into share" install_all
check_equal "all of them" "$(ls docs/schemas)" "$(ls "$suite_folder/root/usr/share/client-intake/schemas")"
check_equal "and where the installed AsyncAPI document names them" "$(ls docs/schemas)" \
    "$(cd "$suite_folder/root/usr/share/doc/client-intake/docs" && ls asyncapi.yaml schemas | sed -n '/json$/p')"

# ---- AsyncAPI ----

# Brings AsyncAPI's schema to the folder once. Prints its path; 1 with the reason.
asyncapi_schema() {
    local folder=$BUILD/asyncapi/$asyncapi_specs
    if [ ! -e "$folder/3.0.0.json" ]; then
        command -v npm >/dev/null || { echo "no npm"; return 1; }
        mkdir -p "$folder"
        npm pack --silent --fetch-retries=1 --fetch-timeout=30000 --pack-destination "$folder" \
            "@asyncapi/specs@$asyncapi_specs" >"$folder/npm.log" 2>&1 </dev/null \
            && tar -xzf "$folder"/*.tgz -C "$suite_folder" package/schemas/3.0.0.json \
            && mv "$suite_folder/package/schemas/3.0.0.json" "$folder/3.0.0.json" \
            || { echo "npm cannot bring @asyncapi/specs: $(tail -n 1 "$folder/npm.log")"; return 1; }
    fi
    echo "$folder/3.0.0.json"
}
if path=$(asyncapi_schema); then
    schemas "docs/asyncapi.yaml is AsyncAPI, and its references lead somewhere" asyncapi "$path"
else
    REQUIRE_KAFKA= suite_skip 1 "docs/asyncapi.yaml is not compared with AsyncAPI's schema: $path"
fi
suite_end
