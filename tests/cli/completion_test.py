#!/usr/bin/env python3
"""completion_test.py WEIR SOURCE: `weir __complete`, and the scripts of `weir completion` in their shells: bash always, zsh
and fish where they are installed. Names of files, interfaces and engines are data, whatever they contain."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import unittest

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))
HOSTILE = "ev il$(touch pwned)`touch pwned`;'\".rules"
HANGS_S = 120


def ask(shell, *words):
    done = subprocess.run([WEIR, "__complete", shell, *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    lines = done.stdout.split("\n")
    return lines[0], lines[1:-1]


class Completion(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        (self.bin / "weir").symlink_to(pathlib.Path(WEIR).resolve())
        self.work = self.folder / "work"
        (self.work / "sub").mkdir(parents=True)
        for name in ("edge.rules", "notes.txt", "some.pcap", HOSTILE):
            (self.work / name).write_text("")
        self.env = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(self.folder), "TERM": "dumb"}

    def test_values(self):
        formats = ["human", "json", "sarif", "github", "gitlab"]
        self.assertEqual(ask("bash", "check", "--format", ""), ("", formats))
        self.assertEqual(ask("bash", "check", "--format", "=", "j"), ("", ["json"]))       # bash's words
        self.assertEqual(ask("bash", "check", "--format", "="), ("", formats))
        self.assertEqual(ask("fish", "check", "--format=h"), ("", ["--format=human"]))
        self.assertEqual(ask("bash", "import", "--format", ""), ("", formats))
        self.assertEqual(ask("bash", "diff", "--format", ""), ("", ["human", "json", "markdown", *formats[2:]]))
        self.assertEqual(ask("bash", "status", "--format", ""), ("", ["human", "json"]))
        self.assertEqual(ask("bash", "test", "--engine", ""), ("", ["kernel", "native", "oracle", "all"]))
        self.assertEqual(ask("bash", "bench", "--engine", ""), ("", ["kernel", "native"]))
        self.assertEqual(ask("bash", "compile", "--emit", ""), ("", ["ast", "decision", "llvm", "asm", "elf"]))
        self.assertEqual(ask("bash", "run", "--mode", ""), ("", ["auto", "native", "generic"]))
        self.assertEqual(ask("bash", "check", "--deny", ""), ("", ["warnings"]))
        self.assertEqual(ask("bash", "completion", ""), ("", ["bash", "zsh", "fish"]))
        self.assertEqual(ask("bash", "explain", "E20")[1][:2], ["E201", "E202"])
        self.assertIn("E201\tunknown field", ask("zsh", "explain", "E2")[1])
        codes = set(re.findall(r"WEIR_DIAGNOSTIC\(([A-Z]\d+),", (SOURCE / "grammar/diagnostics.def").read_text()))
        self.assertEqual(set(ask("bash", "explain", "")[1]), codes)
        interfaces = sorted(os.listdir("/sys/class/net"))
        self.assertEqual(ask("bash", "run", "edge.rules", "-i", ""), ("", interfaces))
        self.assertEqual(ask("bash", "run", "--interface", "lo")[1], [name for name in interfaces if name.startswith("lo")])

    def test_commands_options_and_files(self):
        self.assertEqual(ask("bash", "rep"), ("", ["replay"]))
        self.assertIn("check\tchecks policies: syntax, names, types, limits, rule logic", ask("fish", "")[1])
        self.assertNotIn("__complete", ask("bash", "")[1])
        self.assertEqual(ask("bash", "check", "--fo"), ("", ["--format"]))
        self.assertIn("--quiet", ask("bash", "-")[1])
        self.assertEqual(ask("bash", "set", "l"), ("", ["list"]))
        self.assertEqual(ask("bash", "check", "edge.rules", ""), ("*.rules", []))
        self.assertEqual(ask("bash", "check", "--", "-x"), ("*.rules", []))
        self.assertEqual(ask("bash", "replay", ""), ("*.rules", []))
        self.assertEqual(ask("bash", "replay", "edge.rules", ""), ("*.pcap *.pcapng *.cap *.gz", []))
        self.assertEqual(ask("bash", "replay", "a", "b", ""), ("", []))
        self.assertEqual(ask("bash", "import", "nft", ""), ("*", []))
        self.assertEqual(ask("bash", "check", "--include", ""), ("folders", []))
        self.assertEqual(ask("bash", "check", "--filter", "x", "--no-such", ""), ("*.rules", []))
        self.assertEqual(ask("bash", "frobnicate", "x", ""), ask("bash", ""))
        self.assertEqual(subprocess.run([WEIR, "__complete", "bash"], capture_output=True, timeout=60).returncode, 0)

    def bash(self, *words):
        """COMPREPLY, a line each, for words that are as the user typed them."""
        script = subprocess.run([WEIR, "completion", "bash"], capture_output=True, text=True, timeout=60).stdout
        done = subprocess.run(["bash", "-c", script + '\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weir weir; printf "%s\\n" "${COMPREPLY[@]}"', "-", "weir", *words],
                              capture_output=True, text=True, timeout=60, cwd=self.work, env=self.env)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return sorted(line for line in done.stdout.split("\n") if line)

    def test_bash(self):
        self.assertEqual(self.bash("re"), ["record", "reload", "replay"])
        self.assertEqual(self.bash("check", "--format", ""), ["github", "gitlab", "human", "json", "sarif"])
        self.assertEqual(self.bash("check", "--format", "=", "s"), ["sarif"])
        self.assertEqual(self.bash("check", ""), ["edge.rules", HOSTILE, "sub"])
        self.assertEqual(self.bash("check", "no"), ["notes.txt"])                # nothing else fits
        self.assertEqual(self.bash("replay", "edge.rules", ""), ["some.pcap", "sub"])
        self.assertEqual(self.bash("check", "-I", ""), ["sub"])
        self.assertEqual(self.bash("check", "ev\\ il\\$\\("), [HOSTILE])
        self.assertFalse((self.work / "pwned").exists())

    def typed(self, *command, keys, env=None):
        """What a shell on a terminal prints for `keys`, up to the line that starts with END."""
        screen, other = pty.openpty()
        shell = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, cwd=self.work, env={**self.env, **(env or {})}, start_new_session=True)
        os.close(other)
        text = b""
        try:
            os.write(screen, keys.encode())
            while not re.search(rb"(?m)^END", text):
                self.assertTrue(select.select([screen], [], [], HANGS_S)[0], text)
                text += os.read(screen, 65536)
        finally:
            shell.kill()
            shell.wait()
            os.close(screen)
        return text.decode(errors="replace").replace("\r", "")

    def test_bash_on_a_terminal_quotes(self):
        """The name is one word for the command, and nothing in it is executed."""
        (self.work / "edge.rules").unlink()
        script = self.folder / "weir.bash"
        script.write_text(subprocess.run([WEIR, "completion", "bash"], capture_output=True, text=True, timeout=60).stdout)
        rc = self.folder / "rc"
        rc.write_text(f"PS1='> '\nsource {script}\nbind 'set enable-bracketed-paste off' 2>/dev/null\n")
        said = self.typed("bash", "--rcfile", str(rc), "-i", keys="weir fmt --check ev\t\nprintf 'EN%s %s\\n' D $?\n")
        self.assertRegex(said, r"(?m)^END 0")                 # an empty file is in the canonical layout
        self.assertFalse((self.work / "pwned").exists(), said)

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self):
        functions = self.folder / "functions"
        functions.mkdir()
        script = subprocess.run([WEIR, "completion", "zsh"], capture_output=True, text=True, timeout=60).stdout
        (functions / "_weir").write_text(script)
        (self.folder / ".zshrc").write_text(f"fpath=({functions} $fpath)\nautoload -U compinit && compinit -u -D\nPS1='> '\nunsetopt zle_bracketed_paste 2>/dev/null\n")
        env = {"ZDOTDIR": str(self.folder), "TERM": "xterm"}
        done = subprocess.run(["zsh", "-n", str(functions / "_weir")], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = self.typed("zsh", "-i", keys="weir fmt --che\tev\t\nprintf 'EN%s %s\\n' D $?\n", env=env)
        self.assertIn("END 0", said)
        self.assertFalse((self.work / "pwned").exists(), said)

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish(self):
        script = self.folder / "weir.fish"
        script.write_text(subprocess.run([WEIR, "completion", "fish"], capture_output=True, text=True, timeout=60).stdout)

        def complete(line):
            done = subprocess.run(["fish", "-N", "-c", f"source {script}; complete -C '{line}'"], capture_output=True, text=True, timeout=60, cwd=self.work, env=self.env)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return sorted(one.split("\t")[0] for one in done.stdout.split("\n") if one)

        self.assertEqual(complete("weir rep"), ["replay"])
        self.assertEqual(complete("weir check --format "), ["github", "gitlab", "human", "json", "sarif"])
        self.assertEqual(complete("weir check --format=j"), ["--format=json"])
        self.assertIn("edge.rules", complete("weir check "))
        self.assertEqual(complete("weir check -I "), ["sub/"])
        self.assertFalse((self.work / "pwned").exists())


if __name__ == "__main__":
    unittest.main()
