#!/usr/bin/env python3
"""split_hello.py ADDRESS PORT NAME...: for each name a connection that sends a ClientHello in two segments, with the
extensions in an order that has the name behind a key share of 1,200 bytes."""
import socket
import sys
import time


def counted(data, length_bytes):
    return len(data).to_bytes(length_bytes, "big") + data


def extension(number, data):
    return number.to_bytes(2, "big") + counted(data, 2)


def hello(name):
    server_name = counted(b"\0" + counted(name.encode(), 2), 2)
    share = counted((0x6399).to_bytes(2, "big") + counted(b"k" * 1200, 2), 2)
    groups = counted(bytes.fromhex("6399001d"), 2)
    signatures = counted(bytes.fromhex("040308040401"), 2)
    extensions = extension(51, share) + extension(10, groups) + extension(13, signatures) + extension(0, server_name)
    extensions += extension(43, counted(bytes.fromhex("0304"), 1)) + extension(16, counted(counted(b"h2", 1), 2))
    body = b"\3\3" + b"r" * 32 + counted(b"s" * 32, 1) + counted(bytes.fromhex("13011302"), 2) + counted(b"\0", 1)
    return b"\x16\3\1" + counted(b"\1" + counted(body + counted(extensions, 2), 3), 2)


def main():
    address, port, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    for first in (100, 500, 1000, 1200):
        for name in names:
            with socket.create_connection((address, port)) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                message = hello(name)
                connection.sendall(message[:first])
                time.sleep(0.02)
                connection.sendall(message[first:])
                time.sleep(0.02)


main()
