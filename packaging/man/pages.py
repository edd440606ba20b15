#!/usr/bin/env python3
"""pages.py WEIR DOCS VERSION OUT: manual pages and completions, from what the program says of itself and from docs/.

man1/weir.1 and man1/weir-COMMAND.1: the --help of the program; as their description the section of docs/cli.md.
man5/weir.rules.5: docs/language.md. weir.bash, _weir, weir.fish: `weir completion`."""
import os
import pathlib
import re
import subprocess
import sys
import time

from markdown import blocks, escape, inline, line, sections

WEIR, DOCS, VERSION, OUT = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4])
# The date of a page is that of the sources, so that two builds of one source are the same bytes.
NEWEST = max(page.stat().st_mtime for page in DOCS.glob("*.md"))
DATE = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", NEWEST))))


def weir(*words):
    return subprocess.run([WEIR, *words], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60).stdout


def head(title, section, of):
    """A page's title line, and the comment that says where it comes from."""
    yield '.\\" Made by packaging/man/pages.py from --help and docs/: change those.'
    yield f'.TH {title} {section} {DATE} "weir {VERSION}" "{of}"'
    yield from (".ad l", ".nh")


class Help:
    """What `weir … --help` says, taken apart."""

    def __init__(self, *command):
        self.command = command
        said = weir(*command, "--help")
        above, _, below = said.partition("\nUsage: ")
        self.summary, _, self.before = above.strip().partition("\n")
        self.usage, _, rest = below.partition("\n")
        self.parts, self.footer, name = {}, [], None
        for one in rest.splitlines():
            if re.fullmatch(r"[A-Z]\w+:", one):
                name = one[:-1]
                self.parts[name] = []
            elif name and one.startswith("  ") and not self.footer:
                self.parts[name].append(one)
            elif one.strip() or self.footer:
                self.footer.append(one)
        self.commands = [entry for entry, _ in self.entries("Subcommands")]

    def entries(self, part):
        """(term, what it means) of a part; a term that is long has its meaning in the next line."""
        found = []
        for one in self.parts.get(part, []):
            if re.match(r"  \S", one):
                term, _, meaning = one.strip().partition("  ")
                found.append([term, meaning.strip()])
            else:
                found[-1][1] += " " + one.strip()
        return [(term, meaning.strip()) for term, meaning in found]

    def synopsis(self):
        words = self.usage.split()
        return " ".join(f"\\fB{escape(word)}\\fR" if i <= len(self.command) else f"\\fI{escape(word)}\\fR"
                        for i, word in enumerate(words))

    def list(self, part):
        for term, meaning in self.entries(part):
            yield ".TP"
            term, default = readable(term)
            yield line(f"\\fB{escape(term)}\\fR")
            meaning += f"; default: {default}" if default and "default:" not in meaning else ""
            yield line(inline(meaning) or "\\&")

    def notes(self):
        yield from blocks(apart(self.footer), None)


def readable(term):
    """`--format TEXT:{a,b}=a` as (`--format a|b`, `a`)."""
    term = re.sub(r" TEXT(?=[ :=]|$)| REQUIRED$", "", term).replace(",--", ", --")
    choice = re.search(r":?\{([^}]*)\}", term)
    if choice:
        term = term.replace(choice[0], " " + choice[1].replace(",", "|"))
    term, equals, default = term.partition("=") if not term.startswith("--set ") else (term, "", "")
    return term, default if equals else ""


def apart(lines):
    """Indented lines under a sentence are an example: an empty line makes them one for Markdown."""
    made = []
    for one in lines:
        if made and one.startswith("    ") and made[-1].strip() and not made[-1].startswith("    "):
            made.append("")
        made.append(one)
    return made


def command_page(command, manual):
    told = Help(command)
    yield from head(f"WEIR\\-{command.upper()}", 1, "weir commands")
    yield from (".SH NAME", f"weir\\-{command} \\- {inline(told.summary)}")
    yield from (".SH SYNOPSIS", told.synopsis())
    inner = [Help(command, one) for one in told.commands]
    for one in inner:
        yield from (".br", one.synopsis())
    described = manual.get(f"weir {command}", [])
    # The first fence of the section is the synopsis again.
    if described and "```" in described:
        first = described.index("```")
        if first <= 1:
            described = described[described.index("```", first + 1) + 1:]
    if any(described):
        yield ".SH DESCRIPTION"
        yield from blocks(described, 2)
    for part, heading in (("Positionals", "ARGUMENTS"), ("Options", "OPTIONS")):
        if told.entries(part):
            yield f".SH {heading}"
            yield from told.list(part)
    for one in inner:
        yield f".SH {' '.join(one.command).upper()}"
        yield from (".PP", line(inline(one.summary)))
        yield from one.list("Positionals")
        yield from one.list("Options")
    if not inner and any(told.footer):
        yield ".SH NOTES"
        yield from told.notes()
    yield from (".SH SEE ALSO", "\\fBweir\\fR(1), \\fBweir.rules\\fR(5)")


def main_page(told, manual, install):
    yield from head("WEIR", 1, "weir commands")
    yield from (".SH NAME", "weir \\- policies for packets: check, test, compile to eBPF, attach to XDP, swap live")
    yield from (".SH SYNOPSIS", told.synopsis())
    yield from (".SH DESCRIPTION", line(inline(told.summary)))
    yield from blocks(apart(told.before.splitlines()), None)
    yield ".SH COMMANDS"
    for name, meaning in told.entries("Subcommands"):
        yield from (".TP", f"\\fBweir\\-{name}\\fR(1)", line(inline(meaning)))
    yield ".SH OPTIONS"
    yield from told.list("Options")
    yield ".SH CONVENTIONS"
    yield from blocks(manual["Conventions"], 2)
    yield ".SH FILES"
    yield from blocks(install["Where things are"], 2)
    yield from (".SH SEE ALSO", "\\fBweir.rules\\fR(5), the pages in \\fI/usr/share/doc/weir/docs\\fR")


def language_page(page):
    lines = page.splitlines()
    title = lines.index(next(one for one in lines if one.startswith("# ")))
    yield from head("WEIR.RULES", 5, "weir's language")
    yield from (".SH NAME", "weir.rules \\- the language of weir's policies")
    yield ".SH DESCRIPTION"
    yield from blocks(lines[title + 1:], 2)
    yield from (".SH SEE ALSO", "\\fBweir\\fR(1), \\fBweir\\-check\\fR(1), \\fBweir\\-test\\fR(1)")


def write(name, lines):
    path = OUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    manual = sections((DOCS / "cli.md").read_text(encoding="utf-8"))
    install = sections((DOCS / "install.md").read_text(encoding="utf-8"))
    told = Help()
    for old in OUT.glob("man*/*"):
        old.unlink()
    write("man1/weir.1", main_page(told, manual, install))
    for command in told.commands:
        write(f"man1/weir-{command}.1", command_page(command, manual))
    write("man5/weir.rules.5", language_page((DOCS / "language.md").read_text(encoding="utf-8")))
    for shell, name in (("bash", "weir.bash"), ("zsh", "_weir"), ("fish", "weir.fish")):
        (OUT / name).write_text(weir("completion", shell), encoding="utf-8")


main()
