"""Opens the page of a worker and looks for words.

    look.py ADDRESS SCREENSHOT [--agree] [--variants] [PATTERN ...]

Each PATTERN, a regular expression, must come to stand on the page. --agree: the numbers of the page are those of /metrics, which
is read before and after, so that it may be done under load. --variants: screenshots of a narrow window and of dark mode, too.
It prints each check, then "N passed, N failed".
"""
import json
import re
import sys
import urllib.request

import browser

address, screenshot, *rest = sys.argv[1:]
patterns = [each for each in rest if not each.startswith("--")]
passed = failed = 0


def check(what, holds, detail=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    print(("ok: " if holds else "FAILED: ") + what + ("" if holds else f": {detail}"), flush=True)


def metrics():
    with urllib.request.urlopen(address + "metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def agree(page):
    total = lambda samples, name: sum(value for key, value in samples.items() if key.startswith("client_intake_" + name))
    before = metrics()
    page.evaluate("(async () => { show(await ask()); })()")
    texts = page.evaluate("""[...document.querySelectorAll('.card')].map(card => [...card.querySelectorAll('tr, .tile')].length ? [card.querySelector('h2')?.textContent,
        [...card.querySelectorAll('tbody tr')].map(row => [...row.children].map(cell => cell.textContent))] : [])""")
    status = page.evaluate("fetch('status.json').then(answer => answer.json())")
    after = metrics()
    between = lambda what, name, value: check(f"{what} is that of /metrics", total(before, name) <= value <= total(after, name),
                                              f"{value}, not from {total(before, name)} to {total(after, name)}")
    for result in ("created", "duplicate", "rejected"):
        between(f"the number of commands {result}", f'commands_total{{result="{result}"}}', status["totals"][result])
    codes = dict((row[0], float(row[2].replace(",", ""))) for title, rows in filter(None, texts) if title == "Rejections by code" for row in rows)
    check("codes are shown", codes, texts)
    for code, value in codes.items():
        between(f"the number of {code} on the page", f'rejections_total{{code="{code}"}}', value)
    check("no code is missing", set(codes) >= {re.search('"(.*)"', key)[1] for key, value in before.items() if key.startswith("client_intake_rejections_total") and value > 0}, codes)
    for event in ("hit", "miss", "compiled"):
        between(f"the definitions cache, {event}", f'definitions_cache_total{{event="{event}"}}', status["definitions"][event])
    check("the partitions are those of /metrics", status["lag"]["partitionCount"] == sum(key.startswith("client_intake_consumer_lag{") for key in before), status["lag"])
    check("Kafka and Redis are up", status["kafka"]["up"] and status["redis"]["up"] and total(before, "kafka_up") == total(before, "redis_up") == 1, status["kafka"])
    history = status["history"]
    drawn = sum(history["commandsPerSecond"]) * history["everySeconds"]
    check("the plot of throughput has about the commands of /metrics", 0.7 * total(before, "commands_total") <= drawn + 15 * status["now"]["commandsPerSecond"]
          and drawn <= 1.3 * total(after, "commands_total"), f"{drawn} of {total(after, 'commands_total')}")
    busiest = sum(each["commands"] for each in status["busiestWorkspaces"])
    check("the busiest workspaces have commands", 0 < busiest <= 1.02 * total(after, "commands_total"), busiest)
    mean = (total(after, "reply_seconds_sum") / total(after, "reply_seconds_count")) if total(after, "reply_seconds_count") else 0
    check("p50 is at most p99", status["now"]["replyP50Seconds"] is not None and 0 < status["now"]["replyP50Seconds"] <= status["now"]["replyP99Seconds"], f"{status['now']}, mean {mean}")


with browser.Browser() as page:
    page.view(1440, 900)
    page.open(address)
    found = page.wait("document.querySelectorAll?.('.card').length > 10")
    check("the page opens", found)
    for pattern in patterns:
        found = page.wait(f"new RegExp({json.dumps(pattern)}).test(document.body?.innerText)")
        check(f"the page says: {pattern}", found, "" if found else page.evaluate("document.querySelector('#verdict').innerText"))
    page.screenshot(screenshot + ".png", whole=False)
    print(page.evaluate("document.querySelector('#verdict').innerText"))
    if "--agree" in rest:
        agree(page)
    if "--variants" in rest:
        page.screenshot(screenshot + "-whole.png")
        page.view(1440, 900, dark=True)
        page.screenshot(screenshot + "-dark.png")
        page.view(360, 800)
        page.screenshot(screenshot + "-360.png")
        check("nothing is cut off in a narrow window", page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
    faults = page.faults()
    check("the page's script has no fault", not faults, faults)
print(f"{passed} passed, {failed} failed")
