#!/usr/bin/env python3
"""What a broken or hostile peer sends is answered with an error or ignored; the server never ends by it, and what is
well-formed after it is answered: hostile_test.py WEIR SOURCE. WEIR_LSP_MESSAGES=100000 for a longer run."""
import json
import os
import pathlib
import random
import sys
import tempfile
import unittest

from client import Client, place

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))
MESSAGES = int(os.environ.get("WEIR_LSP_MESSAGES", "1500"))
SEED = int(os.environ.get("WEIR_LSP_SEED", "1"))


def framed(content):
    return b"Content-Length: %d\r\n\r\n" % len(content) + content


class Hostile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.client = Client(WEIR, pathlib.Path(folder.name).resolve())
        self.addCleanup(self.end)

    def end(self):
        self.client.process.kill()
        self.client.process.wait()
        for stream in (self.client.process.stdin, self.client.process.stdout, self.client.process.stderr):
            stream.close()

    def still_answers(self):
        self.client.open("alive.rules", "rule a { when tcp then drop }\n")
        self.assertIn("result", self.client.at("textDocument/hover", "alive.rules", 0, 15))

    def errors(self, count):
        found = []
        while len(found) < count:
            message = self.client.read()
            if message.get("id", 0) is None:
                found.append(message["error"]["code"])
        return found

    def test_frames_that_are_none(self):
        for content, count in ((b"Content-Length: x\r\n\r\n", 1), (b"Content-Type: a\r\n\r\n", 1),
                               (b"Content-Length: -5\r\n\r\n", 1), (b"\r\n\r\n", 1),
                               (b"x" * 5000 + b"\r\n\r\n", 1), (framed(b"{"), 1), (framed(b""), 1),
                               (framed(b"\xff\xfe"), 1), (framed(b"[" * 100000), 1), (framed(b"[]"), 1),
                               (framed(b'"' + b"\\u0000" * 10 + b'"'), 1),
                               (b"Content-Length: 99999999999999999999999\r\n\r\n", 1),
                               (b"Content-Length: 50000000\r\n\r\n" + b" " * 50000000, 1)):
            with self.subTest(content[:40]):
                self.client.send_bytes(content)
                self.assertLess(self.errors(count)[0], -32000)
                self.still_answers()

    def test_frames_in_pieces(self):
        content = framed(json.dumps({"jsonrpc": "2.0", "id": 900, "method": "textDocument/hover", "params": {}}).encode())
        for byte in content:
            self.client.send_bytes(bytes([byte]))
        while self.client.read().get("id") != 900:
            pass

    def test_positions_that_are_none(self):
        self.client.open("a.rules", "rule a { when tcp.dport == 22 then drop }\n# \U0001f600\n")
        for method in ("completion", "hover", "definition", "references", "rename", "documentHighlight"):
            for line, character in ((0, 10 ** 9), (10 ** 9, 0), (2 ** 31 - 1, 2 ** 31 - 1), (1, 3), (2, 0), (-1, 0), (0, -1)):
                self.client.at("textDocument/" + method, "a.rules", line, character, newName="x")
        self.client.change("a.rules", "X", (5, 7), (3, 1))
        self.client.change("a.rules", "", (0, 0), (2 ** 31 - 1, 0))
        self.still_answers()

    def params(self, chance):
        """Something that is nearly what a method takes."""
        uris = [self.client.uri("a.rules"), self.client.uri("b.rules"), "untitled:x", "file://", "http://x/%zz%00", "", 7]
        texts = ["", "rule", "rule a { when ", "let x = x\nlet y = x", 'import "a.rules"\nimport "b.rules"', "{" * 3000,
                 "let a = " + "(" * 500, "\ufeffrule a { when tcp then drop }", "é\U0001f600" * 50, 'test "x" {', None, 5,
                 "\0", '"' * 99, "set s : (ip, port) = { ", "rule a { when tcp.dport in { 1, " * 40]
        numbers = [0, 1, 2, 3, -1, 2 ** 31, 2 ** 63, 1.5, None, "1"]

        def some(values):
            return chance.choice(values)

        def at():
            return some([{"line": some(numbers), "character": some(numbers)}, place(0, 9), None, []])
        whole = {"textDocument": {"uri": some(uris), "version": some(numbers), "text": some(texts), "languageId": "weir"},
                 "position": at(), "range": some([{"start": at(), "end": at()}, None]), "newName": some(["x", "rule", 5]),
                 "contentChanges": some([[{"text": some(texts)}], [{"text": some(texts), "range": {"start": at(), "end": at()}}],
                                         5, [None], {}]),
                 "context": some([{}, {"diagnostics": 5}, None]), "command": some(["weir.runTest", "", 3]),
                 "arguments": some([[some(uris)], [], 5, [[]], [some(uris), "x", 4]]), "event": some([{}, {"added": [5]}]),
                 "id": some([1, "x", None, [[]]])}
        for name in list(whole):
            if chance.random() < 0.1:
                del whole[name]
        return some([whole] * 12 + [None, [], 5, "x"])

    def test_random_messages(self):
        chance = random.Random(SEED)
        methods = ["textDocument/" + m for m in (
            "didOpen", "didOpen", "didChange", "didChange", "didChange", "didClose", "didSave", "completion", "hover",
            "definition", "references", "documentHighlight", "prepareRename", "rename", "documentSymbol", "foldingRange",
            "codeLens", "semanticTokens/full", "formatting", "codeAction")]
        methods += ["workspace/executeCommand", "workspace/didChangeWatchedFiles", "workspace/didChangeWorkspaceFolders",
                    "$/cancelRequest", "nothing", 5, None]
        waiting = set()
        for number in range(1000, 1000 + MESSAGES):
            message = {"jsonrpc": "2.0", "method": chance.choice(methods), "params": self.params(chance)}
            if chance.random() < 0.7:
                message["id"] = number
                if isinstance(message["method"], str):
                    waiting.add(number)
            content = json.dumps(message).encode()
            if chance.random() < 0.05 and "id" not in message:      # a byte is another
                at = chance.randrange(len(content))
                content = content[:at] + bytes([chance.randrange(256)]) + content[at + 1:]
            self.client.send_bytes(framed(content))
            while len(waiting) > 50:
                waiting.discard(self.client.read().get("id"))
        while waiting:
            try:
                waiting.discard(self.client.read(seconds=120).get("id"))
            except (EOFError, TimeoutError) as why:
                self.fail(f"seed {SEED}: {why}: no reply to {sorted(waiting)[:5]}")
        self.still_answers()


if __name__ == "__main__":
    unittest.main()
