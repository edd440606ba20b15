#!/usr/bin/env python3
"""hellos.py FOLDER: ClientHellos as seeds of the target `messages`, the extensions in several orders."""
import pathlib
import sys


def counted(data, size=2):
    return len(data).to_bytes(size, "big") + data


def extension(kind, data=b""):
    return kind.to_bytes(2, "big") + counted(data)


def hello(extensions):
    body = b"\3\3" + bytes(32) + counted(bytes(32), 1) + counted(b"\x13\1\x13\2") + b"\1\0" + counted(b"".join(extensions))
    return b"\x16\3\1" + counted(b"\1" + counted(body, 3))


name = extension(0, counted(b"\0" + counted(b"WWW.example.com.")))
alpn = extension(16, counted(b"\2h2\x08http/1.1"))
shares = extension(51, bytes(40))
for number, order in enumerate(([name, alpn, shares], [shares, alpn, name], [alpn, shares], [shares, name], [name, name], [])):
    (pathlib.Path(sys.argv[1]) / f"hello{number}").write_bytes(b"\2\0" + hello(order))
