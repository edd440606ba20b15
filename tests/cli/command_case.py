"""What the tests of commands share that need no engine: a test is called with WEIR and SOURCE."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

WEIR = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))


def run(*arguments, stdin=""):
    return subprocess.run([WEIR, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "NO_COLOR": "1"})


class CommandCase(unittest.TestCase):
    """A folder for the test's files."""
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, content):
        path = self.folder / name
        path.write_text(content)
        return path
