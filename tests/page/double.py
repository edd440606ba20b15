#!/usr/bin/env python3
"""A double of the network door: the page's built files, and a scenario behind the API. For states that an engine has
seldom, and to work on the page: double.py [--port N] [--many RULES] [--speed F]."""
import argparse
import json
import pathlib
import queue
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from scenario import Scenario

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DIST = SOURCE / "service/http/page/dist"
PURE = SOURCE / "service/http/page/src/pure"       # tests load these modules as they are
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def security_policy():
    """As the door sends it: from its header."""
    text = (SOURCE / "service/http/page_files.h").read_text()
    return "".join(re.findall(r'"([^"]*)"', text.partition("kPageSecurityPolicy =")[2].partition(";\n")[0]))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def json(self, value, status=200, taken_ms=None):
        taken = {} if taken_ms is None else {"Weir_Taken_Ms": f"{taken_ms:.3f}"}
        self.answer(status, "application/json", json.dumps(value).encode(), Cache_Control="no-store", **taken)

    def refuse(self, status, error, help=""):
        self.json({"error": error, "help": help}, status)

    def file(self, path):
        self.answer(200, TYPES[path.suffix], path.read_bytes(), Content_Security_Policy=security_policy(), X_Content_Type_Options="nosniff", Cache_Control="no-cache")

    def do_GET(self):
        double, url = self.server.double, urlsplit(self.path)
        path = unquote(url.path)
        double.requests.append(path)
        if double.away and path.startswith("/api/"):
            self.close_connection = True
            return
        if path == "/":
            return self.file(DIST / "index.html")
        for prefix, folder in (("/assets/", DIST / "assets"), ("/pure/", PURE)):
            if path.startswith(prefix) and (folder / path[len(prefix):]).is_file() and ".." not in path:
                return self.file(folder / path[len(prefix):])
        if not path.startswith("/api/v1/"):
            return self.refuse(404, "there is nothing at this address")
        if double.token and self.headers.get("Authorization") != f"Bearer {double.token}":
            return self.refuse(401, "a token is needed")
        self.api(path.removeprefix("/api/v1/"), parse_qs(url.query))

    def api(self, path, query):
        scenario = self.server.double.scenario
        with self.server.double.lock:
            if path == "status":
                answer = scenario.status()
            elif path == "policy":
                answer = scenario.policy()
            elif path == "flows":
                answer = scenario.flows(int(query.get("top", ["50"])[0]))
            elif path in ("sets/blocked", "sets/scanners"):
                answer = scenario.set_entries(path.removeprefix("sets/"))
            elif path != "events":
                return self.refuse(404, "there is nothing at this address")
        if path == "events":
            return self.events()
        # As the door: when the engine took it, by its own clock.
        self.json(answer, taken_ms=scenario.at * 1000 if path == "status" else None)

    def events(self):
        double = self.server.double
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        mine = queue.Queue()
        double.streams.append(mine)
        try:
            self.wfile.write(b": begins\n\n")
            while not double.away and not double.stopped:
                try:
                    said = mine.get(timeout=0.1)
                    self.wfile.write(said)
                except queue.Empty:
                    pass
                self.wfile.flush()
        except OSError:
            pass
        double.streams.remove(mine)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):        # a browser that went away
        pass


class Double:
    def __init__(self, scenario=None, token="", events_per_second=4.0, port=0):
        self.scenario = scenario or Scenario()
        self.token, self.events_per_second = token, events_per_second
        self.away = self.stopped = False
        self.lock, self.streams, self.requests = threading.Lock(), [], []
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.double = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        for target in (self.server.serve_forever, self.speak):
            threading.Thread(target=target, daemon=True).start()

    def speak(self):
        while not self.stopped:
            if self.events_per_second <= 0:
                time.sleep(0.05)
                continue
            time.sleep(1 / self.events_per_second)
            if self.streams:
                with self.lock:
                    eve = self.scenario.eve()
                self.say(eve)

    def say(self, eve):
        for stream in list(self.streams):
            stream.put(b"data: " + json.dumps(eve).encode() + b"\n\n")

    def say_lost(self, count):
        for stream in list(self.streams):
            stream.put(b"event: lost\ndata: " + json.dumps({"lost": count}).encode() + b"\n\n")

    def stop(self):
        self.stopped = True
        self.server.shutdown()
        self.server.server_close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=9464)
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--speed", type=float, default=1)
    parser.add_argument("--token", default="")
    arguments = parser.parse_args()
    double = Double(Scenario(speed=arguments.speed, many=arguments.many), token=arguments.token, port=arguments.port)
    print(double.url, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
