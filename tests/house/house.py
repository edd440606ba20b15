#!/usr/bin/env python3
"""Holds the house to its own rules: house.py CHECK [--root DIR] [--weir PROGRAM].

CHECK is one of the functions below whose name begins with `check_`. Prints each breach and ends with status 1 if there
is one. house_test.py plants a breach of each rule and wants it found."""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

ROOMS = ("bpf", "grammar", "compiler", "runtime", "tooling", "service", "cli")
CODE = (".cpp", ".h", ".c", ".def")
MAX_FILE_LINES = 500        # CONTRIBUTING.md, conventions
MAX_FUNCTION_LINES = 70

# What each room may include of the project, by prefix: the row of the longest name that a file's path begins with.
ABI = ("bpf/abi.h", "bpf/table.h", "bpf/name_table.h", "bpf/answer.h", "bpf/direction.h", "bpf/flow.h", "bpf/histogram.h",
       "bpf/print.h", "bpf/record.h", "bpf/tls_walks.h")
OBJECT = ("compiler/object.h", "compiler/object_bytes.h")
POLICY = ("grammar/", "compiler/packet/", "compiler/policy/")
BELOW_TOOLING = ("grammar/", "compiler/", "runtime/", *ABI)
MAY_SEE = {
    "bpf/": ("bpf/",),
    "grammar/base/": ("grammar/base/",),                      # below all rooms
    "grammar/": ("grammar/",),
    "compiler/packet/": ("grammar/", "compiler/packet/", *ABI),
    "compiler/policy/": (*POLICY, *ABI),
    "compiler/sema/": (*POLICY, "compiler/sema/", *ABI),
    "compiler/oracle/": (*POLICY, "compiler/oracle/"),
    "compiler/analysis/": (*POLICY, "compiler/analysis/", *ABI),
    "compiler/ir/": (*POLICY, "compiler/ir/", "compiler/object.h", *ABI),
    "compiler/codegen/": (*POLICY, "compiler/ir/", "compiler/codegen/", "compiler/compiler.h",
                          *OBJECT, *ABI),
    "compiler/": ("grammar/", "compiler/", *ABI),
    "runtime/engine/": ("grammar/base/", "runtime/", *OBJECT, *ABI),
    "runtime/state/": ("grammar/base/", "runtime/", *OBJECT, *ABI),
    "runtime/sinks/": ("grammar/base/", "runtime/", *OBJECT, *ABI),
    "runtime/": ("grammar/base/", "runtime/", *OBJECT, *ABI),
    "tooling/": (*BELOW_TOOLING, "tooling/"),
    "service/": (*BELOW_TOOLING, "tooling/", "service/"),
    "cli/": (*BELOW_TOOLING, "tooling/", "service/", "cli/"),
}
# Sub-rooms of a room that see one another one way only: a file of the first may not see the second.
NOT_SEEN = {
    "runtime/state/": ("runtime/engine/", "runtime/sinks/"),
    "runtime/sinks/": ("runtime/engine/", "runtime/state/"),
    "tooling/files/": ("tooling/judge/", "tooling/lsp/"),
    "tooling/judge/": ("tooling/lsp/",),
}
# Libraries that only some folders may see, by what the include begins with.
LIBRARIES = {
    "llvm": ("compiler/codegen/",),
    "bpf/": ("runtime/", "bpf/"),                 # <bpf/libbpf.h>, <bpf/bpf_helpers.h>
    "tao/": ("grammar/",),
    "CLI/": ("cli/",),
    "zlib": ("tooling/judge/",),
    "curl/": ("runtime/sinks/",),
    "librdkafka/": ("runtime/sinks/",),
    "openssl/": ("runtime/sinks/", "tooling/files/signing_key.cpp"),
    "microhttpd": ("service/http/",),
}
NO_IO = ("iostream", "fstream", "filesystem", "cstdio", "stdio.h", "unistd.h", "fcntl.h")   # grammar/ and compiler/ do none


def files(root, suffixes=None, under=()):
    """Files of the project, sorted; build folders and hidden ones (but .ci) are none of it."""
    for folder, names, leaves in os.walk(root):
        names[:] = sorted(n for n in names if (not n.startswith(".") or n == ".ci") and not n.startswith("build")
                          and n not in ("__pycache__", "node_modules"))
        for leaf in sorted(set(leaves) - {".git"}):            # a work tree's
            path = pathlib.Path(folder, leaf)
            inside = path.relative_to(root).as_posix()
            if (suffixes is None or path.suffix in suffixes) and (not under or inside.startswith(tuple(under))):
                yield inside, path


def text(path):
    return path.read_text(encoding="utf-8", errors="replace")


def check_includes(root, _):
    """The one-way order between the rooms, and who may see which library."""
    pegtl = set()
    for inside, path in files(root, CODE, [room + "/" for room in ROOMS]):
        room = inside.split("/")[0]
        for number, line in enumerate(text(path).splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if not found:
                continue
            quoted, target = found[1] == '"', found[2]
            where = f"{inside}:{number}"
            own = max((name for name in MAY_SEE if inside.startswith(name)), key=len)
            hidden = next((names for name, names in NOT_SEEN.items() if inside.startswith(name)), ())
            if quoted and (not target.startswith(MAY_SEE[own]) or target.startswith(hidden or "?")):
                yield f'{where}: {own} may not see "{target}"'
            if quoted and target.split("/")[0] not in ROOMS:
                yield f'{where}: "{target}" is no full path from the root'
            if quoted:
                continue
            for library, folders in LIBRARIES.items():
                if target.startswith(library) and not inside.startswith(folders):
                    yield f"{where}: <{target}> belongs to {', '.join(folders)} alone"
            if target.startswith("tao/"):
                pegtl.add(inside)
            if target in NO_IO and room in ("grammar", "compiler") and inside != "grammar/base/check.cpp":  # its last words
                yield f"{where}: {room}/ does no I/O: <{target}>"
    if len(pegtl) > 1 or any(not name.endswith(".cpp") for name in pegtl):
        yield f"PEGTL is seen by one .cpp alone, not by {', '.join(sorted(pegtl))}"


def without_comments_and_strings(source):
    """The same text, line for line, with comments and the insides of literals blanked."""
    pattern = re.compile(r'R"([^\s()\\]{0,16})\((?:.|\n)*?\)\1"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"'
                         r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'")
    return pattern.sub(lambda m: "\n" * m[0].count("\n"), source)


def functions(source):
    """(first line, lines) of each outermost function body, by counting braces."""
    line, depth, start, statement = 1, 0, None, ""
    for character in without_comments_and_strings(source):
        if character == "\n":
            line += 1
        if start is None:
            if character in ";}":
                statement = ""
            elif character == "{":
                head = re.sub(r"^(\s*#[^\n]*\n)+", "", statement).strip()
                scope = re.search(r"\b(namespace|struct|class|enum|union|extern)\b[^()]*$", head)
                if "(" in head and not scope and not head.endswith("="):
                    start, depth = line - head.count("\n"), 1
                statement = ""
            else:
                statement += character
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                yield start, line - start + 1
                start, statement = None, ""


def check_lengths(root, _):
    """Files under 500 lines, functions under 70."""
    for inside, path in files(root, (".cpp", ".h", ".c", ".py", ".sh")):
        source = text(path)
        lines = source.count("\n")
        if lines >= MAX_FILE_LINES:
            yield f"{inside}: {lines} lines; a file has fewer than {MAX_FILE_LINES}"
        if path.suffix in (".cpp", ".h", ".c"):
            for first, length in functions(source):
                if length >= MAX_FUNCTION_LINES:
                    yield f"{inside}:{first}: a function of {length} lines; it has fewer than {MAX_FUNCTION_LINES}"


def diagnostic_codes(root):
    rows = re.findall(r"^WEIR_DIAGNOSTIC\((\w+),\s*\w+,\s*\"([^\"]*)\"\)", text(root / "grammar/diagnostics.def"), re.M)
    return dict(rows)


def sections(page):
    """Heading -> text of each section."""
    parts = re.split(r"^###? +(\S+)[^\n]*\n", page, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def check_diagnostics(root, _):
    """Each code has a section with an example, and a test that mentions it."""
    codes = diagnostic_codes(root)
    if not codes:
        yield "grammar/diagnostics.def: no rows found"
    page = sections(text(root / "docs/diagnostics.md"))
    tests = "\n".join(text(path) for inside, path in files(root, None, ["tests/"])
                      if not inside.startswith("tests/house/"))
    for code in codes:
        if code not in page:
            yield f"docs/diagnostics.md: no section for {code}"
        if not re.search(rf"\b{code}\b", tests):
            yield f"{code}: no test mentions it"
    for code in page:
        if code not in codes:
            yield f"docs/diagnostics.md: {code} is no diagnostic"


def rows(root, macro):
    """The arguments of each row of a kind in the table of fields, strings without their quotes."""
    found = re.findall(rf"^{macro}\((.*?)\)$", text(root / "compiler/packet/fields.def"), re.M | re.S)
    return [[a.strip().strip('"') for a in re.findall(r'"[^"]*"|\w+\([^)]*\)|[^,"]+', row) if a.strip()] for row in found]


TYPES = {"kBool": "bool", "kUint": "integer, {} bits", "kPort": "port", "kIp": "address", "kMac": "MAC address",
         "kDomain": "domain name", "kText": "string", "kBytes": "bytes",
         "kDuration": "duration"}


def check_fields(root, _):
    """Each field has its row in the language's guide, as the table of fields says it, and in the verdict tables."""
    when = {row[0]: row[2] for row in rows(root, "WEIR_PRESENT")}
    fields = [(row[1], TYPES[row[2]].format(row[3]), row[4], row[-1]) for row in rows(root, "WEIR_FIELD")]
    fields += [(row[1], "bool", row[2], row[-1]) for row in rows(root, "WEIR_FLAG") + rows(root, "WEIR_FLOW_FLAG")]
    fields += [(row[1], TYPES[row[2]].format(row[3]), row[4], row[-1]) for row in rows(root, "WEIR_FLOW")]
    if not fields:
        yield "compiler/packet/fields.def: no rows found"
    guide = text(root / "docs/language.md")
    tables = "\n".join(text(path) for _, path in files(root, None, ["tests/verdict/"]))
    for name, kind, present, doc in fields:
        cells = re.search(rf"^\| `{re.escape(name)}` \| (.*?) \| (.*?) \| (.*?) \|$", guide, re.M)
        if not cells:
            yield f"docs/language.md: no row for `{name}`"
        elif cells[1] != kind or cells[2] != when.get(present) or not cells[3].startswith(doc):
            yield f"docs/language.md: `{name}` is not what fields.def says: {kind} | {when.get(present)} | {doc}"
        if not re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", tables):
            yield f"tests/verdict: no row for `{name}`"


def check_words(root, _):
    """The guide lists the reserved words that the parser has."""
    words = re.findall(r"^WEIR_RESERVED\((\w+),", text(root / "grammar/reserved.def"), re.M)
    if not words:
        yield "grammar/reserved.def: no rows found"
    listed = re.search(r"`(policy\s+import\s[a-z_\s]+)` and the first word of each field", text(root / "docs/language.md"))
    written = listed[1].split() if listed else []
    for word in sorted(set(words) ^ set(written)):
        yield f"docs/language.md: `{word}` is {'missing among' if word in words else 'listed, but not one of'} the reserved words"


TESTED = re.compile(r"^// Tested by ([\w/.]+\w)(?: with `([^`]+)`(?:; [^`]*)?|,? and [^`]*)?\.?$", re.M)
TESTED_ROOMS = ("grammar/", "compiler/", "runtime/", "tooling/", "service/", "cli/")


def check_tested(root, _):
    """Each .cpp says near its top which test holds it; that file is there, and mentions the header or what is named."""
    for inside, path in files(root, (".cpp",), TESTED_ROOMS):
        head = "".join(text(path).splitlines(keepends=True)[:12])
        found = TESTED.search(head)
        if not found:
            yield f"{inside}: no line `// Tested by tests/….` near its top"
            continue
        test = root / found[1]
        if not test.is_file():
            yield f"{inside}: {found[1]} is not there"
            continue
        named = found[2] or inside[:-len(".cpp")] + ".h"
        if named not in text(test):
            yield f"{inside}: {found[1]} does not mention {named}"


def weir_says(weir, *words):
    done = subprocess.run([weir, *map(str, words)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def weir_check(weir, path):
    return weir_says(weir, "check", "--deny", "warnings", path)


def weir_test(weir, path):
    """The tests in a policy, judged by the evaluators that need no privileges."""
    for engine in ("oracle", "native"):
        status, said = weir_says(weir, "test", "--engine", engine, path)
        if status != 0:
            break
    return status, said


def fences(page):
    """(line, words after `rules`, heading above, text) of each ```rules fence, in a list too."""
    heading, opened = "", None
    for number, line in enumerate(page.splitlines(), 1):
        if opened is None and line.startswith("#"):
            heading = line.lstrip("# ").split(" ")[0]
        is_fence = line.lstrip().startswith("```")
        if is_fence and opened is not None:
            first, words, lines = opened
            if words[:1] == ["rules"]:
                yield first, words[1:], heading, textwrap.dedent("\n".join(lines)) + "\n"
            opened = None
        elif is_fence:
            opened = (number, line.strip()[3:].split(), [])
        elif opened is not None:
            opened[2].append(line)


def sheet(page):
    """(line, text) of what the last column of a cheat sheet's tables says in the language: conditions, or whole items."""
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("| "):
            last = re.split(r"(?<!\\)\|", line)[-2]
            for words in re.findall(r"`([^`]+)`", last):
                if " " in words and not re.match(r"(weir|systemctl|import) ", words):
                    yield number, words


def refused_lines(weir, page, folder):
    """The lines of a cheat sheet that weir refuses, and what it says of all."""
    policies = []
    for number, words in sheet(page):
        policies.append(pathlib.Path(folder, f"line-{number}-{len(policies)}.rules"))
        is_items = re.match(r"(default|let|set|rule|alert) ", words)
        policies[-1].write_text(words if is_items else f"rule line {{ when {words} then pass }}\n")
    if not policies:
        return ["no"], "the page has no tables of lines"
    status, said = weir_says(weir, "check", "--deny", "warnings", *policies)
    refused = sorted(set(re.findall(r"--> \S*/line-(\d+)-", said)))
    return (refused or ["?"]) if status != 0 else [], said


def check_rules(root, weir):
    """Each .rules file and each example in the pages means what it says; the bad ones are refused, with their code."""
    count = 0
    for inside, path in files(root, (".rules",), ["rules/"]):
        count += 1
        status, said = weir_check(weir, path)
        if status != 0:
            yield f"{inside}: status {status}\n{said}"
    if count == 0:
        yield "rules/: no policies found"
    for inside, path in files(root, (".md",)):
        if inside.startswith("docs/from-"):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(root / "rules/sets", pathlib.Path(folder, "sets"))
                numbers, said = refused_lines(weir, text(path), folder)
            if numbers:
                yield f"{inside}: lines {', '.join(numbers)} of a cheat sheet are refused\n{said}"
        for number, words, heading, example in fences(text(path)):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(root / "rules/sets", pathlib.Path(folder, "sets"))
                policy = pathlib.Path(folder, "example.rules")
                policy.write_text(example)
                status, said = weir_check(weir, policy)
                failed = None
                if status == 0 and re.search(r"^test ", example, re.M):
                    failed = weir_test(weir, policy)
            where = f"{inside}:{number}"
            if "bad" not in words and status != 0:
                yield f"{where}: a good example is refused\n{said}"
            if failed and failed[0] != 0:
                yield f"{where}: the tests of an example fail\n{failed[1]}"
            if "bad" in words and status != 1:
                yield f"{where}: a bad example ends with status {status}\n{said}"
            if "bad" in words and inside == "docs/diagnostics.md" and heading not in said:
                yield f"{where}: the bad example does not bring about {heading}\n{said}"


def check_commands(root, weir):
    """The page of the command line has each command of the program, and each long option."""
    page = text(root / "docs/cli.md")
    waiting, count = [()], 0
    while waiting:
        command = waiting.pop()
        said = weir_says(weir, *command, "--help")[1]
        _, _, below = said.partition("Subcommands:\n")
        waiting += [(*command, name) for name in re.findall(r"^  ([a-z]+) ", below, re.M)]
        count += 1
        if command and not re.search(r"\bweir " + r"\b.*\b".join(command) + r"\b", page):
            yield f"docs/cli.md: `weir {' '.join(command)}` is missing"
        for option in sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", said)) - {"--help", "--version"}):
            if not re.search(rf"{option}(?![a-z-])", page):
                yield f"docs/cli.md: `{option}` of `weir {' '.join(command)}` is missing"
    if count < 2:
        yield f"{weir} --help: no commands found"


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def check_links(root, _):
    """Relative links lead somewhere, and so do their anchors."""
    for inside, path in files(root, (".md",)):
        page = re.sub(r"^```.*?^```", "", text(path), flags=re.M | re.S)
        for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", page):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            aim = path if not name else path.parent / name
            if not aim.exists():
                yield f"{inside}: ({target}) leads nowhere"
            elif anchor and anchor not in map(slug, re.findall(r"^#+ +(.*)$", text(aim), re.M)):
                yield f"{inside}: ({target}) has no such heading"


def check_paths(root, _):
    """No file names a place on one particular machine."""
    machine = re.compile("/" + r"work/|/" + r"home/\w|/" + r"Users/\w")
    for inside, path in files(root):
        if path.suffix in (".pcap", ".pcapng"):
            continue
        for number, line in enumerate(text(path).splitlines(), 1):
            if machine.search(line):
                yield f"{inside}:{number}: a path of one machine: {line.strip()[:80]}"


def check_merges(root, _):
    """No file keeps the marks of a merge that was not finished."""
    mark = re.compile(r"^(<{7}|>{7}) ")
    for inside, path in files(root):
        for number, line in enumerate(text(path).splitlines(), 1):
            if mark.match(line):
                yield f"{inside}:{number}: a merge that was not finished"


def check_format(root, _):
    """Each source file is as clang-format-19 leaves it."""
    sources = [str(path) for _, path in files(root, (".cpp", ".h", ".c"))]
    if not sources:
        return
    done = subprocess.run(["clang-format-19", "--dry-run", *sources], capture_output=True, text=True, timeout=600)
    places = {}
    for line in done.stderr.splitlines():
        found = re.match(r"(.+?):(\d+):\d+: (?:warning|error):", line)
        if found:
            places.setdefault(found[1], found[2])
    for path, line in sorted(places.items()):
        inside = pathlib.Path(path).relative_to(root).as_posix()
        yield f"{inside}:{line}: not formatted: clang-format-19 -i {inside}"
    if done.returncode != 0 and not places:
        yield f"clang-format-19: {done.stderr.strip()}"


CHECKS = {name[6:]: check for name, check in list(globals().items()) if name.startswith("check_")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("check", choices=sorted(CHECKS))
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--weir", default="")
    arguments = parser.parse_args()
    breaches = list(CHECKS[arguments.check](arguments.root, arguments.weir))
    for breach in breaches:
        print(breach)
    print(f"{arguments.check}: {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
