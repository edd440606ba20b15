"""A Prometheus beside the engine of a test, in its network namespace. The data that it has ends with the test."""
import json
import math
import signal
import subprocess
import sys
import urllib.parse

from engine_case import EngineCase
from live_case import NAME, inside

# Asks Prometheus, within the namespace, each path of standard input.
ASK = """
import json, sys, urllib.request
answers = []
for path in json.load(sys.stdin):
    try:
        with urllib.request.urlopen("http://127.0.0.1:9090" + path, timeout=20) as answer:
            answers.append(json.load(answer))
    except urllib.error.HTTPError as error:
        said = error.read().decode()
        # Until it is ready it says so in words.
        answers.append(json.loads(said) if said.startswith("{") else {"status": "error", "error": said})
    except OSError as error:
        answers.append({"status": "error", "error": str(error)})
print(json.dumps(answers))
"""


def has_data(answer):
    result = answer.get("data", {}).get("result", [])
    return any(not math.isnan(float(one["value"][1])) for one in result)


class PrometheusCase(EngineCase):
    def start_prometheus(self, text):
        config = self.folder / "prometheus.yml"
        config.write_text(text)
        log = open(self.folder / "prometheus.log", "w")
        self.addCleanup(log.close)
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", "prometheus", f"--config.file={config}",
                                    f"--storage.tsdb.path={self.folder}/data", "--web.listen-address=127.0.0.1:9090"],
                                   stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.send_signal, signal.SIGKILL)
        return process

    def ask_prometheus(self, paths):
        done = inside(sys.executable, "-c", ASK, input=json.dumps(paths))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def query(self, *texts):
        return self.ask_prometheus(["/api/v1/query?query=" + urllib.parse.quote(text) for text in texts])
