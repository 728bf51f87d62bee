#!/usr/bin/python3
"""Checks the JSON Schemas of docs/schemas, and documents against them.

  schemas.py sound               every schema is one of 2020-12, and refuses the wrong documents listed below
  schemas.py cases FILE          the lines that tests/unit/test_cases writes to CASES_FILE
  schemas.py replies FILE        replies, one a line
  schemas.py letters FILE        the headers of dead letters, an object a line
  schemas.py definitions FILE... each file is accepted
  schemas.py variants            prints commands and CloudEvents with one member changed, one a line
  schemas.py accepted COMMANDS REPLIES
                                 the commands, one a line, whose replies say that they are accepted
  schemas.py asyncapi SCHEMA     docs/asyncapi.yaml, with the files that it names, against AsyncAPI's own schema
Prints what is wrong, and last how many documents were validated. Exit status 0 if nothing is wrong, else 1.

The schemas say nothing of members that they do not name, so that a later version may add some. Here such a member of a reply
is a fault.
"""
import copy
import json
import os
import sys

import jsonschema

FOLDER = "docs/schemas/"
NAMES = ["command", "created", "rejected", "definitions", "dead-letter-headers"]
# Replies of the same members, types and codes that are validated; validating all would take minutes.
PER_SHAPE = int(os.environ.get("PER_SHAPE", "25"))


def load(name):
    with open(f"{FOLDER}{name}.json", encoding="utf-8") as file:
        return json.load(file)


def close(schema):
    """The schema, with no other members than those that it names."""
    if isinstance(schema, list):
        return [close(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = ("if", "then", "else", "not", "allOf")
    closed = {key: value if key in kept else close(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


def validator(name, closed=False):
    return jsonschema.Draft202012Validator(close(load(name)) if closed else load(name))


class Tally:
    def __init__(self):
        self.faults, self.count = [], 0

    def expect(self, accepts, wanted, what, document):
        self.count += 1
        error = jsonschema.exceptions.best_match(accepts.iter_errors(document))
        if wanted and error:
            self.faults.append(f"{what}: /{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
        elif not wanted and not error:
            self.faults.append(f"{what}: it is accepted: {json.dumps(document)[:300]}")

    def end(self):
        for fault in self.faults[:20]:
            print(fault)
        print(f"{self.count} validated, {len(self.faults)} wrong")
        return 1 if self.faults or self.count == 0 else 0


# ---- Wrong documents: each is a right one with one change ----

SOURCE = {"topic": "clients.commands", "partition": 0, "offset": 17}
CLIENT = {"id": "2f1e6a34-0d3c-5b7a-9c1d-0123456789ab", "object": "client", "createdAt": "2026-11-23T06:38:00.123Z",
          "updatedAt": "2026-11-23T06:38:00.123Z", "givenName": "Ada", "familyName": "Lovelace",
          "email": "ada@example.com", "companyId": "c", "companyIds": ["c"], "status": "invited",
          "creationMethod": "internalUser",
          "customFields": {"t": "x", "n": 7.5, "m": ["o"], "a": {"country": "DE", "fullAddress": "Weg 1"}}}
VERSION = "3ecb983bc7df654ed0500c228f33ab24"
RIGHT = {
    "command": {"commandId": "c-1", "workspaceId": "acme", "type": "create-client", "sendInvite": True,
                "givenName": "Ada", "familyName": "Lovelace", "email": "ada@example.com", "companyId": "c",
                "companyIds": ["c"], "customFields": {"services": []}},
    "created": {"type": "client.created", "commandId": "c-1", "workspaceId": "acme", "source": SOURCE,
                "definitions": VERSION, "client": CLIENT},
    "rejected": {"type": "client.rejected", "commandId": "c-1", "workspaceId": "acme", "source": SOURCE,
                 "definitions": VERSION,
                 "error": {"code": "validation_failed", "message": "1 value is not valid", "retryable": False,
                           "errors": [{"path": "/email", "code": "required", "message": "must not be missing"}]}},
    "event": {"specversion": "1.0", "id": "e-1", "type": "create-client", "workspaceid": "acme", "source": "/crm",
              "data": {"givenName": "Ada", "familyName": "Lovelace", "email": "ada@example.com"}},
    "definitions": {"data": [
        {"id": "3b", "key": "services", "type": "multiSelect", "order": 0, "options": [{"key": "fileSharing"}],
         "rules": {"minSelected": 1}},
        {"key": "t", "type": "text", "rules": {"required": True, "maxLength": 9}},
        {"key": "n", "type": "number", "rules": {"minimum": 0.5, "integer": None}},
        {"key": "p", "type": "phoneNumber", "rules": {"countries": ["US"], "phone": "plan"}},
        {"key": "c", "type": "colour", "entityType": "company"}]},
    "dead-letter-headers": {"dlq-topic": "clients.commands", "dlq-partition": "0", "dlq-offset": "17",
                            "dlq-timestamp": "1764139080000", "dlq-code": "malformed_json", "dlq-message": "not JSON",
                            "correlation-id": "c"},
}
GONE = object()
# schema, path of the member, its value or GONE
WRONG = [
    ("command", "givenName", GONE), ("command", "familyName", ""), ("command", "email", None), ("command", "email", "a.b.c"),
    ("command", "givenname", "A"), ("command", "workspaceId", "a b"), ("command", "workspaceId", "a" * 65),
    ("command", "commandId", "c" * 129), ("command", "commandId", ""), ("command", "commandId", 7),
    ("command", "type", "delete-client"), ("command", "sendInvite", "yes"), ("command", "companyId", 7),
    ("command", "companyIds", "c"), ("command", "companyIds", [1]), ("command", "customFields", "{}"),
    ("command", "specversion", "1.0"),  # a CloudEvent without data
    ("event", "data", GONE), ("event", "data", "{}"), ("event", "specversion", 1), ("event", "id", ""), ("event", "id", 7),
    ("event", "type", "person"), ("event", "workspaceid", "a b"), ("event", "data/commandId", 7), ("event", "data/nickname", "x"),
    ("event", "data/email", GONE),
    ("created", "type", "client.rejected"), ("created", "commandId", GONE), ("created", "commandId", ""),
    ("created", "workspaceId", GONE), ("created", "workspaceId", "a/b"), ("created", "source", GONE),
    ("created", "source/offset", "17"), ("created", "source/partition", -1), ("created", "source/topic", GONE),
    ("created", "definitions", "9F2C"), ("created", "client", GONE), ("created", "error", {}),
    ("created", "client/id", "2f1e6a34-0d3c-4b7a-9c1d-0123456789ab"), ("created", "client/object", "customer"),
    ("created", "client/createdAt", "2026-11-23T06:38:00Z"), ("created", "client/updatedAt", GONE),
    ("created", "client/email", "ada"), ("created", "client/givenName", ""), ("created", "client/familyName", "x" * 256),
    ("created", "client/companyId", GONE), ("created", "client/companyIds", GONE), ("created", "client/companyIds", []),
    ("created", "client/status", "Invited"), ("created", "client/creationMethod", "api"),
    ("created", "client/customFields", None), ("created", "client/customFields/t", None),
    ("created", "client/customFields/m", ["o", "o"]), ("created", "client/customFields/a", {"country": "DE"}),
    ("created", "client/customFields/a/country", "de"), ("created", "client/nickName", "x"), ("created", "more", 1),
    ("rejected", "type", "client.created"), ("rejected", "source", GONE), ("rejected", "commandId", None),
    ("rejected", "error", GONE), ("rejected", "error/code", "validation-failed"), ("rejected", "error/code", "email_syntax"),
    ("rejected", "error/message", ""), ("rejected", "error/retryable", True), ("rejected", "error/retryable", GONE),
    ("rejected", "error/errors", []), ("rejected", "error/errors/0/path", "email"),
    ("rejected", "error/errors/0/path", "/a~2"), ("rejected", "error/errors/0/code", "validation_failed"),
    ("rejected", "error/errors/0/message", GONE), ("rejected", "error/existingClientId", CLIENT["id"]),
    ("rejected", "error/code", "malformed_json"),  # with a list of errors
    ("rejected", "error", {"code": "email_taken", "message": "taken", "retryable": False}),
    ("rejected", "error", {"code": "definitions_missing", "message": "none", "retryable": False}),
    ("rejected", "error/errors", [{"path": "", "code": "required", "message": "x"}] * 101), ("rejected", "client", CLIENT),
    ("definitions", "data", GONE), ("definitions", "data", {}), ("definitions", "data/1/key", GONE),
    ("definitions", "data/1/key", ""), ("definitions", "data/1/key", "k" * 256), ("definitions", "data/1/key", "a\u0007"),
    ("definitions", "data/1/type", "colour"), ("definitions", "data/1/type", GONE), ("definitions", "data/1/order", "1"),
    ("definitions", "data/1/options", [{"key": "o"}]), ("definitions", "data/0/options", GONE),
    ("definitions", "data/0/options", [{}]), ("definitions", "data/1/rules", []),
    ("definitions", "data/1/rules/requried", True), ("definitions", "data/1/rules/minimum", 1),
    ("definitions", "data/2/rules/maxLength", 1), ("definitions", "data/1/rules/maxLength", 0),
    ("definitions", "data/1/rules/maxLength", 1.5), ("definitions", "data/3/rules/phone", "strict"),
    ("definitions", "data/3/rules/countries", []), ("definitions", "data/3/rules/countries", ["us"]),
    ("definitions", "data/4/entityType", "client"),
    ("dead-letter-headers", "dlq-topic", GONE), ("dead-letter-headers", "dlq-topic", "a/b"),
    ("dead-letter-headers", "dlq-partition", 0), ("dead-letter-headers", "dlq-offset", "-1"),
    ("dead-letter-headers", "dlq-timestamp", "now"), ("dead-letter-headers", "dlq-code", "validation_failed"),
    ("dead-letter-headers", "dlq-message", ""), ("dead-letter-headers", "dlq-lost", "key"),
]


def changed(document, path, value):
    document = copy.deepcopy(document)
    inside, *names = document, *path.split("/")
    for name in names[:-1]:
        inside = inside[int(name) if isinstance(inside, list) else name]
    if value is GONE:
        del inside[names[-1]]
    else:
        inside[names[-1]] = value
    return document


def sound():
    tally = Tally()
    for name in NAMES:
        jsonschema.Draft202012Validator.check_schema(load(name))
        # AsyncAPI's tools read them as draft 07.
        jsonschema.Draft7Validator.check_schema({**load(name), "$schema": "http://json-schema.org/draft-07/schema#"})
        for example in [RIGHT[name]] + load(name).get("examples", []):
            tally.expect(validator(name, closed=name in ("created", "rejected")), True, name, example)
    tally.expect(validator("command"), True, "event", RIGHT["event"])
    for name, path, value in WRONG:
        schema = "command" if name == "event" else name
        tally.expect(validator(schema, closed=schema in ("created", "rejected")), False, f"{name}, {path}",
                     changed(RIGHT[name], path, value))
    # Without the event's own attribute that of the data counts.
    for attribute, member, value in (("id", "commandId", ""), ("type", "type", "person"), ("workspaceid", "workspaceId", "a b")):
        event = changed(RIGHT["event"], f"data/{member}", value)
        tally.expect(validator("command"), True, f"event, data/{member} behind its {attribute}", event)
        for absent in (GONE, None):
            tally.expect(validator("command"), False, f"event, data/{member}", changed(event, attribute, absent))
    return tally.end()


# ---- Commands with one member changed ----

VARIED = {"command": ["commandId", "workspaceId", "type", "sendInvite", "givenName", "familyName", "email", "companyId",
                      "companyIds", "customFields", "specversion", "id", "data", "nickname"],
          "event": ["specversion", "id", "type", "workspaceid", "source", "time", "data", "nickname"]
          + [f"data/{name}" for name in ("commandId", "workspaceId", "type", "sendInvite", "specversion", "companyId")]}
VALUES = [None, "", " ", "x", "c" * 128, "c" * 129, "é" * 128, "a b", "create-client", "1.0", "a@b.example", True, False, 0, 1.5,
          [], {}, ["a"], [None], [1]]


def variants():
    for name, members in VARIED.items():
        for member in members:
            for value in VALUES:
                print(json.dumps(changed(RIGHT[name], member, value)))
    return 0


def accepted(commands_path, replies_path):
    tally = Tally()
    with open(commands_path, encoding="utf-8") as commands, open(replies_path, encoding="utf-8") as replied:
        for command, reply in zip(commands, replied, strict=True):
            if parse(reply)["type"] == "client.created":
                tally.expect(validator("command"), True, command[:200], parse(command))
    if tally.count < 50:
        tally.faults.append(f"only {tally.count} commands were accepted")
    return tally.end()


# ---- What the program writes and takes ----

def refuse_constant(text):
    raise ValueError(f"{text} is not JSON")


def parse(text):
    return json.loads(text, parse_constant=refuse_constant)


def shape(value, name=""):
    if isinstance(value, dict):
        return tuple((key, shape(inside, key)) for key, inside in value.items())
    if isinstance(value, list):
        return tuple(sorted({shape(item) for item in value}, key=repr))
    return value if name in ("type", "code") else type(value).__name__


class Replies:
    def __init__(self, tally):
        self.tally, self.seen = tally, {}
        self.kinds = {f"client.{name}": validator(name, closed=True) for name in ("created", "rejected")}

    def take(self, what, text):
        reply = parse(text)
        kind = self.kinds.get(reply.get("type"))
        if not kind:
            self.tally.faults.append(f"{what}: {text[:200]}")
            return
        form = shape(reply)
        self.seen[form] = self.seen.get(form, 0) + 1
        if self.seen[form] <= PER_SHAPE:
            self.tally.expect(kind, True, what, reply)


def replies(path):
    tally = Tally()
    taker = Replies(tally)
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            taker.take(f"{path}, line {number}", line)
    return tally.end()


def cases(path):
    tally = Tally()
    taker, command, definitions = Replies(tally), validator("command"), validator("definitions")
    accepted = 0
    with open(path, encoding="utf-8") as file:
        for line in file:
            case = json.loads(line)
            taker.take(case["case"] + ", reply", case["reply"])
            if case["accepted"] and not case["byMore"]:
                accepted += 1
                tally.expect(command, True, case["case"] + ", command", parse(case["command"]))
            if case["definitions"] and not case["broken"]:
                tally.expect(definitions, True, case["case"] + ", definitions", parse(case["definitions"]))
    if accepted < 30:
        tally.faults.append(f"only {accepted} commands were accepted")
    return tally.end()


def lines(name, path):
    tally = Tally()
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            tally.expect(validator(name), True, f"{path}, line {number}", parse(line))
    return tally.end()


def files(name, paths):
    tally = Tally()
    for path in paths:
        with open(path, encoding="utf-8") as file:
            tally.expect(validator(name), True, path, parse(file.read()))
    return tally.end()


# ---- AsyncAPI ----

def bundle(value, base, root):
    """The value with what its references to files name in their place. Every other reference must lead somewhere."""
    import os
    if isinstance(value, list):
        return [bundle(item, base, root) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if not isinstance(reference, str):
        return {key: bundle(inside, base, root) for key, inside in value.items()}
    path, _, pointer = reference.partition("#")
    if path:
        with open(os.path.join(base, path), encoding="utf-8") as file:
            target = json.load(file)
    else:
        target = root
    inside = target
    for name in pointer.split("/")[1:]:
        inside = inside[name]  # KeyError: the reference leads nowhere
    return inside if path else value


def asyncapi(path):
    import yaml
    with open("docs/asyncapi.yaml", encoding="utf-8") as file:
        document = yaml.safe_load(file)
    with open(path, encoding="utf-8") as file:
        accepts = jsonschema.Draft7Validator(json.load(file))
    tally = Tally()
    whole = bundle(document, "docs", document)
    tally.expect(accepts, True, "docs/asyncapi.yaml", whole)
    named = json.dumps(document)
    for name in NAMES:
        if f"schemas/{name}.json" not in named:
            tally.faults.append(f"docs/asyncapi.yaml does not name schemas/{name}.json")
    # The check itself is tested.
    for change in ("asyncapi", "info"):
        tally.expect(accepts, False, f"without {change}", changed(whole, change, GONE))
    tally.expect(accepts, False, "a wrong action", changed(whole, "operations/createClient/action", "take"))
    tally.expect(accepts, False, "a wrong payload", changed(whole, "components/messages/createClient/payload", 7))
    return tally.end()


MODES = {"sound": lambda: sound(), "variants": lambda: variants(), "accepted": accepted, "cases": cases, "replies": replies, "asyncapi": asyncapi,
         "letters": lambda path: lines("dead-letter-headers", path),
         "definitions": lambda *paths: files("definitions", paths)}
sys.exit(MODES[sys.argv[1]](*sys.argv[2:]))
