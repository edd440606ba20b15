"""What tests of the page share: a browser for all of a file, a double for each test."""
import importlib.util
import os
import pathlib
import shutil
import sys
import unittest

from debian_python import use_where_selenium_is

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PICTURES = pathlib.Path(os.environ.get("WEIR_PICTURES", SOURCE / "build/page-pictures"))
SKIPPED = 77

use_where_selenium_is()
missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
if importlib.util.find_spec("selenium") is None:
    missing.append("python3-selenium")
if missing:
    print(f"skipped: not installed: {', '.join(missing)} (scripts/install-dependencies.sh)")
    sys.exit(SKIPPED)

from browser import Browser     # noqa: E402
from double import Double       # noqa: E402
from scenario import Scenario   # noqa: E402

VIEWS = ("overview", "rules", "events", "sinks", "measures", "sets", "flows", "reloads", "policy")


class PageCase(unittest.TestCase):
    browser = None

    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()

    def double(self, scenario=None, **options):
        """A double that ends with the test."""
        double = Double(scenario, **options)
        self.addCleanup(double.stop)
        return double

    def open(self, double, hash=""):
        self.browser.run("try { sessionStorage.clear(); localStorage.clear(); } catch { }")
        self.browser.open(double.url + hash)

    def show(self, view):
        """Goes to a view, and waits until it is drawn."""
        self.browser.go(f"#{view}")
        name = view.partition("?")[0].partition("/")[0]
        self.browser.wait(lambda: self.browser.run("return document.querySelector('main').className") == f"view-{name}", f"view {view}")
        self.browser.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def all(self, selector):
        return self.browser.run("return [...document.querySelectorAll(arguments[0])].map(one => one.innerText)", selector)

    def count(self, selector):
        return self.browser.run("return document.querySelectorAll(arguments[0]).length", selector)

    def contrast(self):
        script = (SOURCE / "tests/page/contrast.js").read_text()
        said = self.browser.driver.execute_async_script(script)
        self.assertGreater(said["texts"], 5)
        return said["found"]


def main():
    unittest.main(verbosity=2, argv=sys.argv[:1])
