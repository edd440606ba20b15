#!/usr/bin/env python3
"""built_test.py [record]: the page's dist/ is what its sources build; its lock file names no registry, and it is small.
Where npm's modules are (`npm ci` in service/http/page), dist/ is built once more and compared. Without them, the hashes are
compared that `npm run build` has recorded, of the sources and of what it built."""
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PAGE = SOURCE / "service/http/page"
MOST_BYTES = 128_000
BUILDS = ("index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")     # beside src/ and public/


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def hashes():
    sources = [PAGE / name for name in BUILDS] + [path for folder in ("src", "public", "dist") for path in (PAGE / folder).rglob("*")]
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(PAGE).as_posix()}\n"
                   for path in sorted(sources) if path.is_file())


def main():
    if sys.argv[1:] == ["record"]:
        (PAGE / "built.sha256").write_text(hashes())
        return 0
    if (PAGE / "built.sha256").read_text() != hashes():
        return "the page's sources or dist/ have changed since `npm run build`, in service/http/page"
    built = files(PAGE / "dist")
    size = sum(map(len, built.values()))
    print(f"dist/ has {len(built)} files, {size} bytes")
    if size > MOST_BYTES:
        return f"dist/ has more than {MOST_BYTES} bytes"
    lock = (PAGE / "package-lock.json").read_text()
    if '"resolved"' in lock or "registry" in lock:
        return "package-lock.json names a registry: .npmrc has omit-lockfile-registry-resolved=true"
    if shutil.which("npx") is None or not (PAGE / "node_modules/vite").is_dir():
        print("the modules that build the page are not here: its hashes are compared alone")
        return 0
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
