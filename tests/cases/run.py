#!/usr/bin/env python3
"""run.py WEIR [CASE…]: inputs that once went wrong, mostly from public reports about other programs.

A case is a folder with a case.json:
  about, source   what holds, and where it was seen
  not_yet         why it does not hold yet. The case is then skipped (status 77), and fails once it holds: remove the line
  runs            commands in the folder. `replay` and `test` run with all evaluators (without the right to load BPF
                  programs with two of them). OUT is a file in a folder of its own.
    command, status
    packets       what `replay` says of each packet: the keys that are there; `times` so many in a row
    stdout_has, stderr_has, stderr_lacks   texts
    out_before, out_after   files that OUT is a copy of, before and after
    lengths       of each packet in OUT: captured and original
Status 1 if a case is wrong, else 77 if one does not hold yet, else 0."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def call(weir, arguments, folder):
    return subprocess.run([weir, *arguments], cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)


def kernel_is_allowed(weir):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "t.rules")
        path.write_text('rule r { when tcp then drop }\ntest "t" { arp 1.2.3.4 -> 1.2.3.5 => pass }\n')
        return json.loads(call(weir, ["test", "--format", "json", str(path)], folder).stdout)["engine"] == "kernel"


def lengths(pcapng):
    at, found = 0, []
    while at < len(pcapng):
        kind, length = struct.unpack_from("<II", pcapng, at)
        if kind == 6:
            found.append(list(struct.unpack_from("<II", pcapng, at + 20)))
        at += length
    return found


def packets_wrong(expected, lines):
    """The first packet that is not as it should be, or nothing."""
    wanted = [{k: v for k, v in one.items() if k != "times"} for one in expected for _ in range(one.get("times", 1))]
    if len(wanted) != len(lines):
        return f"{len(lines)} packets instead of {len(wanted)}"
    for want, line in zip(wanted, lines):
        got = json.loads(line)
        if any(got[key] != value for key, value in want.items()):
            return f"packet {got['packet']}: {line} instead of {want}"
    return None


def wrong(weir, folder, run, engine):
    """What is wrong with one command, or nothing."""
    command = list(run["command"])
    if engine:
        command[1:1] = ["--engine", engine]
    if "packets" in run:
        command[1:1] = ["--format", "json"]
    with tempfile.TemporaryDirectory() as place:
        out = pathlib.Path(place, "out.pcapng")
        if "out_before" in run:
            shutil.copyfile(folder / run["out_before"], out)
        said = call(weir, [str(out) if word == "OUT" else word for word in command], folder)
        if said.returncode != run["status"]:
            return f"status {said.returncode} instead of {run['status']}: {said.stderr[:400]}"
        for text, keys in ((said.stdout, "stdout_has"), (said.stderr, "stderr_has")):
            for part in run.get(keys, []):
                if part not in text and not (engine != "all" and part == "the answers are not compared"):
                    return f"`{part}` is missing in: {text[:400]}"
        for part in run.get("stderr_lacks", []):
            if part in said.stderr:
                return f"`{part}` is in: {said.stderr[:400]}"
        if "out_after" in run and out.read_bytes() != (folder / run["out_after"]).read_bytes():
            return "the file of --out changed"
        if "lengths" in run and lengths(out.read_bytes()) != run["lengths"]:
            return f"lengths {lengths(out.read_bytes())}"
        return packets_wrong(run["packets"], said.stdout.splitlines()) if "packets" in run else None


def faults(weir, folder, case, engines):
    for run in case["runs"]:
        for engine in engines if run["command"][0] in ("replay", "test") else [""]:
            fault = wrong(weir, folder, run, engine)
            if fault:
                yield f"{' '.join(run['command'])} {engine}: {fault}"


def main():
    weir = os.path.abspath(sys.argv[1])
    names = sys.argv[2:] or sorted(path.parent.name for path in HERE.glob("*/case.json"))
    engines = ["all", "kernel", "native", "oracle"] if kernel_is_allowed(weir) else ["native", "oracle"]
    bad = not_yet = 0
    for name in names:
        case = json.loads((HERE / name / "case.json").read_text())
        found = list(faults(weir, HERE / name, case, engines))
        if "not_yet" in case and not found:
            found = ["it holds now: remove `not_yet` from its case.json"]
        elif "not_yet" in case:
            not_yet += 1
            print(f"not yet  {name}: {case['not_yet']}")
            continue
        bad += bool(found)
        print(f"{'WRONG   ' if found else 'ok      '} {name}", *found, sep="\n         ")
    print(f"{len(names)} cases: {bad} wrong, {not_yet} not yet")
    return 1 if bad else 77 if not_yet else 0


if __name__ == "__main__":
    sys.exit(main())
