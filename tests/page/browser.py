"""Chromium from Debian, without a screen and without a profile, for the tests of the page."""
import json
import shutil
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

# The page's clock runs faster, together with the scenario's: from `origin` (ms) on, `speed` times.
FASTER = """
(() => {
  const origin = %f, speed = %f, now = Date.now.bind(Date), later = window.setTimeout.bind(window), every = window.setInterval.bind(window);
  Date.now = () => origin + (now() - origin) * speed;
  window.setTimeout = (what, ms, ...more) => later(what, (ms || 0) / speed, ...more);
  window.setInterval = (what, ms, ...more) => every(what, Math.max(100, (ms || 0) / speed), ...more);
})();
"""


class Browser:
    def __init__(self, width=1360, height=860):
        self.folder = tempfile.mkdtemp(prefix="weir-page-")
        options = Options()
        for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                         "--disable-sync", "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars", "--force-device-scale-factor=1", f"--user-data-dir={self.folder}",
                         f"--window-size={width},{height}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(60)
        self.requests = []
        self.said = []

    def quit(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def media(self, scheme="light", motion="no-preference"):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}]})

    def faster(self, scenario):
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": FASTER % (scenario.origin * 1000, scenario.speed)})

    def open(self, url):
        self.driver.get("about:blank")
        self.console()
        self.said = []
        self.driver.get(url)

    def go(self, hash):
        self.driver.execute_script("location.hash = arguments[0]", hash)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self, selector="body"):
        return self.run("const found = document.querySelector(arguments[0]); return found ? found.innerText : ''", selector)

    def wait(self, condition, what, seconds=60):
        """`condition`: a function, or text that must be in the page."""
        holds = condition if callable(condition) else lambda: condition in self.text()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if holds():
                return
            time.sleep(0.05)
        raise AssertionError(f"not seen: {what}; the page says:\n{self.text()[:3000]}\n{self.console()}")

    def keys(self, *keys):
        """Real key presses, to whatever has the focus: a name of a key, or a character."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35, "PageDown": 34, "PageUp": 33}
        for key in keys:
            shift = key.startswith("Shift+")
            name = key.removeprefix("Shift+")
            event = {"key": name, "code": name, "windowsVirtualKeyCode": codes.get(name, ord(name[0].upper())), "modifiers": 8 if shift else 0}
            if name == "Enter":
                event["text"] = "\r"
            elif len(name) == 1:
                event.update(text=name, code="")
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown" if "text" in event else "rawKeyDown", **event})
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **{k: v for k, v in event.items() if k != "text"}})

    def picture(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))

    def console(self):
        self.said += [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        return self.said

    def asked(self):
        """Addresses that the browser asked for, since it started."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        return self.requests
