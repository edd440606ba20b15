#!/usr/bin/env python3
"""mutants.py WEIR POLICY…: of all mutants of the policies together, at least 95% are noticed by the policies' own tests."""
import json
import subprocess
import sys

LEAST_PERCENT = 95

mutants = noticed = 0
for policy in sys.argv[2:]:
    said = subprocess.run([sys.argv[1], "test", "--quiet", "--mutate", "--engine", "oracle", "--format", "json", policy],
                          capture_output=True, text=True)
    if said.returncode != 0:
        sys.exit(f"{policy}: status {said.returncode}\n{said.stderr}")
    of = next(line["mutation"] for line in map(json.loads, said.stdout.splitlines()) if "mutation" in line)
    print(f"{of['percent']:6.1f}%  {of['noticed']:4} of {of['mutants']:4}  {policy}")
    mutants += of["mutants"]
    noticed += of["noticed"]
percent = 100 * noticed / mutants
print(f"{percent:6.1f}%  {noticed} of {mutants}")
if percent < LEAST_PERCENT:
    sys.exit(f"less than {LEAST_PERCENT}%: `weir test --mutate POLICY` shows what is missing")
