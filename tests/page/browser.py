"""A headless Chromium, driven over the pipe of its DevTools protocol, with nothing but Python's library."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE_S = 120  # it only ends a test that has failed
PROGRAMS = (("chromium-headless-shell",), ("chromium", "--headless=new"))


def find():
    """The words that start a browser, or None."""
    return next((words for words in PROGRAMS if shutil.which(words[0])), None)


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="client-intake-browser.")
        to_it, ours_out = os.pipe()
        ours_in, from_it = os.pipe()
        # The browser reads from 3 and writes to 4.
        words = [*find(), "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={self.folder}", "--disable-gpu",
                 "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--hide-scrollbars", "about:blank"]
        script = f'exec 3<&{to_it} 4>&{from_it}; exec "$@"'
        self.process = subprocess.Popen(["bash", "-c", script, "browser", *words], pass_fds=(to_it, from_it),
                                        stdout=subprocess.DEVNULL, stderr=open(os.path.join(self.folder, "log"), "w"))
        os.close(to_it)
        os.close(from_it)
        self.out, self.inn = ours_out, ours_in
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.inn)
        shutil.rmtree(self.folder, ignore_errors=True)

    def message(self, until):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.inn], [], [], max(0, until - time.monotonic()))
            got = os.read(self.inn, 1 << 20) if ready else b""
            if not got:
                raise RuntimeError("the browser does not answer: " + open(os.path.join(self.folder, "log")).read()[-500:])
            self.rest += got
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self.message(until)
            if answer.get("id") != self.number:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def evaluate(self, script):
        """The value of an expression in the page; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, script):
        """Waits until an expression is true."""
        until = time.monotonic() + PATIENCE_S
        while not (value := self.evaluate(script)):
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return value

    def view(self, width, height, dark=False, vision=None):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setEmulatedVisionDeficiency", type=vision or "none")

    def open(self, address):
        self.call("Page.navigate", url=address)

    def press(self, key, code=None):
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code or 0)

    def screenshot(self, path, whole=True):
        image = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as out:
            out.write(base64.b64decode(image["data"]))

    def faults(self):
        """What the page's script has thrown, and what the browser has refused or reported as an error."""
        self.evaluate("0")
        texts = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                details = event["params"]["exceptionDetails"]
                texts.append(details.get("exception", {}).get("description", details["text"]))
            elif event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                texts.append(event["params"]["entry"]["text"])
        return texts
