"""Opens the page of a worker and looks for words.

    look.py ADDRESS SCREENSHOT [--agree] [--variants] [PATTERN ...]

Each PATTERN, a regular expression, must come to stand on the page. --agree: the numbers of the page are those of /metrics, which
is read before and after, so that it may be done under load. --variants: screenshots of a narrow window and of dark mode, too.
It prints each check, then "N passed, N failed".
"""
import json
import re
import sys
import time
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


def state():
    with urllib.request.urlopen(address + "status.json", timeout=30) as answer:
        return json.load(answer)


def buckets(samples):
    """The bounds of reply_seconds, and how many replies took at most so long."""
    found = [(re.search('le="(.*)"', key)[1], value) for key, value in samples.items() if key.startswith("client_intake_reply_seconds_bucket")]
    return sorted((float(bound), value) for bound, value in found)


def bucket_of(counts, share):
    """The number of the bucket that has the quantile, of cumulative counts."""
    return next(number for number, count in enumerate(counts) if count >= share * counts[-1])


def check_quantiles():
    """p50 and p99 of the page's last seconds are those of /metrics between the same two times, or in the next bucket, since these
    times are met to a quarter of a second only."""
    samples = []
    for _ in range(50):
        samples.append((time.time(), buckets(metrics())))
        time.sleep(0.25)
    # On a busy machine the page's seconds may be more than the samples reach back.
    status = state()
    while status["time"] / 1000 - status["now"]["seconds"] < samples[0][0] and len(samples) < 200:
        samples.append((time.time(), buckets(metrics())))
        time.sleep(0.25)
        status = state()
    now, end = status["now"], status["time"] / 1000
    at = lambda moment: min(samples, key=lambda sample: abs(sample[0] - moment))
    (first_at, first), (last_at, last) = at(end - now["seconds"]), at(end)
    check("/metrics was read when the page's last seconds began and ended", abs(first_at - (end - now["seconds"])) < 1.5 and abs(last_at - end) < 1.5,
          f"{first_at}, {last_at}, the page says {now['seconds']} to {end}")
    counts = [after - before for (_, before), (_, after) in zip(first, last)]
    bounds = [bound for bound, _ in last]
    for share, name in (0.5, "replyP50Seconds"), (0.99, "replyP99Seconds"):
        number, page_number = bucket_of(counts, share), sum(bound < now[name] for bound in bounds)
        check(f"{name} of the page is that of /metrics", counts[-1] > 0 and abs(number - page_number) <= 1,
              f"{now[name]}, but {share} of {counts[-1]} replies took at most {bounds[number]}")


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
    check_quantiles()


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
