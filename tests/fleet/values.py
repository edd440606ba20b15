"""Values of a bucket as who has a key, or none, may write them: also such as weir push never writes."""
import hashlib
import subprocess


def entry(name, data=b"", kind=b"0", size=None):
    """One of a tar, as weir writes it."""
    header = bytearray(512)
    def put(at, text):
        header[at:at + len(text)] = text
    put(0, name.encode())
    put(100, b"0000644"), put(108, b"0000000"), put(116, b"0000000")
    put(124, size or b"%011o" % len(data))
    put(136, b"0" * 11), put(148, b" " * 8), put(156, kind), put(257, b"ustar\x0000")
    put(148, b"%06o\0 " % sum(header))
    return bytes(header) + data + bytes(-len(data) % 512)


def manifest(files, serial, bucket="policies", key="edge", canary=10000, policy="edge.rules", include=0):
    """`files`: names of the archive and their bytes."""
    head = (f"weir bundle 2\npolicy {policy}\ninclude {include}\nbucket {bucket}\nkey {key}\nserial {serial}\n"
            f"canary {canary}\nconfirm_within_ms 0\n")
    return (head + "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files)).encode()


def signature(text, signing_key):
    file = signing_key.parent / "to-be-signed"
    file.write_bytes(text)
    return subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", str(signing_key), "-rawin", "-in", str(file)], capture_output=True, check=True).stdout


def value(files, serial, signing_key=None, entries=None, **more):
    """`entries`: in place of those of the files."""
    files = [(name, data if isinstance(data, bytes) else data.encode()) for name, data in files]
    head = manifest(files, serial, **more)
    parts = [entry("manifest", head)]
    if signing_key is not None:
        parts.append(entry("manifest.sig", signature(head, signing_key)))
    return b"".join(parts + (entries or [entry(*file) for file in files])) + bytes(1024)
