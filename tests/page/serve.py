"""Serves the page of the source and a status of the test's choice, with the headers that the worker sends."""
import base64
import hashlib
import http.server
import json
import threading


def between(text, begin, end):
    return text.split(begin, 1)[1].split(end, 1)[0]


def hash_of(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class Server:
    """`status` is what /status.json answers; None: 503. After stop() nothing listens; start() takes the same port."""

    def __init__(self, status):
        with open("worker/http/status_page.html", encoding="utf-8") as file:
            self.page = file.read()
        self.status, self.port, self.server = status, 0, None
        self.policy = ("default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; connect-src 'self'; img-src data:; "
                       "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
                       "trusted-types 'none'" % (hash_of(between(self.page, "<script>", "</script>")),
                                                 hash_of(between(self.page, "<style>", "</style>"))))
        self.start()

    def start(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                is_page = self.path == "/"
                body = outer.page if is_page else json.dumps(outer.status)
                self.send_response(200 if is_page or outer.status is not None else 503)
                self.send_header("Content-Type", "text/html; charset=utf-8" if is_page else "application/json")
                self.send_header("Content-Security-Policy", outer.policy)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/"
