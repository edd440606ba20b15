#!/usr/bin/env python3
"""built_test.py: the page's dist/ is what its sources build, byte for byte; its lock file names no registry, and it is small.
Building needs npm's modules: `npm ci` in service/http/page, once. Without them that part is skipped."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PAGE = SOURCE / "service/http/page"
MOST_BYTES = 128_000
SKIPPED = 77


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def main():
    built = files(PAGE / "dist")
    size = sum(map(len, built.values()))
    print(f"dist/ has {len(built)} files, {size} bytes")
    if size > MOST_BYTES:
        return f"dist/ has more than {MOST_BYTES} bytes"
    lock = (PAGE / "package-lock.json").read_text()
    if '"resolved"' in lock or "registry" in lock:
        return "package-lock.json names a registry: .npmrc has omit-lockfile-registry-resolved=true"
    if shutil.which("npx") is None or not (PAGE / "node_modules/vite").is_dir():
        print("skipped: the modules that build the page are not here: npm ci, in service/http/page")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npx", "--no-install", "tsc", "--noEmit"], cwd=PAGE, check=True, timeout=120)
        subprocess.run(["npx", "--no-install", "vite", "build", "--logLevel", "warn", "--emptyOutDir", "--outDir", folder], cwd=PAGE, check=True, timeout=120)
        fresh = files(pathlib.Path(folder))
    for name in sorted(built.keys() | fresh.keys()):
        if built.get(name) != fresh.get(name):
            return f"dist/{name} is not what the sources build: npm run build, in service/http/page"
    return 0


if __name__ == "__main__":
    sys.exit(main())
