"""weir run, weir push and weir fleet status over TLS, and how they log in: what is wrong is refused with a sentence, and
right again without a restart."""
import json
import os
import pathlib
import subprocess
import unittest

import fleet_case
from fleet_case import PORT, SERVER, WEIR, FleetCase, policy, run
from nats_accounts import ACCOUNT, Accounts, Key, openssl


class Authority:
    """Makes certificates, in `folder`."""
    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.file = folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key", "-out", self.file,
                "-subj", f"/CN={name}", "-days", "30")
        self.file.chmod(0o644)

    def certificate(self, name, address=SERVER, dates=()):
        """The lines of a server's configuration."""
        key, wish, made, settings = (self.folder / f"{name}.{part}" for part in ("key", "csr", "pem", "cnf"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", wish, "-subj", f"/CN={name}")
        (self.folder / "index.txt").write_text("")
        settings.write_text(f"[ca]\ndefault_ca = one\n[one]\ndatabase = {self.folder}/index.txt\nnew_certs_dir = {self.folder}\nserial = {self.folder}/serial\n"
                            f"default_md = sha256\npolicy = any\nx509_extensions = host\ndefault_days = 30\n[any]\ncommonName = supplied\n"
                            f"[host]\nsubjectAltName = IP:{address}\n")
        openssl("ca", "-batch", "-notext", "-rand_serial", "-config", settings, "-cert", self.file, "-keyfile", self.folder / f"{self.name}.key",
                "-in", wish, "-out", made, *dates)
        return f'tls {{ cert_file: "{made}", key_file: "{key}" }}\n'


class Tls(FleetCase):
    server_url = f"tls://{SERVER}:{PORT}"

    def setUp(self):
        # The follower may read below /etc and /usr only. This one is the test's own.
        self.authorities = pathlib.Path("/usr/local/games")
        if not os.path.ismount(self.authorities):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", self.authorities], check=True)
        self.ours, self.other = Authority(self.authorities, "ours"), Authority(self.authorities, "other")
        self.right = self.ours.certificate("right")
        self.configuration = self.right
        os.environ["SSL_CERT_FILE"] = str(self.ours.file)
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE", None)
        super().setUp()

    def serve(self, configuration):
        self.server.end()
        self.server.start(configuration)

    def is_refused(self, reason):
        """By a person's commands."""
        for said in (self.push(policy(10)), run(WEIR, "fleet", "status", self.server_url + "/policies")):
            self.assertEqual(said.returncode, 3, said.stdout + said.stderr)
            self.assertIn(reason, said.stderr)

    WRONG = (("another name", "mismatch"), ("an authority that is not ours", "unable to get local issuer"), ("expired", "expired"))

    def wrong(self, what):
        if what == "another name":
            return self.ours.certificate("elsewhere", "10.98.0.77")
        if what == "expired":
            return self.ours.certificate("old", dates=("-startdate", "20200101000000Z", "-enddate", "20210101000000Z"))
        return self.other.certificate("strange")

    def test_a_server_is_believed_with_the_right_certificate_only(self):
        first = self.pushed(policy(9))
        self.start("h1")
        self.wait_for_outcome("h1", "in force", first["revision"])
        for number, (what, reason) in enumerate(self.WRONG, 20):
            with self.subTest(what):
                self.serve(self.wrong(what))
                self.is_refused(reason)
                self.wait_for(lambda: reason in self.follower_state("h1"), f"the follower does not say {reason}", shows=lambda: self.follower_state("h1"))
                self.serve(self.right)
                one = self.pushed(policy(number))
                self.wait_for_outcome("h1", "in force", one["revision"])
        # Nor is a connection without TLS one.
        self.serve("")
        self.is_refused("the server has no TLS")

    def test_a_host_that_waits_for_its_first_policy_says_why(self):
        self.serve(self.wrong("expired"))
        self.start("h1")
        self.wait_for(lambda: "expired" in self.log("h1"), "the log does not say why no policy comes", shows=lambda: self.log("h1"))
        self.assertIsNone(self.engines["h1"].poll())
        self.serve(self.right)
        one = self.pushed(policy(9))
        self.wait_for_outcome("h1", "in force", one["revision"])
        self.assertEqual(self.log("h1").count("expired"), 1)

    def follower_state(self, host):
        doors = self.engine_status(host)["doors"]
        return " ".join(one["state"] for one in doors)


class Login(FleetCase):
    """Users and passwords, tokens, and accounts with JWT and seed."""
    def serve(self, configuration, **login):
        self.server.end()
        self.server.start(configuration)
        self.login = login

    def check(self, right, wrong, *more, wrong_more=()):
        """The words of the server reach who is refused; what he has said does not."""
        self.server_url = right
        said = self.push(policy(9), "--format", "json", *more)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.start("h1", *more)
        self.shown = lambda: run(WEIR, "fleet", "status", right + "/policies", "--format", "json", *more)
        self.wait_for(lambda: [one["outcome"] for one in json.loads(self.shown().stdout)["hosts"]] == ["in force"], "h1 does not follow",
                      shows=lambda: self.log("h1"))
        self.assertEqual(self.end("h1"), 0)
        for said in (self.push(policy(10), *wrong_more, to=wrong + "/policies/edge"), run(WEIR, "fleet", "status", wrong + "/policies", *wrong_more)):
            self.assertEqual(said.returncode, 3, said.stdout)
            self.assertIn("Authorization Violation", said.stderr)
            self.assertNotIn("secret", said.stdout + said.stderr)
        self.start("h2", *wrong_more, to=wrong + "/policies/edge")
        self.wait_for(lambda: "Authorization Violation" in self.log("h2"), "h2 does not say why it gets no policy", shows=lambda: self.log("h2"))
        self.assertNotIn("secret", self.log("h2"))
        self.assertEqual(self.end("h2"), 0)

    def test_a_user_with_a_password(self):
        self.serve("authorization { user: fleet, password: secret1 }\n", user="fleet", **{"pass": "secret1"})
        self.check(f"nats://fleet:secret1@{SERVER}:{PORT}", f"nats://fleet:secret2@{SERVER}:{PORT}")

    def test_a_token(self):
        self.serve("authorization { token: secret1 }\n", auth_token="secret1")
        self.check(f"nats://secret1@{SERVER}:{PORT}", f"nats://secret2@{SERVER}:{PORT}")

    def test_credentials_as_nsc_writes_them(self):
        accounts = Accounts(self.folder)
        self.serve(accounts.configuration)
        url = f"nats://{SERVER}:{PORT}"
        right, wrong = accounts.credentials("right"), accounts.credentials("wrong", Key(self.folder, ACCOUNT, "stranger"))
        self.check(url, url, "--nats-creds", right, wrong_more=("--nats-creds", wrong))
        # A file that has none is refused, and not quoted.
        none = self.folder / "none.creds"
        none.write_text("root:hunter2\n")
        for words in (["fleet", "status", url + "/policies"], ["push", self.folder / "edge.rules", "--to", url + "/policies/edge"],
                      ["run", url + "/policies/edge", "-i", "lo", "--name", "h3", "--state", self.folder / "state"]):
            said = run(WEIR, *words, "--nats-creds", none)
            self.assertEqual(said.returncode, 3, said.stderr)
            self.assertIn("none.creds", said.stderr)
            self.assertNotIn("hunter2", said.stdout + said.stderr)


if __name__ == "__main__":
    fleet_case.main()
