#!/usr/bin/env python3
"""contents_test.py BUILD SOURCE: makes the Debian packages of a build, and looks into them without installing them: files, modes,
dependencies, maintainer scripts, manual pages, and the program as it would be below /usr. Skipped (77) without Debian's tools.
host_test.py installs them."""
import gzip
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD, SOURCE = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
WORK = tempfile.TemporaryDirectory()
MADE = pathlib.Path(WORK.name, "made")
PACKAGES = ("weir", "libweir-dev")


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **more)


def must(*command, **more):
    said = run(*command, **more)
    if said.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {said.returncode}\n{said.stdout}{said.stderr}")
    return said.stdout


def make(folder):
    """Without compression: xz takes ten times as long as all else."""
    must("cpack", "-B", folder, "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=none", cwd=BUILD, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})


def package(name):
    return next(MADE.glob(f"{name}_*.deb"))


def unpacked(name):
    return pathlib.Path(WORK.name, name)


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make(MADE)
        for name in PACKAGES:
            must("dpkg-deb", "--raw-extract", package(name), unpacked(name))
        cls.weir = unpacked("weir") / "usr/bin/weir"

    def field(self, name, field):
        return must("dpkg-deb", "--field", package(name), field).strip()

    def test_control(self):
        version = re.search(r"project\(weir VERSION (\S+)", (SOURCE / "CMakeLists.txt").read_text())[1]
        for name in PACKAGES:
            self.assertRegex(self.field(name, "Version"), rf"\A{re.escape(version)}-\S+\Z")
            self.assertRegex(self.field(name, "Maintainer"), r"\A.+ <.+@.+>\Z")
            self.assertRegex(self.field(name, "Description"), r"\A(?!A |weir)[^\n]{20,80}\n [a-zA-Z]")
        depends = self.field("weir", "Depends")
        for needed in ("systemd | systemd-standalone-sysusers | systemd-sysusers", "libc6 (>= ", "libbpf1 (>= ", "libstdc++6 (>= "):
            self.assertIn(needed, depends)
        self.assertNotIn("-dev", depends)
        libraries = self.field("libweir-dev", "Depends")
        self.assertIn("llvm-19-dev", libraries)
        self.assertNotIn("nats", libraries)      # the client of the tests alone

    def test_modes_and_owners(self):
        odd = {"./etc/weir/example.env": "-rw-------", "./usr/bin/weir": "-rwxr-xr-x"}
        for name in PACKAGES:
            for one in must("dpkg-deb", "--contents", package(name)).splitlines():
                mode, owner, *_, path = one.split()
                self.assertEqual(owner, "root/root", one)
                self.assertEqual(mode, odd.get(path, "drwxr-xr-x" if path.endswith("/") else "-rw-r--r--"), one)
            for one in (unpacked(name) / "DEBIAN").iterdir():
                self.assertEqual(oct(one.stat().st_mode & 0o777), "0o755" if one.name in ("postinst", "prerm", "postrm") else "0o644", one)

    def test_what_debian_wants_of_each(self):
        for name in PACKAGES:
            root = unpacked(name)
            sums = (root / "DEBIAN/md5sums").read_text().splitlines()
            for one in sums:
                told, path = one.split("  ")
                self.assertEqual(hashlib.md5((root / path).read_bytes()).hexdigest(), told, path)
            files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and root / "DEBIAN" not in path.parents}
            self.assertEqual({one.split("  ")[1] for one in sums}, files)
            doc = root / "usr/share/doc" / name
            self.assertIn("License: Expat", (doc / "copyright").read_text())
            self.assertIn(f"weir ({self.field(name, 'Version')}) ", gzip.decompress((doc / "changelog.Debian.gz").read_bytes()).decode())
        for one in (unpacked("weir") / "DEBIAN/conffiles").read_text().split():
            self.assertTrue((unpacked("weir") / one.lstrip("/")).is_file(), one)

    def test_scripts(self):
        for script in ("postinst", "prerm", "postrm"):
            path = unpacked("weir") / "DEBIAN" / script
            self.assertEqual(run("sh", "-n", path).returncode, 0)
            self.assertIn("\nset -e\n", path.read_text())

    def test_completions(self):
        share = unpacked("weir") / "usr/share"
        for shell, path in (("bash", "bash-completion/completions/weir"), ("zsh", "zsh/vendor-completions/_weir"),
                            ("fish", "fish/vendor_completions.d/weir.fish")):
            self.assertEqual((share / path).read_text(), must(self.weir, "completion", shell))
            if shutil.which(shell):
                self.assertEqual(run(shell, "-n", share / path).returncode, 0, shell)

    def test_the_program_is_stripped_and_finds_its_libraries(self):
        self.assertNotIn(".symtab", must("readelf", "--wide", "--sections", self.weir))
        self.assertNotRegex(must("readelf", "--dynamic", self.weir), "RPATH|RUNPATH")
        # From a clean shell, at a place of its own.
        self.assertRegex(must(self.weir, "--version", env={}), r"\Aweir \d")

    def test_policies_that_it_brings(self):
        share = unpacked("weir") / "usr/share/weir/rules"
        policies = sorted(share.rglob("*.rules"))
        self.assertGreater(len(policies), 30)
        said = run(self.weir, "check", "--deny", "warnings", *policies, env={})
        self.assertEqual(said.returncode, 0, said.stderr)
        mine = pathlib.Path(WORK.name, "mine.rules")
        mine.write_text(f'import "{share}/std/login-guessing.rules"\nrule telnet {{ when tcp.dport == 23 then drop }}\n')
        self.assertEqual(run(self.weir, "check", mine, env={}).returncode, 0)
        mine.write_text('import "rules/std/login-guessing.rules"\nrule telnet { when tcp.dport == 23 then drop }\n')
        self.assertEqual(run(self.weir, "check", "--include", share.parent, mine, env={}).returncode, 0)

    def test_manual_pages(self):
        man = unpacked("weir") / "usr/share/man"
        commands = re.findall(r"^  ([a-z-]+) ", must(self.weir, "--help").split("Subcommands:")[1], re.M)
        pages = {path.name for path in man.rglob("*.gz")}
        self.assertEqual(pages, {"weir.1.gz", "weir.rules.5.gz"} | {f"weir-{command}.1.gz" for command in commands})
        self.assertIn("replay", commands)
        for path in man.rglob("*.gz"):
            source = gzip.decompress(path.read_bytes()).decode()
            for device in ("utf8", "ascii"):
                said = run("groff", "-man", "-ww", "-Kutf8", f"-T{device}", "-rLL=78n", input=source)
                self.assertEqual((said.returncode, said.stderr), (0, ""), path.name)
            plain = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", said.stdout)
            self.assertIn("NAME\n       weir", plain)
            # whatis reads this line: NAME - what it is.
            self.assertRegex(source, r"\.SH NAME\nweir\S* \\- \S")
            for left in ("](", "```", "**", "&nbsp;"):
                self.assertNotIn(left, plain, path.name)
            command = re.fullmatch(r"weir-(\w+)\.1\.gz", path.name)
            if command:
                for option in set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", must(self.weir, command[1], "--help"), re.M)):
                    self.assertIn(option, plain, path.name)

    def test_the_unit(self):
        unit = (unpacked("weir") / "usr/lib/systemd/system/weir@.service").read_text()
        self.assertIn("\nExecStart=/usr/bin/weir run ${WEIR_POLICY} ", unit)
        self.assertIn("\nEnvironment=WEIR_POLICY=/etc/weir/%i.rules ", unit)
        # An upgrade restarts: that must not detach the policy.
        self.assertIn("\nRestartKillSignal=SIGKILL\n", unit)
        # Pins: see the unit.
        self.assertIn("\nReadWritePaths=-/sys/fs/bpf/weir\n", unit)

    def test_the_same_sources_give_the_same_bytes(self):
        again = pathlib.Path(WORK.name, "again")
        make(again)
        for name in PACKAGES:
            self.assertTrue(package(name).read_bytes() == (again / package(name).name).read_bytes(), name)


if __name__ == "__main__":
    for tool in ("dpkg-deb", "dpkg-shlibdeps", "file", "groff", "gzip"):
        if not shutil.which(tool):
            print("skipped: no", tool)
            sys.exit(77)
    with WORK:
        unittest.main()
