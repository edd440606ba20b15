#!/usr/bin/env python3
"""scrape_test.py WEIR SOURCE PRINT_METRICS: a Prometheus scrapes an engine with token and TLS, as docs/metrics.md says it, and gets
nothing without the token. Skipped as live_case.py says, and where Prometheus is not installed."""
import re
import shutil
import subprocess

from prometheus_case import PrometheusCase, has_data
from live_case import SOURCE, main, skip

PAGE = (SOURCE / "docs/metrics.md").read_text()
PORT = 9464


def configurations():
    """The blocks of the page that configure Prometheus: on the host itself, and from another one."""
    return re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


class Scrape(PrometheusCase):
    def files(self):
        """Token, certificate and key, which is its own authority."""
        token = self.folder / "token"
        token.write_text("0123456789abcdef0123456789abcdef")
        token.chmod(0o600)
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
                               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.folder / "key", "-out", self.folder / "cert"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(made.returncode, 0, made.stderr)
        (self.folder / "key").chmod(0o600)
        return token, self.folder / "cert", self.folder / "key"

    def test_both_configurations_of_the_page_are_ones(self):
        self.assertEqual(len(configurations()), 2)
        for text in configurations():
            config = self.folder / "prometheus.yml"
            config.write_text(text)
            done = subprocess.run(["promtool", "check", "config", "--syntax-only", config], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_with_token_and_tls(self):
        token, cert, key = self.files()
        self.start("--state", str(self.folder / "state"), "--listen", f"127.0.0.1:{PORT}", "--api-token-file", str(token),
                   "--tls-cert", str(cert), "--tls-key", str(key))
        text = configurations()[1]
        for before, after in (("/etc/prometheus/weir.token", token), ("/etc/prometheus/weir-ca.crt", cert),
                              ("/etc/prometheus/weir.rules.yml", SOURCE / "packaging/prometheus/weir.rules.yml"),
                              ('"edge1.example.net:9464", "edge2.example.net:9464"', f'"127.0.0.1:{PORT}"')):
            self.assertEqual(text.count(before), 1)
            text = text.replace(before, str(after))
        others = text[text.index("  - job_name"):text.index("rule_files")]
        without = others.replace("job_name: weir", "job_name: without").replace("    authorization:\n", "").replace(f"      credentials_file: {token}\n", "")
        self.assertNotIn("credentials", without)
        self.start_prometheus("global: {scrape_interval: 1s}\n" + text.replace(others, others.rstrip() + "\n" + without.rstrip() + "\n\n"))
        self.wait_until(lambda: has_data(self.query('up{job="weir"} == 1')[0]), "a scrape", seconds=60)
        self.wait_until(lambda: has_data(self.query('up{job="without"} == 0')[0]), "a scrape without a token", seconds=60)
        self.assertTrue(has_data(self.query('weir_generation{job="weir"} == 1')[0]))
        self.assertFalse(has_data(self.query('weir_generation{job="without"}')[0]))


if __name__ == "__main__":
    if shutil.which("prometheus") is None:
        skip("no prometheus (Debian package prometheus)")
    main()
