#!/usr/bin/env python3
"""What editors get beside the server: editors_test.py WEIR SOURCE. The TextMate grammar colours all words of the language;
the VS Code extension is whole; the configuration of docs/editors.md works in Neovim, where that is installed."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from client import Client

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))
EXTENSION = SOURCE / "packaging/editors/vscode"
GRAMMAR = json.loads((EXTENSION / "weir.tmLanguage.json").read_text())


def scope(text, word):
    """The scope that the grammar gives to `word` in a line, as an editor finds it: at each place the first pattern that
    matches earliest."""
    at, target = 0, text.index(word)
    while at < len(text):
        best = None
        for include in GRAMMAR["patterns"]:
            rule = GRAMMAR["repository"][include["include"][1:]]
            found = re.compile(rule.get("match", rule.get("begin"))).search(text, at)
            if found and found.end() > found.start() and (best is None or found.start() < best[0].start()):
                best = (found, rule)
        if best is None:
            return None
        found, rule = best
        end = found.end()
        if "begin" in rule:
            closing = re.compile(rule["end"]).search(text, end)
            end = closing.end() if closing else len(text)
        if found.start() <= target < end:
            for number, capture in rule.get("captures", {}).items():
                if found.start(int(number)) <= target < found.end(int(number)):
                    return capture["name"] if found[int(number)] == word else None
            return rule.get("name") if end - found.start() >= len(word) else None
        at = max(end, at + 1)
    return None


class Grammar(unittest.TestCase):
    def test_every_reserved_word_is_coloured(self):
        words = re.findall(r"^WEIR_RESERVED\((\w+),", (SOURCE / "grammar/reserved.def").read_text(), re.M)
        self.assertGreater(len(words), 20)
        missing = [w for w in words if not (scope(f"x {w} y", w) or "").startswith(("keyword", "constant", "variable"))]
        self.assertEqual(missing, [])

    def test_every_field_is_coloured(self):
        with tempfile.TemporaryDirectory() as folder:
            client = Client(WEIR, pathlib.Path(folder).resolve())
            client.open("a.rules", "rule a { when ")
            items = client.at("textDocument/completion", "a.rules", 0, 14)["result"]["items"]
            client.close()
        fields = [i["label"] for i in items if i["kind"] == 5]
        self.assertGreater(len(fields), 150)
        missing = [f for f in fields if scope(f"    when {f} == 1", f) != "variable.language.field.weir"]
        self.assertEqual(missing, [])

    def test_every_word_of_the_server_is_coloured(self):
        words = set(re.findall(r'^WEIR_WORD\("(\w+)",', (SOURCE / "tooling/lsp/words.def").read_text(), re.M))
        self.assertGreater(len(words), 80)
        missing = sorted(w for w in words if not scope(f"x {w} (y)", w) and not scope(f"{w} (", w))
        self.assertEqual(missing, [])

    def test_what_is_no_word_is_not_coloured_as_one(self):
        for text, word, expected in (("# rule drop", "drop", "comment"), ('note "drop it"', "drop", "string"),
                                     ("when tcp.dport == 22", "22", "constant.numeric"),
                                     ("when ip.src in 10.0.0.0/8", "10.0.0.0/8", "constant.numeric"),
                                     ("when ip.src == 2001:db8::1", "2001:db8::1", "constant.numeric"),
                                     ("rule drops { when tcp", "drops", "entity.name"), ("limit 10/min", "10/min", "constant")):
            self.assertTrue((scope(text, word) or "").startswith(expected), (text, word, scope(text, word)))
        self.assertIsNone(scope("when dropped", "dropped"))
        self.assertIsNone(scope("in my_tcp", "my_tcp"))


class Extension(unittest.TestCase):
    def test_the_package_is_whole(self):
        package = json.loads((EXTENSION / "package.json").read_text())
        lock = json.loads((EXTENSION / "package-lock.json").read_text())
        named = [package["main"]] + [one["path"] for one in package["contributes"]["grammars"]]
        named += [one["configuration"] for one in package["contributes"]["languages"]]
        for name in named:
            self.assertTrue((EXTENSION / name).is_file(), name)
        json.loads((EXTENSION / "language-configuration.json").read_text())
        self.assertEqual(GRAMMAR["scopeName"], package["contributes"]["grammars"][0]["scopeName"])
        for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
            self.assertEqual(lock["packages"][f"node_modules/{name}"]["version"], version)
        self.assertNotIn('"resolved"', (EXTENSION / "package-lock.json").read_text())    # no registry's address
        self.assertFalse((EXTENSION / "node_modules").exists())
        node = shutil.which("node")
        if node:
            subprocess.run([node, "--check", EXTENSION / "extension.js"], check=True, timeout=60)

    @unittest.skipUnless(shutil.which("npm") and os.environ.get("WEIR_TEST_VSIX"), "WEIR_TEST_VSIX=1 packages it: needs npm's registry")
    def test_it_is_packaged(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "weir.vsix")
            subprocess.run(["bash", SOURCE / "packaging/editors/package-vsix.sh", out], check=True, timeout=600)
            self.assertGreater(out.stat().st_size, 10000)


NEOVIM = """
vim.opt.swapfile = false
%s
vim.cmd("edit edge.rules")
vim.bo.filetype = "weir"
local function wait(what, holds)
  if not vim.wait(30000, holds, 20) then io.stderr:write("no " .. what .. "\\n") vim.cmd("cquit 1") end
end
local function ask(method, more)
  local params = vim.tbl_extend("force", vim.lsp.util.make_position_params(0, "utf-16"), more or {})
  for _, reply in pairs(vim.lsp.buf_request_sync(0, method, params, 30000) or {}) do return reply.result end
end
wait("client", function() return #vim.lsp.%s({ bufnr = 0 }) > 0 end)
wait("diagnostic", function()
  for _, one in ipairs(vim.diagnostic.get(0)) do if one.code == "E201" then return true end end
end)
vim.api.nvim_buf_set_text(0, 0, 17, 0, 22, { "dport" })
wait("end of it", function()
  for _, one in ipairs(vim.diagnostic.get(0)) do if one.severity == 1 then return false end end
  return true
end)
vim.api.nvim_win_set_cursor(0, { 1, 16 })
if not vim.inspect(ask("textDocument/hover")):find("TCP destination port") then io.stderr:write("no hover\\n") vim.cmd("cquit 1") end
if not vim.inspect(ask("textDocument/completion")):find("tcp.dport") then io.stderr:write("no completion\\n") vim.cmd("cquit 1") end
vim.api.nvim_win_set_cursor(0, { 1, 6 })
vim.lsp.buf.rename("renamed")
wait("rename", function() return vim.api.nvim_buf_get_lines(0, 1, 2, false)[1]:find("by renamed") ~= nil end)
vim.lsp.buf.%s
wait("layout", function() return vim.api.nvim_buf_get_lines(0, 0, 1, false)[1] == "rule renamed { when tcp.dport == 22 then drop }" end)
print("all")
vim.cmd("qall!")
"""


@unittest.skipUnless(shutil.which("nvim"), "Neovim is not installed")
class Neovim(unittest.TestCase):
    def test_the_configuration_of_the_page_works(self):
        page = (SOURCE / "docs/editors.md").read_text()
        said = subprocess.run(["nvim", "--version"], capture_output=True, text=True, timeout=60).stdout
        version = tuple(map(int, re.search(r"v(\d+)\.(\d+)", said).groups()))
        blocks = re.findall(r"```lua\n(.*?)```", page, re.S)
        self.assertEqual(len(blocks), 2)
        clients = "get_clients" if version >= (0, 10) else "buf_get_clients"
        layout = "format({ async = false })" if version >= (0, 8) else "formatting_sync(nil, 30000)"
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "bin").mkdir()
            (pathlib.Path(folder) / "bin/weir").symlink_to(pathlib.Path(WEIR).resolve())
            (pathlib.Path(folder) / "edge.rules").write_text(
                "rule first { when tcp.dprot == 22  then  drop }\n".replace("first", "a", 1).replace("a { when tcp.", "a {when tcp.")
                + 'test "t" { tcp 1.2.3.4:5 -> 1.2.3.5:22 syn => drop by a }\n')
            script = NEOVIM % (blocks[0] if version >= (0, 11) else blocks[1], clients, layout)
            if clients == "buf_get_clients":
                script = script.replace("buf_get_clients({ bufnr = 0 })", "buf_get_clients(0)")
            (pathlib.Path(folder) / "try.lua").write_text(script)
            done = subprocess.run(["nvim", "--headless", "-u", "NONE", "-c", "luafile try.lua"], cwd=folder, timeout=300,
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                  env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": folder})
            self.assertIn("all", done.stdout + done.stderr, done.stdout + done.stderr)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
