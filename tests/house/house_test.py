#!/usr/bin/env python3
"""Tests house.py: each planted breach is found, and a tree without one is let through. house_test.py [WEIR]."""
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import house  # noqa: E402

WEIR = sys.argv.pop() if len(sys.argv) > 1 else ""
MACHINE = "/" + "work/main"


class House(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "rules/sets").mkdir(parents=True)

    def put(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def breaches(self, check, weir=""):
        return list(house.CHECKS[check](self.root, weir))

    def test_each_room_sees_only_what_it_may(self):
        self.put("grammar/a.cpp", '#include "grammar/a.h"\n#include <vector>\n#include <tao/pegtl.hpp>\n')
        self.put("runtime/a.cpp", '#include "compiler/object.h"\n#include <bpf/libbpf.h>\n')
        self.put("compiler/codegen/a.cpp", '#include "bpf/abi.h"\n#include <llvm/IR/Module.h>\n')
        self.put("compiler/oracle/a.cpp", '#include "compiler/policy/typed_policy.h"\n')
        self.put("compiler/compiler.cpp", '#include "compiler/sema/check.h"\n#include "compiler/ir/build.h"\n')
        self.put("runtime/engine/a.cpp", '#include "runtime/state/live_set.h"\n#include "grammar/base/result.h"\n')
        self.put("tooling/judge/a.cpp", '#include "tooling/files/policy_file.h"\n#include "compiler/compiler.h"\n')
        self.put("service/a.cpp", '#include "tooling/files/watcher.h"\n#include "runtime/engine/engine.h"\n')
        self.put("cli/a.cpp", '#include "compiler/compiler.h"\n#include "runtime/engine/engine.h"\n')
        self.assertEqual(self.breaches("includes"), [])
        planted = {
            "grammar/b.cpp": '"compiler/compiler.h"',
            "grammar/c.cpp": "<fstream>",
            "grammar/d.h": "<tao/pegtl.hpp>",
            "compiler/sema/b.cpp": "<llvm/IR/Module.h>",
            "compiler/sema/c.cpp": '"runtime/engine/engine.h"',
            "compiler/sema/d.cpp": '"bpf/templates/read/frame.h"',
            "compiler/sema/e.cpp": "<bpf/libbpf.h>",
            "runtime/b.cpp": '"compiler/compiler.h"',
            "runtime/c.cpp": '"grammar/source.h"',
            "runtime/d.cpp": "<llvm/IR/Module.h>",
            "compiler/oracle/b.cpp": '"compiler/ir/decision.h"',
            "compiler/oracle/c.cpp": '"bpf/abi.h"',
            "compiler/ir/b.cpp": '"compiler/sema/check.h"',
            "compiler/codegen/b.cpp": '"compiler/sema/names.h"',
            "compiler/analysis/b.cpp": '"compiler/sema/names.h"',
            "compiler/packet/b.cpp": '"compiler/policy/typed_policy.h"',
            "compiler/policy/b.cpp": '"compiler/sema/check.h"',
            "grammar/base/b.cpp": '"grammar/source.h"',
            "runtime/state/b.cpp": '"runtime/engine/engine.h"',
            "runtime/sinks/b.cpp": '"runtime/engine/engine.h"',
            "runtime/e.cpp": '"tooling/files/watcher.h"',
            "tooling/files/b.cpp": '"tooling/judge/capture.h"',
            "tooling/b.cpp": '"service/daemon.h"',
            "service/b.cpp": '"cli/terminal.h"',
            "service/c.cpp": "<CLI/CLI.hpp>",
            "cli/b.cpp": "<bpf/bpf.h>",
            "cli/c.cpp": '"commands.h"',
            "cli/d.cpp": "<zlib.h>",
        }
        for name, include in planted.items():
            with self.subTest(name):
                self.put(name, f"#include {include}\n")
                self.assertNotEqual(self.breaches("includes"), [])
                (self.root / name).unlink()
        self.assertEqual(self.breaches("includes"), [])

    def test_lengths(self):
        body = "    int x = 0;\n"
        self.put("cli/a.cpp", "int f(int a,\n      int b) {\n" + body * 66 + "}\n")          # 69 lines
        self.put("cli/b.cpp", "namespace n {\n" + "int f() { return 1; }\n" * 90 + "}\n")
        self.put("cli/c.h", "struct S {\n" + "    int f() { return 1; }  // { not one\n" * 90 + "};\n")
        self.put("cli/d.cpp", "// line\n" * 499)
        self.assertEqual(self.breaches("lengths"), [])
        for name, content in {
            "cli/e.cpp": "int f(int a,\n      int b) {\n" + body * 67 + "}\n",
            "cli/f.cpp": "namespace n {\nstruct S {\n    void f() const {\n" + body * 68 + "    }\n};\n}\n",
            "cli/g.cpp": 'const char* s = "{";\nvoid f() {\n' + body * 68 + "}\n",
            "cli/h.cpp": "void f() {\n    for (;;) {\n" + body * 34 + "    }\n    if (x) {\n" + body * 34 + "    }\n}\n",
            "cli/i.cpp": "// line\n" * 500,
        }.items():
            with self.subTest(name):
                self.put(name, content)
                self.assertEqual(len(self.breaches("lengths")), 1)
                (self.root / name).unlink()

    def test_diagnostics(self):
        self.put("grammar/diagnostics.def", 'WEIR_DIAGNOSTIC(E101, kError, "unexpected text")\n')
        self.put("docs/diagnostics.md", "# D\n\n### E101\n\nWhat it means.\n")
        self.put("tests/golden/e101.txt", "error[E101]: x\n")
        self.assertEqual(self.breaches("diagnostics"), [])
        self.put("grammar/diagnostics.def", 'WEIR_DIAGNOSTIC(E101, kError, "a")\nWEIR_DIAGNOSTIC(E102, kError, "b")\n')
        self.assertEqual(len(self.breaches("diagnostics")), 2)
        self.put("grammar/diagnostics.def", "")
        self.assertEqual(len(self.breaches("diagnostics")), 2)      # no rows, and a section for no code

    def test_fields(self):
        table = ('WEIR_PRESENT(HAS_T, "t", "T, whole", of(WEIR_A, WEIR_B), of(), of(), is(FieldId::kA, 6))\n'
                 'WEIR_FIELD(kA, "tcp.a", kUint, 4, HAS_T, a, 0, 0xf, BOTH, NONE, "a, of T")\n'
                 'WEIR_FLAG(kB, "tcp.b", HAS_T, IS_B, OUTER, NONE, "B")\n')
        guide = "| `tcp.a` | integer, 4 bits | T, whole | a, of T |\n| `tcp.b` | bool | T, whole | B |\n"
        self.put("compiler/packet/fields.def", table)
        self.put("docs/language.md", guide)
        self.put("tests/verdict/a.rows", "tcp.a == 1, tcp.b\n")
        self.assertEqual(self.breaches("fields"), [])
        self.put("tests/verdict/a.rows", "tcp.ab == 1, inner.tcp.a, tcp.b\n")
        self.assertEqual(len(self.breaches("fields")), 1)
        self.put("tests/verdict/a.rows", "tcp.a == 1, tcp.b\n")
        for wrong in (guide.replace("4 bits", "5 bits"), guide.replace("T, whole | a", "T | a"), guide.replace("B |", "C |"),
                      guide.replace("`tcp.b`", "`tcp.c`")):
            self.put("docs/language.md", wrong)
            self.assertEqual(len(self.breaches("fields")), 1)

    def test_reserved_words(self):
        self.put("grammar/reserved.def", "WEIR_RESERVED(policy, kItem)\nWEIR_RESERVED(import, kItem)\nWEIR_RESERVED(in, 0)\n")
        self.put("docs/language.md", "- `policy import\n  in` and the first word of each field cannot be names.\n")
        self.assertEqual(self.breaches("words"), [])
        self.put("docs/language.md", "- `policy import not` and the first word of each field\n")
        self.assertEqual(len(self.breaches("words")), 2)     # one is missing, one is none
        self.put("grammar/reserved.def", "")
        self.assertEqual(len(self.breaches("words")), 4)

    def test_each_source_names_its_test(self):
        self.put("tests/unit/a_test.cpp", '#include "grammar/a.h"\nrun("check");\n')
        self.put("grammar/a.cpp", '// Tested by tests/unit/a_test.cpp.\n#include "grammar/a.h"\n')
        self.put("compiler/c.cpp", '// Tested by tests/unit/a_test.cpp with `run("check")`.\n')
        self.assertEqual(self.breaches("tested"), [])
        for name, head in {
            "grammar/b.cpp": "",                                                     # no line
            "grammar/c.cpp": "// Tested by tests/unit/none_test.cpp.\n",             # no such file
            "grammar/d.cpp": "// Tested by tests/unit/a_test.cpp.\n",                # which says nothing of it
            "grammar/e.cpp": '// Tested by tests/unit/a_test.cpp with `run("fmt")`.\n',
            "grammar/f.cpp": "\n" * 20 + "// Tested by tests/unit/a_test.cpp with `run`.\n",
        }.items():
            with self.subTest(name):
                self.put(name, head)
                self.assertEqual(len(self.breaches("tested")), 1)
                (self.root / name).unlink()

    def test_links(self):
        self.put("README.md", "[a](docs/a.md) [b](docs/a.md#one-two) [c](https://example.com) [d](#top-of-it)\n# Top of it\n")
        self.put("docs/a.md", "## One, two\n[up](../README.md)\n```\n[no](link)\n```\n")
        self.assertEqual(self.breaches("links"), [])
        self.put("docs/a.md", "## One\n[up](../READ.md)\n")
        self.assertEqual(len(self.breaches("links")), 2)

    def test_paths(self):
        self.put("docs/a.md", "the network, a workshop/x, and paper-work/y\n")
        self.assertEqual(self.breaches("paths"), [])
        self.put("docs/a.md", f"see {MACHINE}/x\n")
        self.assertEqual(len(self.breaches("paths")), 1)

    def test_merges(self):
        self.put("docs/a.md", "a << b >> c\n=======\n")
        self.assertEqual(self.breaches("merges"), [])
        self.put("docs/a.md", "<" * 7 + " one\n=======\n" + ">" * 7 + " other\n")
        self.assertEqual(len(self.breaches("merges")), 2)

    @unittest.skipUnless(WEIR, "needs weir")
    def test_rules(self):
        good, bad = "rule a { when tcp then drop }\n", "rule a { when tcp.dprot == 1 then drop }\n"
        self.put("rules/a.rules", good)
        self.put("docs/diagnostics.md", f"### E201\n```rules bad\n{bad}```\n```rules\n{good}```\n```\n{bad}```\n")
        self.assertEqual(self.breaches("rules", WEIR), [])
        self.put("rules/a.rules", bad)
        self.assertEqual(len(self.breaches("rules", WEIR)), 1)
        self.put("docs/diagnostics.md", f"### E202\n```rules bad\n{bad}```\n```rules\n{bad}```\n```rules bad\n{good}```\n")
        self.assertEqual(len(self.breaches("rules", WEIR)), 5)     # the last: status, and no E202 in it

    def test_commands(self):
        program = self.root / "weir"
        program.write_text("""#!/bin/sh
case $1$2 in
--help) printf 'Options:\\n  --version  x\\nSubcommands:\\n  run   runs\\n  set   sets\\n' ;;
run--help) printf 'Options:\\n  -i,--iface  x\\n  --if-so  x\\n' ;;
set--help) printf 'Subcommands:\\n  add   adds\\n' ;;
esac
""")
        program.chmod(0o755)
        page = "`weir run -i IFACE [--if-so]`, long: `--iface`. `weir set list|add`\n"
        self.put("docs/cli.md", page)
        self.assertEqual(self.breaches("commands", program), [])
        for word in ("weir run", "--if-so", "--iface", "|add"):
            self.put("docs/cli.md", page.replace(word, ""))
            self.assertEqual(len(self.breaches("commands", program)), 1, word)

    @unittest.skipUnless(WEIR, "needs weir")
    def test_cheat_sheets(self):
        self.put("rules/a.rules", "rule a { when tcp then drop }\n")
        good = "| theirs | weir |\n| --- | --- |\n| `a \\| b` | `tcp.dport == 1`, or `rule a { when udp then drop }` |\n"
        self.put("docs/from-a.md", good + "| `x` | `weir status` |\n")
        self.assertEqual(self.breaches("rules", WEIR), [])
        self.put("docs/from-a.md", good + "| `x` | `tcp.dprot == 1` |\n| `y` | `rule a { when tcp }` |\n")
        self.assertIn("lines 4, 5 of", "".join(self.breaches("rules", WEIR)))

    @unittest.skipUnless(WEIR, "needs weir")
    def test_examples_whose_tests_fail_and_examples_in_lists(self):
        self.put("rules/a.rules", "rule a { when tcp then drop }\n")
        example = 'rule a {{ when tcp then drop }}\ntest "t" {{ {} 192.0.2.1:1 -> 192.0.2.2:2 => drop }}\n'
        self.put("docs/a.md", "```rules\n" + example.format("tcp") + "```\n")
        self.assertEqual(self.breaches("rules", WEIR), [])
        self.put("docs/a.md", "```rules\n" + example.format("udp") + "```\n")
        self.assertEqual(len(self.breaches("rules", WEIR)), 1)
        self.put("docs/a.md", "1. An example:\n\n   ```rules\n   rule a { when tcp.dprot == 1 then drop }\n   ```\n")
        self.assertEqual(len(self.breaches("rules", WEIR)), 1)

    def test_a_source_file_that_is_not_formatted(self):
        shutil.copy(pathlib.Path(house.__file__).parents[2] / ".clang-format", self.root)
        self.put("runtime/a.cpp", "int add(int a, int b) { return a + b; }\n")
        self.assertEqual(self.breaches("format"), [])
        self.put("runtime/b.cpp", "int  add( int a,int b ){return a+b;}\n")
        self.assertEqual(len(self.breaches("format")), 1)


if __name__ == "__main__":
    unittest.main()
