#!/usr/bin/env python3
"""The language server as editors meet it: what "lsp" answers. client_test.py WEIR SOURCE."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

from client import Client, applied

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))

POLICY = """policy edge

import "nets.rules"

let web  = { 80, 443 }
let busy = 10/min
let new_tcp = tcp.syn and not tcp.ack
let first = new_tcp and ip4
let to(host, service) = ip.dst == host and port.dst == service

set blocked : ip size 1000 ttl 1h

default drop

rule neighbours { when arp or icmp6.type in 133..136 then pass }
rule known      { when ip.src in blocked then drop }
rule web_in     { when tcp.dport in web and first then pass }
rule api        { when to(192.0.2.1, 8443) then pass }
rule guessing   {
    note "who guesses passwords"
    when tcp.dport == 22 and new_tcp and rate(ip.src) > busy
    then alert guess, add ip.src to blocked for 1h, drop
}
rule office_ssh { when tcp.dport == 22 and ip.src in office then pass }

alert guess { severity high  message "{ip.src} guesses"  to log }
sink log = eve("/var/log/weir/eve.json")

test "the office gets in" {
    tcp 203.0.113.9:50000 -> 192.0.2.1:22 syn => pass by office_ssh
}
test "others do not" {
    tcp 198.51.100.7:50000 -> 192.0.2.1:22 syn => drop by default
}
"""
NETS = "let office = { 203.0.113.0/24 }\n"


def find(text, words, more=0):
    """(line, character) of the first place of `words`, and so many characters on."""
    before = text[:text.index(words) + more]
    return before.count("\n"), len(before) - (before.rfind("\n") + 1)


def labels(reply):
    return [item["label"] for item in reply["result"]["items"]]


class LspCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        (self.folder / "nets.rules").write_text(NETS)
        (self.folder / "edge.rules").write_text(POLICY)
        self.client = Client(WEIR, self.folder)
        self.addCleanup(self.end)

    def end(self):
        if self.client.process.poll() is None:
            self.client.process.kill()
            self.client.process.wait()
        for stream in (self.client.process.stdin, self.client.process.stdout, self.client.process.stderr):
            stream.close()

    def open(self, text=POLICY, name="edge.rules"):
        self.client.open(name, text)
        return self.client

    def complete(self, text, words, more=None):
        """What is offered behind `words`, the only document."""
        name = f"c{len(self.client.versions)}.rules"
        self.client.open(name, text)
        line, character = find(text, words, len(words) if more is None else more)
        return self.client.at("textDocument/completion", name, line, character)


class Diagnostics(LspCase):
    def test_mistakes_are_marked_while_somebody_types_and_go_away(self):
        client = self.open()
        client.wait("edge.rules", lambda all: not [d for d in all if d["severity"] == 1])
        at = find(POLICY, "tcp.dport in web", 4)
        client.change("edge.rules", "dprot", at, (at[0], at[1] + 5))
        said = client.wait("edge.rules", lambda all: any(d["code"] == "E201" for d in all))
        one = next(d for d in said if d["code"] == "E201")
        self.assertEqual(one["range"], {"start": {"line": at[0], "character": at[1] - 4},
                                        "end": {"line": at[0], "character": at[1] + 5}})
        self.assertIn("tcp.dprot", one["message"])
        self.assertEqual((self.folder / "edge.rules").read_text(), POLICY)   # nothing was saved
        version = client.change("edge.rules", "dport", at, (at[0], at[1] + 5))
        client.wait("edge.rules", lambda all: not [d for d in all if d["severity"] == 1])
        self.assertEqual(client.diagnostics[client.uri("edge.rules")]["version"], version)

    def test_rule_logic_comes_when_somebody_pauses_and_stays_while_they_type(self):
        text = "rule a { when tcp then drop }\nrule b { when tcp.dport == 22 then drop }\n"
        client = self.open(text)
        shadowed = lambda all: any(d["code"] == "W401" for d in all)
        one = next(d for d in client.wait("edge.rules", shadowed) if d["code"] == "W401")
        self.assertEqual(one["range"]["start"]["line"], 1)
        client.change("edge.rules", "# a comment\n", (0, 0))
        moved = client.wait("edge.rules", lambda all: any(d["range"]["start"]["line"] == 2 for d in all))
        self.assertTrue(shadowed(moved))

    def test_columns_count_utf_16_units(self):
        text = 'rule a { note "\U0001f600é" when tcp.dprot == 22 then drop }\n'
        client = self.open(text)
        said = client.wait("edge.rules", lambda all: any(d["code"] == "E201" for d in all))
        begin = next(d for d in said if d["code"] == "E201")["range"]["start"]["character"]
        self.assertEqual(begin, len(text[:text.index("tcp.dprot")].encode("utf-16-le")) // 2)
        client.change("edge.rules", "dport", (0, begin + 4), (0, begin + 9))
        client.wait("edge.rules", lambda all: not any(d["code"] == "E201" for d in all))

    def test_an_import_is_read_as_it_is_open(self):
        client = self.open()
        client.wait("edge.rules", lambda all: not [d for d in all if d["severity"] == 1])
        client.open("nets.rules", NETS)
        client.change("nets.rules", "let offices = { 203.0.113.0/24 }\n")
        client.wait("edge.rules", lambda all: any("office" in d["message"] and d["severity"] == 1 for d in all))
        client.notify("textDocument/didClose", {"textDocument": {"uri": client.uri("nets.rules")}})
        client.wait("edge.rules", lambda all: not [d for d in all if d["severity"] == 1])

    def test_files_that_change_on_the_disk_are_read_again(self):
        client = self.open()
        client.wait("edge.rules", lambda all: not [d for d in all if d["severity"] == 1])
        (self.folder / "nets.rules").write_text("let other = 5\n")
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": client.uri("nets.rules"), "type": 2}]})
        client.wait("edge.rules", lambda all: any(d["severity"] == 1 for d in all))

    def test_a_client_that_can_watch_is_asked_to(self):
        watching = Client(WEIR, self.folder, {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}})
        asked = watching.read()
        self.assertEqual(asked["method"], "client/registerCapability")
        watching.send({"id": asked["id"], "result": None})
        self.assertEqual(watching.close(), 0)

    def test_an_import_s_mistake_is_shown_in_it(self):
        (self.folder / "nets.rules").write_text("let office = { 203.0.113.0/24 }\nlet x = tcp.dprot == 1\n")
        client = self.open()
        said = client.wait("nets.rules", lambda all: bool(all))
        self.assertEqual(said[0]["range"]["start"]["line"], 1)


class Words(LspCase):
    def test_completion_knows_the_place(self):
        expected = {
            "\n": {"rule", "alert", "import", "test"},
            "rule r { when ": {"tcp.dport", "ip.src", "not", "rate", "malformed"},
            "rule r { when tcp.": {"tcp.dport", "tcp.syn"},
            "rule r { when icmp.type == ": {"echo_request", "time_exceeded"},
            "rule r { when ip.proto in { tcp, ": {"udp", "gre"},
            "rule r { when tcp.dport == 22 ": {"and", "then", "or"},
            "rule r { when tcp then ": {"drop", "pass", "alert", "add", "measure"},
            "rule r { when tcp then alert a, ": {"drop", "capture"},
            "rule r { ": {"when", "observe", "note", "egress"},
            "alert a { ": {"severity", "message", "throttle", "to"},
            "alert a { severity ": {"high", "low"},
            "alert a { throttle 1 per ": {"ip.src"},
            'alert a { message "{': {"ip.src", "rule", "verdict"},
            "sink s = ": {"eve", "syslog", "kafka", "stdout"},
            'sink s = eve("/x", ': {"rotate", "keep", "queue"},
            "set s : ": {"ip", "net", "domain"},
            "set s : ip ": {"size", "ttl", "from"},
            "default ": {"drop", "pass", "egress"},
            'test "t" {\n    ': {"tcp", "udp", "after", "expect"},
            'test "t" {\n    tcp 1.2.3.4:5 -> 1.2.3.5:6 syn => ': {"drop", "pass", "no"},
            'test "t" {\n    tcp 1.2.3.4:5 -> 1.2.3.5:6 ': {"syn", "payload", "inside"},
        }
        for text, wanted in expected.items():
            with self.subTest(text):
                offered = set(labels(self.complete(text, text)))
                self.assertEqual(wanted - offered, set(), sorted(offered)[:40])
        self.assertEqual(labels(self.complete("# a comm", "# a comm")), [])

    def test_completion_knows_the_names(self):
        expected = {
            "then alert ": {"guess"}, "pass by ": {"office_ssh", "default", "guessing"}, "to log": {"log"},
            "add ip.src to ": {"blocked"}, "when tcp.dport in ": {"web", "office", "blocked"}}
        for words, wanted in expected.items():
            with self.subTest(words):
                more = 3 if words == "to log" else None
                offered = set(labels(self.complete(POLICY, words, more)))
                self.assertEqual(wanted - offered, set(), offered)

    def test_a_field_has_its_type_and_its_text(self):
        item = next(i for i in self.complete("rule r { when tcp.dp", "tcp.dp")["result"]["items"]
                    if i["label"] == "tcp.dport")
        self.assertEqual(item["detail"], "port")
        self.assertIn("TCP destination port", item["documentation"]["value"])
        self.assertEqual(item["textEdit"]["range"]["start"]["character"], len("rule r { when "))

    def test_files_are_offered(self):
        (self.folder / "sets").mkdir()
        self.assertIn("nets.rules", labels(self.complete('import "', 'import "')))
        self.assertIn("sets/", labels(self.complete('set s : ip from "', 'from "')))

    def hover(self, words, more=1, text=POLICY):
        reply = self.client.at("textDocument/hover", "edge.rules", *find(text, words, more))
        return reply["result"]["contents"]["value"] if reply["result"] else ""

    def test_hover_says_what_a_word_is(self):
        client = self.open()
        client.wait("edge.rules", lambda all: True)
        self.assertIn("TCP destination port", self.hover("tcp.dport in web", 5))
        self.assertIn("TCP", self.hover("tcp.dport in web", 5))
        self.assertIn("10/min", self.hover("> busy", 3))
        self.assertIn("rate", self.hover("> busy", 3))
        self.assertIn("(tcp.syn and not tcp.ack) and ip4", self.hover("web and first", 9))
        self.assertIn("let to(host, service)", self.hover("when to(", 6))
        self.assertIn("203.0.113.0/24", self.hover("in office", 4))       # of another file
        self.assertIn("severity high", self.hover("alert guess, ", 7))
        self.assertIn("not enforced", self.hover("rule x { observe", 10, self.reopen("rule x { observe when tcp then drop }")))

    def reopen(self, text):
        self.client.change("edge.rules", text)
        return text

    def test_hover_says_what_a_rule_costs(self):
        client = self.open()
        for _ in range(100):
            said = self.hover("rule guessing", 6)
            if "Cost:" in said:
                break
            client.take(client.read())
        self.assertIn("who guesses passwords", said)
        self.assertRegex(said, r"Cost: \d+ comparisons?, \d+ to \d+ instructions\. State: \d+ KB\.")
        self.assertRegex(self.hover("set blocked", 5), r"\d+ KB in the kernel")


class Names(LspCase):
    def test_definition(self):
        client = self.open()
        found = client.at("textDocument/definition", "edge.rules", *find(POLICY, "in office", 4))["result"]
        self.assertEqual((found["uri"], found["range"]["start"]), (client.uri("nets.rules"), {"line": 0, "character": 4}))
        found = client.at("textDocument/definition", "edge.rules", *find(POLICY, "by office_ssh", 4))["result"]
        self.assertEqual(found["range"]["start"]["line"], find(POLICY, "rule office_ssh")[0])
        found = client.at("textDocument/definition", "edge.rules", *find(POLICY, "nets.rules", 2))["result"]
        self.assertEqual(found["uri"], client.uri("nets.rules"))
        self.assertIsNone(client.at("textDocument/definition", "edge.rules", *find(POLICY, "tcp.dport", 2))["result"])

    def test_references(self):
        client = self.open()
        at = find(POLICY, "let new_tcp", 5)
        found = client.at("textDocument/references", "edge.rules", *at, context={"includeDeclaration": True})["result"]
        self.assertEqual(len(found), POLICY.count("new_tcp"))
        found = client.at("textDocument/references", "edge.rules", *at, context={"includeDeclaration": False})["result"]
        self.assertEqual(len(found), POLICY.count("new_tcp") - 1)

    def rename(self, name, line, character, to):
        reply = self.client.at("textDocument/rename", name, line, character, newName=to)
        if "error" in reply:
            return reply["error"]["message"]
        return {change["textDocument"]["uri"]: change["edits"] for change in reply["result"]["documentChanges"]}

    def test_rename_in_every_file_that_imports(self):
        (self.folder / "other.rules").write_text('import "nets.rules"\nrule o { when ip.dst in office then pass }\n')
        (self.folder / "stranger.rules").write_text("let office = 7\nrule s { when ip.ttl == office then drop }\n")
        client = self.open()
        client.open("nets.rules", NETS)
        edits = self.rename("nets.rules", 0, 5, "headquarters")
        self.assertEqual(set(edits), {client.uri(n) for n in ("edge.rules", "nets.rules", "other.rules")})
        for name in ("edge.rules", "nets.rules", "other.rules"):
            path = self.folder / name
            path.write_text(applied(path.read_text(), edits[client.uri(name)]))
            self.assertNotIn("in office", path.read_text())
        done = subprocess.run([WEIR, "check", *(self.folder / n for n in ("edge.rules", "other.rules"))],
                              capture_output=True, text=True)
        self.assertNotIn("error", done.stderr)

    def test_rename_of_each_kind_of_name_leaves_a_policy_that_means_the_same(self):
        client = self.open()
        for words, more in (("rule guessing", 6), ("alert guess {", 7), ("sink log", 6), ("set blocked", 5),
                            ("let busy", 5), ("let to(", 5), ("to(host", 4), ("rule office_ssh", 6)):
            with self.subTest(words):
                edits = self.rename("edge.rules", *find(POLICY, words, more), "renamed_by_test")
                text = applied(POLICY, edits[client.uri("edge.rules")])
                (self.folder / "edge.rules").write_text(text)
                done = subprocess.run([WEIR, "test", self.folder / "edge.rules"], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn("renamed_by_test", text)

    def test_what_cannot_be_a_name_is_refused(self):
        self.open()
        at = find(POLICY, "let busy", 5)
        for name in ("drop", "tcp", "2x", "Upper", "a b", "", "web", "x" * 64):
            self.assertIsInstance(self.rename("edge.rules", *at, name), str, name)
        self.assertIn("no name", self.rename("edge.rules", *find(POLICY, "tcp.dport", 2), "x"))
        reply = self.client.at("textDocument/prepareRename", "edge.rules", *at)["result"]
        self.assertEqual(reply["placeholder"], "busy")


class Edits(LspCase):
    def test_formatting_is_that_of_weir_fmt(self):
        for name in sorted((SOURCE / "rules").rglob("*.rules")) + [self.folder / "edge.rules"]:
            text = name.read_text().replace("    ", " ").replace("{ when", "{   when") + "\n\n\n"
            document = f"f{len(self.client.versions)}.rules"
            self.client.open(document, text)
            edits = self.client.of("textDocument/formatting", document, options={"tabSize": 4})["result"]
            wanted = subprocess.run([WEIR, "fmt", "-"], input=text, capture_output=True, text=True).stdout
            self.assertEqual(applied(text, edits) if text.isascii() else wanted, wanted, name)
        self.client.open("broken.rules", "rule {")
        self.assertIn("error", self.client.of("textDocument/formatting", "broken.rules", options={}))

    def test_code_actions_are_the_fixes(self):
        text = "rule a { when tcp.dprot == 22 && ip4 then drop }\nrule b { when TCP then pass }\n"
        client = self.open(text)
        client.wait("edge.rules", lambda all: len(all) >= 2)
        reply = client.of("textDocument/codeAction", "edge.rules", context={"diagnostics": []},
                          range={"start": {"line": 0, "character": 0}, "end": {"line": 2, "character": 0}})["result"]
        fixes = [a for a in reply if a["kind"] == "quickfix"]
        self.assertTrue(fixes)
        all_of = [a for a in reply if a["kind"] == "source.fixAll"]
        change = (all_of or fixes)[0]["edit"]["documentChanges"][0]
        self.assertEqual(change["textDocument"], {"uri": client.uri("edge.rules"), "version": 1})
        self.assertIn(" and ", applied(text, change["edits"]))
        client.change("edge.rules", text + "\n")      # places of another version are not used
        far = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
        self.assertIn("result", client.of("textDocument/codeAction", "edge.rules", context={}, range=far))


class Outline(LspCase):
    def test_symbols_folds_and_colours(self):
        client = self.open()
        symbols = client.of("textDocument/documentSymbol", "edge.rules")["result"]
        self.assertTrue({"web", "to", "blocked", "guessing", "guess", "log", "others do not"}
                        <= {s["name"] for s in symbols})
        folds = client.of("textDocument/foldingRange", "edge.rules")["result"]
        self.assertIn(find(POLICY, "rule guessing")[0], [f["startLine"] for f in folds])
        legend = client.capabilities["semanticTokensProvider"]["legend"]["tokenTypes"]
        data = client.of("textDocument/semanticTokens/full", "edge.rules")["result"]["data"]
        line, character, seen, lines = 0, 0, {}, POLICY.splitlines()
        for i in range(0, len(data), 5):
            line, character = line + data[i], data[i + 1] + (character if data[i] == 0 else 0)
            seen.setdefault(lines[line][character:character + data[i + 2]], legend[data[i + 3]])
        wanted = {"rule": "keyword", "tcp.dport": "property", "web": "variable", "to": "function", "blocked": "struct",
                  "guess": "event", "22": "number", "==": "operator", "host": "parameter", "office_ssh": "class",
                  '"nets.rules"': "string"}
        self.assertEqual({word: seen.get(word) for word in wanted}, wanted)

    def test_a_lens_runs_a_test(self):
        client = self.open(POLICY.replace("drop by default", "pass"))
        lenses = client.of("textDocument/codeLens", "edge.rules")["result"]
        self.assertEqual([l["command"]["title"] for l in lenses], ["Run test", "Run test", "Run all 2 tests"])
        command = lenses[0]["command"]
        reply = client.request("workspace/executeCommand", {"command": command["command"],
                                                            "arguments": command["arguments"]})["result"]
        self.assertEqual((reply["passed"], reply["failed"]), (1, 0))
        command = lenses[2]["command"]
        reply = client.request("workspace/executeCommand", {"command": command["command"],
                                                            "arguments": command["arguments"]})["result"]
        self.assertEqual((reply["passed"], reply["failed"]), (1, 1))
        failed = client.wait("edge.rules", lambda all: any(d["code"] == "test-failed" for d in all))
        one = next(d for d in failed if d["code"] == "test-failed")
        self.assertEqual(one["range"]["start"]["line"], find(POLICY, "tcp 198.51.100.7")[0])
        client.change("edge.rules", POLICY)
        client.wait("edge.rules", lambda all: not any(d["code"] == "test-failed" for d in all))

    def test_a_policy_that_is_refused_runs_no_test(self):
        client = self.open(POLICY.replace("tcp.syn", "tcp.sin"))
        reply = client.request("workspace/executeCommand", {"command": "weir.runTest",
                                                            "arguments": [client.uri("edge.rules")]})
        self.assertIn("tcp.sin", reply["error"]["message"])


class Protocol(LspCase):
    def test_life(self):
        self.open()
        self.assertEqual(self.client.close(), 0)

    def test_the_end_of_input_ends_it(self):
        self.client.process.stdin.close()
        self.assertEqual(self.client.process.wait(timeout=60), 3)

    def test_what_is_unknown_is_refused_and_the_server_goes_on(self):
        client = self.open()
        self.assertEqual(client.request("textDocument/nothing", {})["error"]["code"], -32601)
        self.assertEqual(client.at("textDocument/hover", "none.rules", 0, 0)["error"]["code"], -32602)
        self.assertIn("error", client.request("workspace/executeCommand", {"command": "rm", "arguments": []}))
        self.assertIn("error", client.request("textDocument/hover", [1, 2]))
        self.assertIn("error", client.request("initialize", {}))
        self.assertIn("result", client.at("textDocument/hover", "edge.rules", 4, 5))

    def test_a_request_that_was_cancelled_with_it_is_not_done(self):
        client = self.open()
        import json
        frames = b""
        for message in ({"id": 77, "method": "textDocument/hover", "params": {}},
                        {"method": "$/cancelRequest", "params": {"id": 77}}):
            content = json.dumps({"jsonrpc": "2.0", **message}).encode()
            frames += b"Content-Length: %d\r\n\r\n" % len(content) + content
        client.send_bytes(frames)
        while True:
            message = client.read()
            if message.get("id") == 77:
                break
        self.assertIn(message["error"]["code"], (-32800, -32602))   # -32602: the pipe gave it in two parts


if __name__ == "__main__":
    unittest.main()
