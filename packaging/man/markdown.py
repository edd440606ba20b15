"""Markdown, as the pages of docs/ use it, as the source of a manual page (man macros, no tables of tbl): headings, paragraphs,
fenced examples, lists, tables, code, bold, italics and links."""
import re
import textwrap

PLAIN = {"…": "...", "→": "->", "–": "\\(en", "×": "x", "µ": "u", "≤": "<=", "≥": ">=", "·": "-", "“": '"', "”": '"', "’": "'"}


def escape(words):
    """Text as troff prints it, whatever stands in it."""
    words = words.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha").replace("`", "\\(ga")
    for wide, narrow in PLAIN.items():
        words = words.replace(wide, narrow)
    return words


def code(words):
    """Code within a sentence: where it is long, a line may end after its commas and slashes."""
    return "\\fB" + re.sub(r"([,/}])(?=[^ ])", r"\1\\:", escape(words)) + "\\fR"


def prose(words):
    """What stands between code: JSON in the help of a command is none for Markdown, and long."""
    return re.sub(r',(?=")', r",\\:", escape(re.sub(r"\\([|<>*_`\\[\]#])", r"\1", words)))


def line(words):
    """A line of input: never a request, whatever its first character."""
    return ("\\&" if words[:1] in (".", "'") else "") + words


def inline(words):
    """Code and bold are bold, italics are italic; a link is its text, and its address where that leads out of the docs."""
    made, at = [], 0
    pattern = re.compile(r"``(.+?)``|`([^`]+)`|\*\*(.+?)\*\*|(?<![\w*])\*([^*\s][^*]*)\*|!?\[([^\]]*)\]\(([^)\s]*)\)")
    for found in pattern.finditer(words):
        made.append(prose(words[at:found.start()]))
        twice, once, bold, italic, text, target = found.groups()
        if twice or once:
            made.append(code((twice or once).strip()))
        elif bold:
            made.append(f"\\fB{re.sub(r'.fR', lambda _: chr(92) + 'fB', inline(bold))}\\fR")
        elif italic:
            made.append(f"\\fI{escape(italic)}\\fR")
        else:
            made.append(inline(text))
            if re.match(r"https?:", target):
                made.append(f" <{escape(target)}>")
        at = found.end()
    return "".join(made) + prose(words[at:])


def cells(row):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def table(rows):
    """The first cell of a row is a term, and the others say what of it: two columns need no headings, more have theirs."""
    head, *body = rows
    for row in body:
        term, *rest = row
        yield ".TP"
        yield line(inline(term)) if term else "\\&"
        told = [cell for cell in rest if cell]
        if len(head) > 2:
            told = [f"{name}: {cell}" if name not in ("", "what") else cell for name, cell in zip(head[1:], rest) if cell]
        yield line("; ".join(map(inline, told))) if told else "\\&"


def example(lines):
    yield from (".PP", ".RS 4", ".nf")
    yield from (line(escape(one)) for one in textwrap.dedent("\n".join(lines)).split("\n"))
    yield from (".fi", ".RE")


def items(lines):
    """A list, with what stands indented under each item."""
    mark = re.compile(r"(-|\d+\.) +")
    at = 0
    while at < len(lines):
        found = mark.match(lines[at])
        width = found.end()
        inside = [lines[at][width:]]
        at += 1
        while at < len(lines) and not mark.match(lines[at]):
            inside.append(lines[at][min(width, len(lines[at]) - len(lines[at].lstrip())):])
            at += 1
        yield f".IP {chr(92) + '(bu' if found[1] == '-' else found[1]} {3 if found[1] == '-' else 4}"
        made = list(blocks(inside, None))
        if made and made[0] == ".PP":
            made = made[1:]
        if any(one.startswith((".IP", ".TP", ".PP")) for one in made):
            first = next(i for i, one in enumerate(made) if one.startswith((".IP", ".TP", ".PP")))
            made = [*made[:first], ".RS 4", *made[first:], ".RE"]
        yield from made


def blocks(lines, level):
    """The requests for LINES. LEVEL: of the headings that become sections (.SH); None: there are none."""
    at = 0
    while at < len(lines):
        one = lines[at]
        end = at + 1
        if not one.strip() or one.startswith("<!--"):
            pass
        elif one.startswith("```"):
            while end < len(lines) and not lines[end].startswith("```"):
                end += 1
            yield from example(lines[at + 1:end])
            end += 1
        elif heading := re.match(r"(#+) +(.*)", one):
            depth = len(heading[1]) - (level or 1)
            plain = re.sub(r"[`*]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[2]))
            if depth <= 1:
                yield f".{'SH' if depth <= 0 else 'SS'} {line(escape(plain.upper() if depth <= 0 else plain))}"
            else:
                yield from (".PP", f"\\fB{escape(plain)}\\fR")
        elif one.startswith("|"):
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            yield from table([cells(row) for row in lines[at:end] if not re.fullmatch(r"[|\s:-]+", row)] if
                             re.fullmatch(r"[|\s:-]+", lines[at + 1]) and cells(one) != [""] else
                             [cells(row) for row in lines[at:end]])
        elif re.match(r"(-|\d+\.) +", one):
            while end < len(lines) and (lines[end].startswith(" ") or re.match(r"(-|\d+\.) +", lines[end]) or
                                        (not lines[end].strip() and end + 1 < len(lines) and lines[end + 1].startswith("  "))):
                end += 1
            yield from items(lines[at:end])
        elif one.startswith("    ") :
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            kept = lines[at:end]
            while not kept[-1].strip():
                kept.pop()
            yield from example(kept)
        else:
            while end < len(lines) and lines[end].strip() and not re.match(r"```|#|\||- |\d+\. ", lines[end]):
                end += 1
            yield ".PP"
            yield line(inline(" ".join(part.strip() for part in lines[at:end])))
        at = end


def sections(page):
    """{heading: its lines} of the headings of level 2, and under "" what stands above them."""
    found, name, fenced = {"": []}, "", False
    for one in page.splitlines():
        fenced ^= one.startswith("```")
        if one.startswith("## ") and not fenced:
            name = one[3:].strip()
            found[name] = []
        else:
            found[name].append(one)
    return found
