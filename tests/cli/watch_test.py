#!/usr/bin/env python3
"""watch_test.py WEIR SOURCE: weir run --watch, however files are changed. Skipped as live_case.py says."""
import hashlib
import itertools
import os
import pathlib
import shutil
import signal
import time

from live_case import LiveCase, main

QUIET_S = 0.4   # longer than the engine waits after a change
PIECE_S = 1.0   # tooling/files/watcher.cpp, kAfterPiece_ms: how long it waits for the next piece
STORM_S = float(os.environ.get("WEIR_STORM_S", "3"))


def policy(name):
    return f"rule {name} {{ when udp.dport == 9 then drop }}\n"


class Watch(LiveCase):
    def in_force(self):
        return {rule["name"] for rule in self.status()["rules"]}

    def failed(self):
        return self.status()["reload_failed"]

    def wait_for(self, *names):
        """Of a file in pieces some make a policy of that name, too: it is in force once its hash is the whole file's."""
        def is_in_force():
            return self.in_force() == set(names) and all(
                file["sha256"] == hashlib.sha256(pathlib.Path(file["path"]).read_bytes()).hexdigest() for file in self.status()["files"])
        self.wait_until(is_in_force, f"{names} in force, with their files' hashes")

    def test_written_renamed_removed_and_back(self):
        self.policy.write_text(policy("a"))
        self.start("--watch")
        self.policy.write_text(policy("b"))
        self.wait_for("b")
        other = self.folder / "other"
        other.write_text(policy("c"))
        other.rename(self.policy)
        self.wait_for("c")
        # A file that is written anew is empty for a moment: read just then, it is one more failed reload.
        failed = self.failed()
        self.policy.unlink()
        self.wait_until(lambda: self.failed() > failed, "a policy that is gone is a failed reload")
        self.assertEqual(self.in_force(), {"c"})
        self.policy.write_text(policy("d"))
        self.wait_for("d")
        failed = self.failed()
        self.policy.write_text("rule d {")
        self.wait_until(lambda: self.failed() > failed, "a bad policy is a failed reload")
        self.assertEqual(self.in_force(), {"d"})
        self.policy.write_text(policy("e"))
        self.wait_for("e")

    def test_a_file_that_is_emptied(self):
        """As an editor or a full disk leaves it for a while: no policy, so the one in force stays."""
        self.policy.write_text(policy("a"))
        self.start("--watch")
        for text in ("", "# nothing yet\n", "\ufeff"):
            failed = self.failed()
            self.policy.write_text(text)
            self.wait_until(lambda: self.failed() > failed, f"{text!r} is a failed reload")
            self.assertEqual((self.in_force(), self.status()["generation"]), ({"a"}, 1))
        self.policy.write_text(policy("b"))
        self.wait_for("b")

    def test_the_same_again_is_no_reload(self):
        self.policy.write_text(policy("a"))
        self.start("--watch")
        time.sleep(QUIET_S)
        self.policy.write_text(policy("a"))
        os.utime(self.policy)
        (self.folder / "neighbour").write_text("x")
        time.sleep(QUIET_S)
        self.assertEqual(self.status()["generation"], 1)

    def test_links_that_are_turned_elsewhere(self):
        # As orchestrators do it: policy.rules -> ..data/policy.rules, ..data -> ..1, then ..data is replaced by a rename.
        for number in (1, 2, 3):
            (self.folder / f"..{number}").mkdir()
            (self.folder / f"..{number}" / "policy.rules").write_text(policy(f"v{number}"))
        self.policy.unlink()
        (self.folder / "..data").symlink_to("..1")
        self.policy.symlink_to("..data/policy.rules")
        self.start("--watch")
        self.assertEqual(self.in_force(), {"v1"})
        for number in (2, 3):
            (self.folder / "..next").symlink_to(f"..{number}")
            (self.folder / "..next").rename(self.folder / "..data")
            self.wait_for(f"v{number}")
        shutil.rmtree(self.folder / "..2")
        (self.folder / "..3" / "policy.rules").write_text(policy("v4"))
        self.wait_for("v4")

    def test_imports_and_set_files(self):
        (self.folder / "part.rules").write_text(policy("part"))
        (self.folder / "bad.txt").write_text("10.0.0.1\n")
        self.policy.write_text('import "part.rules"\nset bad : ip from "bad.txt"\nrule main { when ip.src in bad then drop }\n')
        self.start("--watch")
        self.assertEqual(len(self.status()["files"]), 3)
        (self.folder / "part.rules").write_text(policy("other"))
        self.wait_for("other", "main")
        generation = self.status()["generation"]
        (self.folder / "bad.txt").write_text("10.0.0.1\n10.0.0.2\n")
        self.wait_until(lambda: self.status()["generation"] == generation + 1, "a set file is watched")
        self.assertEqual(self.status()["sets"][0]["entries"], 2)
        self.wait_for("other", "main")

    def test_pieces_are_waited_for(self):
        self.policy.write_text(policy("a"))
        self.start("--watch")
        written = []
        with self.policy.open("w") as file:
            for name in ("p", "q", "r"):
                file.write(policy(name))
                file.flush()
                written.append(time.monotonic())
                time.sleep(0.2)
        written.append(time.monotonic())
        self.wait_for("p", "q", "r")
        self.assertEqual(self.status()["reload_failed"], 0)
        if max(after - before for before, after in itertools.pairwise(written)) < PIECE_S:  # else a piece came too late
            self.assertEqual(self.status()["generation"], 2)

    def test_a_storm_of_changes_and_signals(self):
        self.policy.write_text(policy("a"))
        process = self.start("--watch")
        begin = time.monotonic()
        for number in range(1000):
            other = self.folder / "other"
            other.write_text(policy(f"n{number}"))
            other.rename(self.policy)
            process.send_signal(signal.SIGHUP)
            time.sleep(0.0005)
        self.wait_for("n999")
        # Reloads take their time; signals that come meanwhile are one.
        took_ms = (time.monotonic() - begin) * 1000
        self.assertLess(self.status()["generation"], 10 + took_ms / 5)
        self.assertEqual(self.status()["reload_failed"], 0)
        print(f"1000 changes and signals in {took_ms:.0f} ms: {self.status()['generation']} generations")

    def test_a_thousand_signals_a_second_while_files_change_in_every_way(self):
        """Renames, links that are turned elsewhere, and files in pieces; the last content wins, and its hash is told."""
        pieces = 5
        self.policy.write_text(policy("a"))
        process = self.start("--watch")
        signals, begin = 0, time.monotonic()
        ways = itertools.cycle(("rename", "link", "pieces"))

        def hang_up(until):
            nonlocal signals
            while time.monotonic() < until:
                process.send_signal(signal.SIGHUP)
                signals += 1
                time.sleep(max(0, begin + signals / 1000 - time.monotonic()))

        number = 0
        while time.monotonic() < begin + STORM_S:
            number += 1
            way, text = next(ways), policy(f"n{number}") + "# " + "x" * 5000 + "\n"
            if way == "pieces":
                with self.policy.open("w") as file:
                    for piece in range(pieces):
                        file.write(text[len(text) * piece // pieces:len(text) * (piece + 1) // pieces])
                        file.flush()
                        hang_up(time.monotonic() + 0.01)
            else:
                other = self.folder / "other"
                if way == "link":
                    target = self.folder / f"target{number}.rules"
                    target.write_text(text)
                    other.symlink_to(target)
                else:
                    other.write_text(text)
                other.rename(self.policy)
            hang_up(time.monotonic() + 0.02)
        took_s = time.monotonic() - begin
        self.wait_for(f"n{number}")
        status = self.status()
        self.assertLess(status["generation"] + status["reload_failed"], 10 + took_s * 1000 / 5)
        self.assertGreater(signals / took_s, 500)
        print(f"{signals} signals and {number} changes in {took_s:.1f} s: {status['generation']} generations, {status['reload_failed']} refused")


if __name__ == "__main__":
    main()
