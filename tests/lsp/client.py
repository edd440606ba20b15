"""A client of the language server, as an editor is one: client.Client(WEIR, FOLDER). Standard library only."""
import json
import os
import pathlib
import select
import subprocess
import time


class Client:
    def __init__(self, weir, folder, capabilities=None, arguments=()):
        self.folder = pathlib.Path(folder)
        self.process = subprocess.Popen([weir, "lsp", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.bytes, self.number, self.notices = b"", 0, []
        self.versions, self.diagnostics = {}, {}
        self.capabilities = self.request("initialize", {
            "processId": os.getpid(), "rootUri": self.folder.as_uri(),
            "workspaceFolders": [{"uri": self.folder.as_uri(), "name": "policies"}],
            "capabilities": capabilities or {}})["result"]["capabilities"]
        self.notify("initialized", {})

    def send_bytes(self, content):
        self.process.stdin.write(content)
        self.process.stdin.flush()

    def send(self, message):
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.send_bytes(b"Content-Length: %d\r\n\r\n" % len(content) + content)

    def notify(self, method, params):
        self.send({"method": method, "params": params})

    def read(self, seconds=60):
        """The next message of the server."""
        end = time.monotonic() + seconds
        while True:
            header, found, rest = self.bytes.partition(b"\r\n\r\n")
            if found:
                length = int(header.split(b":")[1])
                if len(rest) >= length:
                    self.bytes = rest[length:]
                    return json.loads(rest[:length])
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError("the server says nothing")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                raise EOFError("the server has ended")
            self.bytes += part

    def take(self, message):
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]
        self.notices.append(message)

    def request(self, method, params, seconds=60):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.read(seconds)
            if message.get("id") == self.number and "method" not in message:
                return message
            self.take(message)

    def uri(self, name):
        return (self.folder / name).as_uri()

    def open(self, name, text):
        self.versions[name] = 1
        self.notify("textDocument/didOpen", {"textDocument": {
            "uri": self.uri(name), "languageId": "weir", "version": 1, "text": text}})

    def change(self, name, text, begin=None, end=None):
        """Replaces the text between two places (line, character), or all of it. Returns the new version."""
        self.versions[name] += 1
        change = {"text": text}
        if begin is not None:
            change["range"] = {"start": place(*begin), "end": place(*(end or begin))}
        self.notify("textDocument/didChange", {"textDocument": {
            "uri": self.uri(name), "version": self.versions[name]}, "contentChanges": [change]})
        return self.versions[name]

    def at(self, method, name, line, character, **more):
        return self.request(method, {"textDocument": {"uri": self.uri(name)},
                                     "position": place(line, character), **more})

    def of(self, method, name, **more):
        return self.request(method, {"textDocument": {"uri": self.uri(name)}, **more})

    def wait(self, name, holds, seconds=60):
        """The diagnostics of a file, once they satisfy `holds`."""
        end = time.monotonic() + seconds
        while True:
            known = self.diagnostics.get(self.uri(name))
            if known is not None and holds(known["diagnostics"]):
                return known["diagnostics"]
            self.take(self.read(end - time.monotonic()))

    def close(self):
        """Ends the server as the protocol says; returns its status."""
        self.request("shutdown", None)
        self.notify("exit", None)
        status = self.process.wait(timeout=60)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        return status


def place(line, character):
    return {"line": line, "character": character}


def applied(text, edits):
    """The text with TextEdits in it; it has ASCII only."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(at):
        return min(starts[min(at["line"], len(lines))] + at["character"], len(text))
    for edit in sorted(edits, key=lambda one: offset(one["range"]["start"]), reverse=True):
        text = text[:offset(edit["range"]["start"])] + edit["newText"] + text[offset(edit["range"]["end"]):]
    return text
