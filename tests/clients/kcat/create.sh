#!/bin/sh
# Sends two commands with kcat and prints their replies.
kafka=${KAFKA:-localhost:9092}
replies=kcat.reply # replies.allowed must list it

# Where partition 0 ends now, of "kcat.reply [0] offset 12". A topic that was just created may take a moment.
until end=$(kcat -b "$kafka" -Q -t "$replies:0:-1" | grep -oE '[0-9]+$'); do
    echo "no topic $replies yet" >&2
    sleep 1
done

# send ID PERSON
send() {
    printf '%s' "{\"commandId\": \"$1\", \"workspaceId\": \"acme\", $2}" \
        | kcat -b "$kafka" -P -t clients.commands -k acme \
        -H "reply-topic=$replies" -H reply-partition=0 -H "correlation-id=$1"
}
send kcat-1 '"givenName": "Ada", "familyName": "Lovelace", "email": "ada.kcat@example.com"'
send kcat-2 '"givenName": "Ada", "email": "ada at example.com"'

# The headers tell which command was answered, and how.
timeout 60 kcat -b "$kafka" -C -t "$replies" -p 0 -o "$end" -c 2 -q -f '%h\t%s\n' | while IFS='	' read -r headers reply; do
    echo "$headers" | tr ',' '\n' | grep -E '^(ce_type|correlation-id)='
    echo "$reply" | jq -r 'if .client then .client.id else .error.errors[] | "\(.path) \(.code)" end'
done
