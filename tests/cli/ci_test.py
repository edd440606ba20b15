#!/usr/bin/env python3
"""ci_test.py WEIR SOURCE: what ci/ has for GitHub, GitLab and pre-commit is well-formed, and each of its commands runs, on a
repository with a good policy and with a bad one. The formats that mark lines of a change name files as the repository does."""
import json
import os
import pathlib
import re
import subprocess
import unittest

import yaml

from command_case import SOURCE as GIVEN_SOURCE, WEIR, CommandCase

SOURCE = GIVEN_SOURCE.resolve()

GOOD = 'default drop\n\nrule telnet { when tcp.dport == 23 then pass }\nrule arp    { when arp or icmp6 then pass }\n\n' \
       'test "telnet" {\n    tcp 198.51.100.7:4000 -> 192.0.2.1:23 syn => pass by telnet\n' \
       '    arp 192.0.2.7 -> 192.0.2.1                    => pass\n}\n'
GOOD = subprocess.run([WEIR, "fmt", "-"], input=GOOD, capture_output=True, text=True, check=True).stdout
BAD = GOOD.replace("tcp.dport", "tcp.dprot")
FAILS = GOOD.replace("=> pass by telnet", "=> drop")
ACTION = yaml.safe_load((SOURCE / "ci/github/action.yml").read_text())
GITLAB = yaml.safe_load((SOURCE / "ci/gitlab/weir.gitlab-ci.yml").read_text())
HOOKS = yaml.safe_load((SOURCE / ".pre-commit-hooks.yaml").read_text())


class Ci(CommandCase):
    def setUp(self):
        super().setUp()
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        (self.bin / "weir").symlink_to(pathlib.Path(WEIR).resolve())
        gh = self.bin / "gh"
        gh.write_text('#!/bin/sh\necho "$@" > "$COMMENTED"\n')
        gh.chmod(0o755)
        self.repository = self.folder / "repository"
        (self.repository / "policies").mkdir(parents=True)
        self.git("init", "--quiet")
        self.policy(GOOD)
        self.commit()

    def git(self, *words):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=self.repository, check=True,
                       capture_output=True, timeout=60)

    def commit(self):
        self.git("add", "policies")
        self.git("commit", "--quiet", "--message", "policies")

    def policy(self, text, name="edge"):
        (self.repository / "policies" / f"{name}.rules").write_text(text)

    def shell(self, script, **env):
        return subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=self.repository,
                              capture_output=True, text=True, timeout=300,
                              env={**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "NO_COLOR": "1",
                                   "HOME": str(self.folder), "COMMENTED": str(self.folder / "commented"), **env})

    # ---- GitHub ----

    def step(self, name):
        step = next(s for s in ACTION["runs"]["steps"] if s.get("name") == name)
        values = {"inputs.files": ACTION["inputs"]["files"]["default"], "github.action_path": str(SOURCE / "ci/github"),
                  "github.event.pull_request.base.sha": "HEAD", "github.event.pull_request.number": "7",
                  "github.token": "token"}
        env = {key: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], value)
               for key, value in step.get("env", {}).items()}
        env["GITHUB_STEP_SUMMARY"] = str(self.folder / "summary.md")
        env["GITHUB_REPOSITORY"] = "owner/policies"
        env["GITHUB_PATH"] = str(self.folder / "path")
        return self.shell(step["run"], **env)

    def test_the_action_is_well_formed(self):
        self.assertEqual(ACTION["runs"]["using"], "composite")
        for step in ACTION["runs"]["steps"]:
            self.assertTrue("uses" in step or step["shell"] == "bash", step)
            # What a pull request may choose is never part of a script.
            self.assertNotIn("${{", step.get("run", ""))

    def test_the_steps_of_the_action_accept_a_good_policy(self):
        for name in ("install", "layout", "check", "test"):
            done = self.step(name)
            self.assertEqual(done.returncode, 0, (name, done.stdout, done.stderr))
        self.assertIn("<testsuite", (self.repository / "weir-tests.xml").read_text())
        self.assertIn("/.local/bin", (self.folder / "path").read_text())

    def test_the_steps_of_the_action_mark_the_lines_of_a_bad_one(self):
        self.policy(BAD)
        done = self.step("check")
        self.assertEqual(done.returncode, 1)
        self.assertIn("::error file=policies/edge.rules,line=3,col=20,endLine=3,endColumn=29,title=E201::", done.stderr)
        self.policy(FAILS)
        done = self.step("test")
        self.assertEqual(done.returncode, 1)
        self.assertIn("::error file=policies/edge.rules,line=7,", done.stdout)
        self.policy(GOOD.replace("rule arp  ", "rule arp"))
        done = self.step("layout")
        self.assertEqual(done.returncode, 1)
        self.assertIn("::error file=policies/edge.rules,line=4,", done.stdout)

    def test_the_differences_are_in_the_summary_and_in_the_comment(self):
        self.policy(GOOD.replace("23 then pass", "23 then drop"))
        self.policy(GOOD, "another")
        self.policy(GOOD, "odd`\n@octocat <b>")
        done = self.step("what changes")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = (self.repository / "weir-differences.md").read_text()
        self.assertEqual((self.folder / "summary.md").read_text(), said)
        self.assertRegex(said, r"(?s)### `policies/another.rules`\s+A new policy.*### `policies/edge.rules`\s+\d class.*tcp\.dport")
        self.assertIn("### `policies/odd??@octocat <b>.rules`\n", said)
        self.assertNotIn(os.environ.get("TMPDIR", "/tmp"), said)
        self.assertEqual(self.step("comment").returncode, 0)
        self.assertEqual((self.folder / "commented").read_text(), "pr comment 7 --repo owner/policies --body-file weir-differences.md\n")
        worktrees = subprocess.run(["git", "worktree", "list"], cwd=self.repository, capture_output=True, text=True)
        self.assertEqual(worktrees.stdout.count("\n"), 1)

    # ---- GitLab ----

    def job(self, name):
        job = GITLAB[name]
        self.assertEqual(job["extends"], ".weir")
        return self.shell("\n".join(job["script"]), **GITLAB["variables"])

    def test_the_jobs_of_the_template_accept_a_good_policy(self):
        for name in [n for n in GITLAB if n.startswith("weir-")]:
            done = self.job(name)
            self.assertEqual(done.returncode, 0, (name, done.stdout, done.stderr))
        for job in GITLAB.values():
            for report in job.get("artifacts", {}).get("reports", {}).values():
                self.assertTrue((self.repository / report).is_file(), report)
        self.assertEqual(json.loads((self.repository / "gl-code-quality-report.json").read_text()), [])

    def test_the_report_of_a_bad_policy_is_what_gitlab_reads(self):
        self.policy(BAD)
        self.policy(GOOD.replace("23 then", "22 then", 1), "another")
        self.assertEqual(self.job("weir-check").returncode, 1)
        report = json.loads((self.repository / "gl-code-quality-report.json").read_text())
        self.assertTrue(report)
        for entry in report:
            self.assertTrue({"description", "check_name", "fingerprint", "severity", "location"} <= set(entry))
            self.assertIn(entry["severity"], ("info", "minor", "major", "critical", "blocker"))
            self.assertTrue((self.repository / entry["location"]["path"]).is_file())
            self.assertFalse(entry["location"]["path"].startswith(("/", ".")))
            self.assertGreaterEqual(entry["location"]["lines"]["begin"], 1)
        self.assertEqual(len({entry["fingerprint"] for entry in report}), len(report))
        self.assertIn("E201", [entry["check_name"] for entry in report])

    def test_a_failed_test_is_in_every_format(self):
        self.policy(FAILS)
        for form, words in (("github", "::error file=policies/edge.rules,line=7"), ("json", '"ok":false'),
                            ("gitlab", '"check_name":"test-failed"'), ("sarif", '"ruleId":"test-failed"'),
                            ("human", "FAILED")):
            done = self.shell(f"weir test --format {form} policies/edge.rules")
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stdout, form)
            if form in ("gitlab", "sarif"):
                json.loads(done.stdout)      # one document, and nothing beside it

    # ---- names of files ----

    def test_files_are_named_as_the_repository_does_however_they_are_given(self):
        self.policy('import "part.rules"\n' + BAD)
        self.policy("let x = tcp.dprot == 1\n", "part")
        for given in ("policies/edge.rules", "./policies/edge.rules", "policies/../policies/edge.rules",
                      str(self.repository / "policies/edge.rules")):
            for form in ("github", "gitlab", "sarif"):
                done = self.shell(f"weir check --format {form} '{given}'")
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, 1)
                self.assertNotIn(str(self.folder), said)
                self.assertNotIn("./", said)
                for name in ("policies/edge.rules", "policies/part.rules"):
                    self.assertIn(name, said, (given, form))
        said = self.shell(f"cd /; weir check --format github '{self.repository}/policies/edge.rules'").stderr
        self.assertIn("policies/edge.rules", said)

    # ---- pre-commit ----

    def test_the_hooks(self):
        self.assertEqual([hook["id"] for hook in HOOKS], ["weir-fmt", "weir-check", "weir-test"])
        for hook in HOOKS:
            self.assertEqual(hook["language"], "system")
            self.assertTrue(re.search(hook["files"], "policies/edge.rules"))
            self.assertFalse(re.search(hook["files"], "policies/edge.rules.txt"))
            self.policy(GOOD)
            done = self.shell(hook["entry"] + " policies/edge.rules")
            self.assertEqual(done.returncode, 0, (hook, done.stdout, done.stderr))
            self.policy(BAD if hook["id"] != "weir-fmt" else "rule {")
            self.assertEqual(self.shell(hook["entry"] + " policies/edge.rules").returncode, 1, hook)


if __name__ == "__main__":
    unittest.main()
