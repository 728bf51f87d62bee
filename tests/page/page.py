"""The page in a headless Chromium on statuses of the test's choice: what it says, how it looks, and what it never does.

    page.py OUTPUT    prints each check, then "N passed, N failed"; screenshots go to the folder OUTPUT
"""
import copy
import json
import sys
import time

import browser
import serve

output = sys.argv[1]
passed = failed = 0


def check(what, holds, detail=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    print(("ok: " if holds else "FAILED: ") + what + ("" if holds else f": {detail}"), flush=True)


def check_equal(what, expected, actual):
    check(what, expected == actual, f"expected {expected!r}, got {actual!r}")


with open("tests/page/status.json", encoding="utf-8") as file:
    plain = json.load(file)


def changed(**members):
    status = copy.deepcopy(plain)
    status.update(members)
    return status


FINDINGS = {
    "redis_full": ("bad", "Redis is full", "Redis (redis:6379) is full and refuses to write, so commands wait. It says: OOM"),
    "definitions_awaited": ("warning", "A partition waits for definitions", "1 partition of clients.commands waits for definitions: partition 3 at offset 17 (workspace acme has none)."),
    "garbage": ("warning", "A producer sends garbage", "A producer sends garbage: 312 of 4000 commands of the last minute cannot be read."),
    "kafka_slow": ("warning", "Kafka is slow", "Kafka (kafka:9092) is slow: a transaction takes 2.4 s on average, over the last 15 s."),
    "noisy_workspace": ("warning", "A noisy workspace", "Workspace acme takes 83 % of partition 3 of clients.commands, while commands of that partition wait."),
}


def finding(kind):
    level, section, text = FINDINGS[kind]
    return {"kind": kind, "level": level, "text": text, "advice": "Do this.", "section": section, "since": plain["time"] - 42000, "orEarlier": False}


with browser.Browser() as page:
    server = serve.Server(plain)
    text = lambda selector: page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")
    body = lambda: page.evaluate("document.body.innerText")
    says = lambda words: page.wait(f"document.body?.innerText.includes({json.dumps(words)})")
    wide = lambda: page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")

    # ---- all is well ----
    page.view(1440, 900)
    page.open(server.address)
    check("it says in words that all is well", says("All is well: "), body()[:300])
    check_equal("the title says so, too", "✓ well – client-intake", page.evaluate("document.title"))
    for words in ("p50 latency", "p99 latency", "Throughput", "Lag", "Oldest command", "Rejected", "Busiest workspaces", "Most rejected workspaces",
                  "Rejections by code", "Time per stage", "Definitions cache", "last complaint", *(thread["state"] for thread in plain["threads"]),
                  *(each["workspace"] for each in plain["busiestWorkspaces"]), *(each["code"] for each in plain["rejections"])):
        check(f"it shows {words}", words in body())
    check_equal("it has six plots", 6, page.evaluate("document.querySelectorAll('figure svg.plot').length"))
    check("each plot has a line", page.evaluate("[...document.querySelectorAll('figure')].every(each => each.querySelector('path.series').getAttribute('d').length > 100)"))
    page.screenshot(f"{output}/page-well.png")
    page.view(1440, 900, dark=True)
    check("dark mode is dark", page.wait("getComputedStyle(document.body).backgroundColor === 'rgb(15, 18, 22)'"))
    page.screenshot(f"{output}/page-well-dark.png")
    for width in (320, 360, 768, 1024, 1920):
        page.view(width, 800)
        check(f"nothing is cut off in a window of {width} pixels", not wide(), page.evaluate("document.documentElement.scrollWidth"))
        if width in (360, 1920):
            page.screenshot(f"{output}/page-well-{width}.png")

    # ---- colour is never alone, and colour-blind people can tell what it tells ----
    page.view(1440, 900)
    dashes = page.evaluate("[0,1,2,3,4,5].map(i => getComputedStyle(document.querySelectorAll('figure')[5].querySelector('path.s' + i)).strokeDasharray)")
    check_equal("every series of a plot has a dash of its own", 6, len(set(dashes)))
    for dark in (False, True):
        page.view(1440, 900, dark)
        contrasts = page.evaluate("""(() => {
          const light = colour => { const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(each => { each /= 255; return each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4; });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const contrast = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05); };
          const card = getComputedStyle(document.querySelector('.card')), first = document.querySelector('#verdict li');
          return [contrast(card.color, card.backgroundColor), contrast(getComputedStyle(document.querySelector('.tile .soft')).color, card.backgroundColor),
            contrast(getComputedStyle(first).color, getComputedStyle(first).backgroundColor)];
        })()""")
        check(f"text has contrast, {'dark' if dark else 'light'}", min(contrasts) >= 4.5, contrasts)
        strokes = page.evaluate("[0,1,2,3,4,5].map(i => getComputedStyle(document.querySelectorAll('figure')[5].querySelector('path.s' + i)).stroke)")
        check_equal(f"six series have six colours, {'dark' if dark else 'light'}", 6, len(set(strokes)))

    # ---- the keyboard ----
    page.view(1440, 900)
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(30):
        page.press("Tab", 9)
        reached.append(page.evaluate("document.activeElement === document.body ? 'out' : document.activeElement.className + ' ' + document.activeElement.tagName"))
        if reached[-1] == "out":
            break
    check("the first stop of the keyboard skips to the plots", reached[0].startswith("skip"), reached)
    check_equal("every plot is a stop of the keyboard", 6, sum(each.endswith("FIGURE") for each in reached))
    check("the keyboard leaves the page", reached[-1] == "out", reached)
    page.evaluate("document.querySelector('figure').focus()")
    page.press("ArrowLeft", 37)
    check("an arrow reads an earlier value", page.wait("document.querySelector('figure .legend').textContent.endsWith('5 s ago')"), text("figure .legend"))
    check("a reader of the screen hears the values", page.evaluate("/commands [\\d,.]+ ?k?, rejected [\\d,.]+, 5 s ago/.test(document.querySelector('figure').getAttribute('aria-label'))"),
          page.evaluate("document.querySelector('figure').getAttribute('aria-label')"))
    check("the cursor is drawn", page.evaluate("document.querySelector('figure .cursor') !== null"))

    # ---- what is wrong, and what to do ----
    for kind, (level, section, words) in FINDINGS.items():
        server.status = changed(findings=[finding(kind)])
        check(f"it says what is wrong: {section}", says(words), body()[:400])
        check(f"{section}: it names the section that tells more", says(f"What to do: Do this. See “{section}” in docs/operations.md."), body()[:400])
        check(f"{section}: the title says so", page.evaluate("document.title").endswith(section + " – client-intake"))
        check_equal(f"{section}: no line says that all is well", False, "All is well" in body())
        page.screenshot(f"{output}/page-{kind}.png", whole=False)
    with open("docs/operations.md", encoding="utf-8") as file:
        headings = [line.lstrip("#").strip() for line in file if line.startswith("#")]
    with open("worker/http/verdict.h", encoding="utf-8") as file:
        sections = [line.split('"')[3] for line in file if line.strip().startswith("ROW(") and line.count('"') == 4]
    check("there are sections", len(sections) >= 12, sections)
    check_equal("docs/operations.md has every section that the page names", [], [each for each in sections + ["The worker is not reachable"] if each not in headings])
    server.status = changed(findings=[finding("redis_full"), finding("noisy_workspace")])
    check("several findings are shown, the most urgent first", page.wait("document.querySelectorAll('#verdict li').length === 2 && document.querySelector('#verdict li').className === 'bad'"))
    page.view(360, 700, dark=True)
    check("findings fit into a narrow window", not wide())
    page.screenshot(f"{output}/page-findings-360-dark.png", whole=False)
    page.view(1440, 900)

    # ---- since when, and which server, and which partitions ----
    server.status = changed(findings=[finding("kafka_slow")])
    check("a finding says since when", page.wait("/Since \\d\\d:\\d\\d:\\d\\d UTC, 42 s ago\\./.test(document.querySelector('#verdict').innerText)"), text("#verdict"))
    server.status = changed(findings=[{**finding("kafka_slow"), "since": plain["time"] - 540000, "orEarlier": True}])
    check("or that it may have begun before", page.wait("/Since \\d\\d:\\d\\d:\\d\\d UTC or earlier, 9 min ago\\./.test(document.querySelector('#verdict').innerText)"), text("#verdict"))
    server.status = changed(kafka={"address": "kafka-1:9092,kafka-2:9092", "up": True, "complaint": None},
                            redis={"address": "unix:/run/redis.sock", "up": True, "complaint": None})
    check("the page names the servers", says("kafka-1:9092,kafka-2:9092") and says("unix:/run/redis.sock"), body())
    waiting = [{"workspace": "acme", "partition": 3, "offset": 17, "code": "definitions_missing", "since": plain["time"] - 61000, "broken": False},
               {"workspace": "globex", "partition": 5, "offset": 2, "code": "definitions_missing", "since": plain["time"] - 3000, "broken": True}]
    server.status = changed(findings=[finding("definitions_awaited")],
                            definitions={**plain["definitions"], "waitingPartitions": 2, "waitingCommand": waiting[0], "waitingCommands": waiting})
    check("it names every command that waits for definitions", page.wait("/acme, partition 3, offset 17, since [^\\n]* 61 s ago[^]*globex, whose are broken, partition 5, offset 2/.test(document.body.innerText)"), body())

    server.status = changed(ready=False, findings=[{**finding("redis_full"), "level": "note", "text": "The worker gets ready: x.", "section": "The worker starts"}])
    check("a worker that gets ready says so", says("The worker gets ready: x."))
    check("and not that all is well", "All is well" not in body() and page.evaluate("document.title") == "i The worker starts – client-intake", page.evaluate("document.title"))
    server.status = changed(findings=[{**finding("redis_full"), "level": "note", "text": "Most are rejected.", "section": "Most commands are rejected"}])
    check("a note stands below the line that all is well", page.wait("/All is well[^]*Most are rejected/.test(document.querySelector('#verdict').innerText)"), text("#verdict"))

    # ---- texts of strangers ----
    hostile = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\u202eabc\u200b\u2066\u00ad"
    rows = [{"workspace": hostile, "partition": 0, "commands": 10, "error": 0, "share": 1}]
    server.status = changed(topic=hostile, findings=[{**finding("garbage"), "text": hostile}], busiestWorkspaces=rows, mostRejectedWorkspaces=rows,
                            noisyWorkspaces=[{"workspace": hostile, "partition": 1, "percent": 60, "commands": 9, "since": plain["time"]}],
                            kafka={"address": hostile, "up": True, "complaint": None},
                            redis={"address": hostile, "up": False, "complaint": {"text": hostile, "since": plain["time"], "until": None}},
                            deadLetter={"workspace": hostile, "partition": 0, "offset": 1, "code": hostile, "since": plain["time"]})
    check("a hostile name is shown as text, with its invisible characters", says("<script>document.title='owned'</script>"), body()[:400])
    check("what is invisible is shown by its number", says("<U+202E>abc<U+200B><U+2066><U+00AD>"), body()[:400])
    check_equal("and nowhere as it is", False, page.evaluate("/[\\u202e\\u200b\\u2066\\u00ad]/.test(document.body.textContent.replace(document.querySelector('body > script').textContent, '') + document.title)"))
    check_equal("no element is made of it", 0, page.evaluate("document.querySelectorAll('img, main script').length"))
    check("no script of it runs", "owned" not in page.evaluate("document.title"))
    check("the browser refuses markup of text", page.evaluate("(() => { try { document.body.innerHTML = '<b>x</b>'; return false; } catch (error) { return true; } })()"))
    page.screenshot(f"{output}/page-hostile.png")
    page.view(360, 800)
    check("a hostile name does not widen the page", not wide())

    # ---- the worker goes away, and comes back ----
    server.status = plain
    check("it recovers", says("All is well: "))
    server.stop()
    check("it says since when the worker is not reachable", says("The worker is not reachable since "), body()[:300])
    check("it names the time of its numbers", page.evaluate("/since \\d\\d:\\d\\d:\\d\\d UTC\\. The numbers below are of \\d\\d:\\d\\d:\\d\\d UTC/.test(document.body.innerText)"), body()[:300])
    first = text("#verdict")
    time.sleep(2.5)
    check_equal("that time stays", first, text("#verdict"))
    page.screenshot(f"{output}/page-unreachable.png", whole=False)
    server.start()
    check("it goes on when the worker is back", says("All is well: "), body()[:300])
    server.status = None
    check("an answer without a status is none", says("The worker is not reachable since "))
    server.status = changed(now={**plain["now"], "commandsPerSecond": 0, "rejectedPerSecond": 0, "replyP50Seconds": None, "replyP99Seconds": None},
                            lag={"commands": 0, "oldestSeconds": 0, "partitionCount": 0, "partitions": []}, threads=[], rejections=[], busiestWorkspaces=[],
                            mostRejectedWorkspaces=[], deadLetter=None, definitions={**plain["definitions"], "hitShare": None},
                            history={**plain["history"], **{name: [] for name in ("commandsPerSecond", "rejectedPerSecond", "replyP50Seconds", "replyP99Seconds", "lagCommands", "lagSeconds")},
                                     "stageSeconds": {"commit": []}, "rejectionsPerSecond": {}})
    check("a worker that has just begun is shown", says("There are no commands at the moment."), body()[:300])
    server.stop()
    # What the browser logs of answers that did not come, and of the markup that it refused, is meant.
    faults = [each for each in page.faults() if "ERR_CONNECTION_REFUSED" not in each and "503" not in each and "trusted" not in each.lower()]
    check_equal("the page's script has no fault", [], faults)

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
