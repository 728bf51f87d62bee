#!/usr/bin/python3
"""Compares lines of JSON with the names that docs/operations.md has for the command.

  output_names.py lines SEEN COMMAND <LINES   each line must have exactly the names of one row of the command; what was
                                              seen is noted in the file SEEN
  output_names.py seen SEEN                   every row, and every name that may be missing, must have been seen
Prints what is wrong; exit status 0 if nothing is.
"""
import json
import re
import sys

ROW = re.compile(r"^\| `([a-z -]+)` \| (.*) \| `([^`]*)` \|$")
# What needs an open transaction, a deleted log, a broker that goes away, or bytes that no terminal takes.
RARE = {"replay: deleted", "replay: open", "replay --apply: deleted", "replay --apply: open", "replay: holes/partition",
        "replay: holes/from", "replay: holes/to", "replay: holes/reason", "send: error/existingClientId"}


def parse(text):
    """The members of a row: a dict from name to (may it be missing, members inside, or None for a value, or {})."""
    tokens = re.findall(r"[A-Za-z0-9]+\??|[{}\[\],]", text)

    def members(end):
        found = {}
        while tokens and tokens[0] != end:
            name, inside = tokens.pop(0), None
            if tokens and tokens[0] in "{[":
                closing = "}" if tokens.pop(0) == "{" else "]"
                inside = members(closing)
                tokens.pop(0)
            found[name.rstrip("?")] = (name.endswith("?"), inside)
            if tokens and tokens[0] == ",":
                tokens.pop(0)
        return found

    return members(None)


def rows():
    table = []
    inside = False
    for line in open("docs/operations.md", encoding="utf-8"):
        inside = line.startswith("## Output for programs") or (inside and not line.startswith("## "))
        row = ROW.match(line.rstrip("\n"))
        if inside and row:
            table.append((row.group(1), row.group(2), parse(row.group(3))))
    if len(table) < 20:
        sys.exit("docs/operations.md has no table of names")
    return table


def fault(value, wanted, path, seen):
    """Why the names of a value are not the wanted ones, or None."""
    if value is None or wanted is None or wanted == {}:
        return None
    if isinstance(value, list):
        return next(filter(None, (fault(item, wanted, path, seen) for item in value)), None)
    if not isinstance(value, dict):
        return f"{path or 'the line'} is no object"
    for name in value:
        if name not in wanted:
            return f"{path}{name} is not documented"
    for name, (optional, inside) in wanted.items():
        if name in value:
            seen.add(path + name)
            why = fault(value[name], inside, path + name + "/", seen)
            if why:
                return why
        elif not optional:
            return f"{path}{name} is missing"
    return None


def compare(notes, command):
    wanted = [row for row in rows() if row[0] == command]
    found = set()
    count = 0
    for line in sys.stdin:
        count += 1
        reasons = []
        for _, kind, members in wanted:
            seen = set()
            why = fault(json.loads(line), members, "", seen)
            if not why:
                found |= {f"{command}: {kind}"} | {f"{command}: {path}" for path in seen}
                break
            reasons.append(why)
        else:
            sys.exit(f"{command}: {line.strip()[:200]}: {'; '.join(reasons) or 'the table has no such command'}")
    if count == 0:
        sys.exit(f"{command}: no line")
    with open(notes, "a", encoding="utf-8") as file:
        file.writelines(f"{entry}\n" for entry in sorted(found))


def paths(members, before):
    for name, (_, inside) in members.items():
        yield before + name
        if inside:
            yield from paths(inside, before + name + "/")


def report(notes):
    seen = set(open(notes, encoding="utf-8").read().splitlines())
    wanted = set()
    for command, kind, members in rows():
        wanted |= {f"{command}: {kind}"} | {f"{command}: {path}" for path in paths(members, "")}
    missing = sorted(wanted - seen - RARE)
    if missing:
        sys.exit("never seen: " + ", ".join(missing))


if sys.argv[1] == "lines":
    compare(sys.argv[2], sys.argv[3])
else:
    report(sys.argv[2])
