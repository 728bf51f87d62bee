"""A receiver of OTLP/HTTP that is strict: what is not of the shape that the specification gives is a fault.

    trace_receiver.py serve FOLDER [--certificate FILE --key FILE] [--header NAME=VALUE]
        writes FOLDER/port; answers each request as FOLDER/answer says at that moment:
            200 | 200 SECONDS (it takes so long) | partial COUNT | STATUS [RETRY-AFTER] | hang | close
        writes FOLDER/requests (time, answer, number of spans; one line each), FOLDER/spans (those that were accepted, one JSON
        object each) and FOLDER/faults.
    trace_receiver.py links FOLDER MOST <TOPIC
        compares the links of FOLDER/spans with the commands of TOPIC: lines "PARTITION OFFSET HEADERS" of kcat; prints
        what differs. MOST: the most links of a span.

Debian's own Python runs it; there is nothing to install.
"""

import argparse
import collections
import http.server
import json
import pathlib
import re
import ssl
import sys
import threading
import time

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
STAGES = ("decode", "definitions", "check", "claim", "compose", "commit")
INTERNAL, CLIENT, CONSUMER = 1, 3, 5


class Fault(Exception):
    pass


def demand(holds, message, *shown):
    if not holds:
        raise Fault(" ".join([message, *(repr(part)[:200] for part in shown)]))


def unique_members(pairs):
    names = [name for name, _ in pairs]
    demand(len(names) == len(set(names)), "a member twice", names)
    return dict(pairs)


def no_constant(text):
    raise Fault(f"not JSON: {text}")


# ---- the messages of opentelemetry.proto, in JSON: a table of members, and whether they must be there ----


def text(value):
    demand(isinstance(value, str), "no text", value)


def some_text(value):
    text(value)
    demand(value != "", "an empty text")


def identity(size):
    def check(value):
        text(value)
        demand(re.fullmatch(r"[0-9a-f]{%d}" % (2 * size), value), f"no id of {size} bytes", value)
        demand(value.strip("0") != "", "an id of zeros", value)

    return check


def number(least, most):
    def check(value):
        demand(isinstance(value, int) and not isinstance(value, bool), "no number", value)
        demand(least <= value <= most, "out of range", value)

    return check


def long_text(value):
    text(value)
    demand(re.fullmatch(r"0|-?[1-9][0-9]{0,18}", value), "no 64-bit integer as a decimal text", value)
    demand(-(2**63) <= int(value) < 2**63, "out of range", value)


def moment(value):
    long_text(value)
    demand(abs(int(value) / 1e9 - time.time()) < 3600, "not a time of this hour", value)


def boolean(value):
    demand(isinstance(value, bool), "no boolean", value)


def message(**members):
    def check(value):
        demand(isinstance(value, dict), "no object", value)
        for name, member in value.items():
            demand(name in members, "an unknown member", name)
            members[name][0](member)
        for name, (_, required) in members.items():
            demand(name in value or not required, "a member is missing", name, value)

    return check


def one_of(**members):
    def check(value):
        message(**{name: (member, False) for name, member in members.items()})(value)
        demand(len(value) == 1, "not exactly one value", value)

    return check


def some(check_entry):
    def check(value):
        demand(isinstance(value, list) and value, "no list with entries", value)
        for entry in value:
            check_entry(entry)

    return check


VALUE = one_of(stringValue=some_text, intValue=long_text, boolValue=boolean)
ATTRIBUTE = message(key=(some_text, True), value=(VALUE, True))


def attributes(value):
    some(ATTRIBUTE)(value)
    keys = [entry["key"] for entry in value]
    demand(len(keys) == len(set(keys)), "an attribute twice", keys)


def schema(value):
    demand(value == SCHEMA, "another schema", value)


LINK = message(
    traceId=(identity(16), True),
    spanId=(identity(8), True),
    traceState=(some_text, False),
    attributes=(attributes, False),
    flags=(number(0x300, 0x3FF), True),
)
STATUS = message(code=(number(2, 2), True), message=(some_text, True))
SPAN = message(
    traceId=(identity(16), True),
    spanId=(identity(8), True),
    parentSpanId=(identity(8), False),
    flags=(number(0x101, 0x1FF), True),
    name=(some_text, True),
    kind=(number(1, 5), True),
    startTimeUnixNano=(moment, True),
    endTimeUnixNano=(moment, True),
    attributes=(attributes, True),
    links=(some(LINK), False),
    droppedLinksCount=(number(1, 2**32 - 1), False),
    status=(STATUS, False),
)
SCOPE_SPANS = message(
    scope=(message(name=(some_text, True), version=(some_text, True)), True),
    spans=(some(SPAN), True),
    schemaUrl=(schema, True),
)
RESOURCE_SPANS = message(
    resource=(message(attributes=(attributes, True)), True),
    scopeSpans=(some(SCOPE_SPANS), True),
    schemaUrl=(schema, True),
)
REQUEST = message(resourceSpans=(some(RESOURCE_SPANS), True))


def values(owner):
    """The attributes of a span, a link or a resource, as a dictionary."""
    found = {}
    for entry in owner.get("attributes", []):
        (kind, value), = entry["value"].items()
        found[entry["key"]] = int(value) if kind == "intValue" else value
    return found


# ---- what the spans say together ----


def check_messaging(span, operation, kind_of_operation):
    found = values(span)
    demand(found.get("messaging.system") == "kafka", "no messaging.system", found)
    demand(found.get("messaging.operation.name") == operation, "another operation", found)
    demand(found.get("messaging.operation.type") == kind_of_operation, "another type of operation", found)
    topic = found.get("messaging.destination.name")
    demand(topic and span["name"] == f"{operation} {topic}", "a name that is not of the topic", span["name"], found)
    demand(found.get("messaging.consumer.group.name"), "no group", found)
    count = found.get("messaging.batch.message_count")
    demand((count is None) != ("messaging.kafka.offset" not in found), "a count or an offset", found)
    demand(count is None or count > 1, "a batch of fewer than two", found)
    partition = found.get("messaging.destination.partition.id")
    demand(partition is None or isinstance(partition, str), "a partition that is no text", found)
    demand(partition is not None or count is not None, "no partition", found)


def check_links(span):
    shared = values(span)
    for link in span["links"]:
        demand(link["flags"] & 1, "a link to a parent that is not sampled", link)
        own = values(link)
        demand(
            ("messaging.destination.partition.id" in own) != ("messaging.destination.partition.id" in shared),
            "a partition twice, or not at all",
            link,
        )
        demand(("messaging.kafka.offset" in own) != ("messaging.kafka.offset" in shared), "an offset twice, or not at all", link)


def check_failure(span):
    demand(("status" in span) == ("error.type" in values(span)), "a status without error.type, or without status", span)


def check_batch(batch):
    demand(batch["kind"] == CONSUMER, "a batch that is no consumer", batch)
    demand("links" in batch, "a batch without links", batch)
    check_messaging(batch, "process", "process")
    check_links(batch)
    check_failure(batch)


def check_stage(stage, batch):
    demand(stage["traceId"] == batch["traceId"], "a stage in another trace", stage)
    demand("links" not in stage, "a stage with links", stage)
    name = stage["name"].split(" ")[0]
    demand(name in STAGES, "an unknown stage", name)
    if name == "commit":
        demand(stage["kind"] == CLIENT, "a commit that is no client", stage)
        check_messaging(stage, "commit", "settle")
    else:
        demand(stage["kind"] == INTERNAL, "a stage that is not internal", stage)
    check_failure(stage)


def times(span):
    return int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])


def check_order(batch, stages):
    began, ended = times(batch)
    demand(began <= ended, "a batch that ends before it begins", batch)
    last = began
    for stage in stages:
        stage_began, stage_ended = times(stage)
        demand(last <= stage_began <= stage_ended <= ended, "a stage out of order", stage, batch)
        last = stage_ended
    if "status" not in batch:
        names = [stage["name"].split(" ")[0] for stage in stages]
        demand(tuple(names[-len(STAGES):]) == STAGES, "a batch without its stages", names)


def check_spans(spans):
    demand(len({span["spanId"] for span in spans}) == len(spans), "a span id twice")
    batches = {span["spanId"]: span for span in spans if "parentSpanId" not in span}
    demand(len({batch["traceId"] for batch in batches.values()}) == len(batches), "a trace id twice")
    stages = collections.defaultdict(list)
    for span in spans:
        if "parentSpanId" in span:
            demand(span["parentSpanId"] in batches, "a stage without its batch", span)
            check_stage(span, batches[span["parentSpanId"]])
            stages[span["parentSpanId"]].append(span)
    for identifier, batch in batches.items():
        check_batch(batch)
        check_order(batch, stages[identifier])


def check_request(body):
    """The spans of a request, each with its resource's attributes."""
    if body == b'{"resourceSpans":[]}':
        return []  # a question whether there is a receiver
    request = json.loads(body.decode(), object_pairs_hook=unique_members, parse_constant=no_constant)
    REQUEST(request)
    spans = []
    for resource_spans in request["resourceSpans"]:
        resource = values(resource_spans["resource"])
        for name in ("service.name", "service.version", "service.instance.id", "process.pid"):
            demand(name in resource, "a resource without", name, resource)
        for scope_spans in resource_spans["scopeSpans"]:
            check_spans(scope_spans["spans"])
            spans += [{**span, "resource": resource} for span in scope_spans["spans"]]
    return spans


# ---- the server ----


class Receiver(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder, header):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.header = folder, header
        self.lock = threading.Lock()
        self.seen = set()

    def note(self, name, line):
        with self.lock, open(self.folder / name, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def handle_error(self, request, client_address):
        pass  # a client that is gone


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def check_head(self):
        demand(self.path == "/v1/traces", "another path", self.path)
        demand(self.headers["Content-Type"] == "application/json", "another content type", self.headers["Content-Type"])
        demand(self.headers["Expect"] is None, "it asks whether it may send", self.headers["Expect"])
        demand((self.headers["User-Agent"] or "").startswith("client-intake/"), "another program", self.headers["User-Agent"])
        if self.server.header:
            name, value = self.server.header.split("=", 1)
            demand(self.headers[name] == value, "another header", name, self.headers[name])

    def do_POST(self):
        server = self.server
        spans = []
        try:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.check_head()
            spans = check_request(body)
        except (Fault, ValueError, TypeError, KeyError) as fault:
            server.note("faults", f"{type(fault).__name__}: {fault}")
            self.answer(400, {"message": str(fault)})
            return
        words = (server.folder / "answer").read_text().split()
        server.note("requests", f"{time.time():.3f} {words[0]} {len(spans)}")
        self.act(words, spans)

    def act(self, words, spans):
        if words[0] == "hang":
            time.sleep(3600)
        if words[0] in ("hang", "close"):
            self.close_connection = True
            return
        if words[0] == "200" and len(words) > 1:
            time.sleep(float(words[1]))
        if words[0] == "partial":
            self.answer(200, {"partialSuccess": {"rejectedSpans": words[1], "errorMessage": "too many"}})
        elif words[0] == "200":
            self.accept(spans)
            self.answer(200, {})
        else:
            retry = [("Retry-After", words[1])] if len(words) > 1 else []
            self.answer(int(words[0]), {"message": f"as told: {self.headers['Authorization'] or 'later'}"}, retry)

    def accept(self, spans):
        server = self.server
        with server.lock:
            again = [span["spanId"] for span in spans if (span["traceId"], span["spanId"]) in server.seen]
            server.seen.update((span["traceId"], span["spanId"]) for span in spans)
        if again:
            server.note("faults", f"spans that were accepted before: {again[:3]}")
        for span in spans:
            server.note("spans", json.dumps(span))


def serve(arguments):
    server = Receiver(arguments.folder, arguments.header)
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    for name in ("requests", "spans", "faults"):
        (arguments.folder / name).touch()
    part = arguments.folder / "port.part"
    part.write_text(str(server.server_address[1]))
    part.rename(arguments.folder / "port")
    server.serve_forever()


# ---- links and commands ----

TRACEPARENT = re.compile(r"(?:^|,)traceparent=00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?=,|$)")


def sampled_commands(lines):
    """(partition, offset): (trace id, span id) of the commands with a sampled parent."""
    found = {}
    for line in lines:
        partition, offset, *headers = line.split(" ", 2)
        match = TRACEPARENT.search(headers[0].strip()) if headers else None
        if match and match[1].strip("0") and match[2].strip("0") and int(match[3], 16) & 1:
            found[int(partition), int(offset)] = match[1], match[2]
    return found


def links(arguments):
    sent = sampled_commands(sys.stdin)
    linked, batches, differences = {}, 0, []
    for line in open(arguments.folder / "spans", encoding="utf-8"):
        span = json.loads(line)
        if "parentSpanId" in span:
            continue
        batches += 1
        count = len(span["links"])
        if count > arguments.most or (span.get("droppedLinksCount") and count < arguments.most):
            differences.append(f"a span with {count} links and {span.get('droppedLinksCount')} left out")
        for link in span["links"]:
            found = {**values(span), **values(link)}
            place = int(found["messaging.destination.partition.id"]), found["messaging.kafka.offset"]
            if sent.get(place) != (link["traceId"], link["spanId"]):
                differences.append(f"a link to {link['traceId']} at {place}, the command has {sent.get(place)}")
            linked[place] = True
    differences += [f"no link to the command at {place}" for place in sent if place not in linked and not arguments.part]
    print("\n".join(differences[:5] + [f"{len(linked)} links in {batches} spans, {len(sent)} commands"]))
    return 1 if differences or not linked else 0


def main():
    parser = argparse.ArgumentParser()
    actions = parser.add_subparsers(required=True)
    action = actions.add_parser("serve")
    action.add_argument("folder", type=pathlib.Path)
    action.add_argument("--certificate")
    action.add_argument("--key")
    action.add_argument("--header")
    action.set_defaults(run=serve)
    action = actions.add_parser("links")
    action.add_argument("folder", type=pathlib.Path)
    action.add_argument("most", type=int)
    action.add_argument("--part", action="store_true", help="some spans may be missing")
    action.set_defaults(run=links)
    arguments = parser.parse_args()
    sys.exit(arguments.run(arguments))


if __name__ == "__main__":
    main()
