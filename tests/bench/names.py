#!/usr/bin/env python3
"""The captures and policies of names.sh: names.py FOLDER ENTRIES…"""
import pathlib
import random
import struct
import sys

FRAMES = 2048
chance = random.Random(15)

WORDS = """mail www api cdn static img login shop news blog app edge data cloud play store media assets track metrics
auth files docs video search support home world bank travel city green blue north river stone light house garden""".split()
ENDS = "com com com net org io de co.uk fr example app dev".split()


def name():
    """As names of real traffic: two to five labels, 20 bytes in the mean."""
    labels = [chance.choice(WORDS) + chance.choice(["", "", chance.choice(WORDS), str(chance.randrange(100))])
              for _ in range(chance.choice([1, 2, 2, 2, 3]))]
    made = ".".join(labels + [chance.choice(ENDS)])
    return "".join(chance.choice([c, c.upper()]) for c in made) if chance.random() < 0.1 else made


def long_name():
    labels, left = [], 250
    while left > 1:
        size = min(chance.randint(20, 63), left - 1)
        labels.append("".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789-") for _ in range(size)))
        left -= size + 1
    return ".".join(labels)


def ip(protocol, body):
    return bytes(12) + b"\x08\x00" + struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(body), chance.getrandbits(16), 0, 64,
                                                   protocol, 0, chance.getrandbits(32), chance.getrandbits(32)) + body


def udp(payload, port):
    return ip(17, struct.pack(">HHHH", chance.randint(1024, 65535), port, 8 + len(payload), 0) + payload)


def tcp(payload, port):
    return ip(6, struct.pack(">HHIIBBHHH", chance.randint(1024, 65535), port, chance.getrandbits(32), chance.getrandbits(32), 0x50,
                             0x18, 512, 0, 0) + payload)


def query(asked):
    wire = b"".join(bytes([len(label)]) + label.encode() for label in asked.split(".")) + b"\0"
    edns = b"\0\0\x29\x04\xd0\0\0\0\0\0\0" if chance.random() < 0.7 else b""
    return udp(struct.pack(">HHHHHH", chance.getrandbits(16), 0x0100, 1, 0, 0, 1 if edns else 0) + wire
               + struct.pack(">HH", chance.choice([1, 1, 28, 65]), 1) + edns, 53)


BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
# The lines that clients send, in their order; `{}` is the host.
CLIENTS = [
    ["Host: {}", "User-Agent: curl/8.5.0", "Accept: */*"],
    ["Host: {}", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
     "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language: en-US,en;q=0.5",
     "Accept-Encoding: gzip, deflate, br", "Connection: keep-alive", "Upgrade-Insecure-Requests: 1"],
    ["Host: {}", "Connection: keep-alive", "Cache-Control: max-age=0", "Upgrade-Insecure-Requests: 1", "User-Agent: " + BROWSER,
     "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "Accept-Encoding: gzip, deflate",
     "Accept-Language: en-US,en;q=0.9", "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark"],
    ["Host: {}", "User-Agent: python-requests/2.31.0", "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive"],
    ["Host: {}", "User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip"],
    ["Accept-Encoding: identity", "Host: {}", "User-Agent: Python-urllib/3.11", "Connection: close"],
    ["User-Agent: Wget/1.21.3", "Accept: */*", "Accept-Encoding: identity", "Host: {}", "Connection: Keep-Alive"],
]


def request(host):
    path = "/" + "/".join(chance.choice(WORDS) for _ in range(chance.randint(0, 4)))
    if chance.random() < 0.25:
        path += "?id=" + str(chance.getrandbits(32))
    line = f"{chance.choice(['GET', 'GET', 'GET', 'POST', 'HEAD', 'PUT'])} {path} HTTP/1.1"
    lines = [line] + [header.format(host) for header in chance.choice(CLIENTS)]
    return tcp("\r\n".join(lines + ["", ""]).encode(), 80)


def other():
    payload = chance.randbytes(chance.randint(20, 400))
    return tcp(payload, 443) if chance.random() < 0.5 else udp(payload, 443)


def write_capture(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def main():
    folder, sizes = pathlib.Path(sys.argv[1]), [int(size) for size in sys.argv[2:]]
    names = [name() for _ in range(FRAMES)]
    write_capture(folder / "dns.pcap", [query(one) for one in names])
    write_capture(folder / "dns_250.pcap", [query(long_name()) for _ in range(FRAMES)])
    write_capture(folder / "dns_labels.pcap", [query(".".join("x" * 126)) for _ in range(FRAMES)])
    write_capture(folder / "http.pcap", [request(one) for one in names])
    write_capture(folder / "other.pcap", [other() for _ in range(FRAMES)])

    # Half of what is asked for is in the sets.
    listed = sorted({one.lower() for one in names[::2]})
    for size in sizes:
        entries = dict.fromkeys(listed)
        while len(entries) < size:
            entries[f"{chance.choice(WORDS)}{chance.getrandbits(28):x}.{chance.choice(WORDS)}.{chance.choice(ENDS)}"] = None
        (folder / f"{size}.list").write_text("\n".join(entries) + "\n")
        (folder / f"qname_in_{size}.rules").write_text(
            f'set s : domain size {max(size, 65536)} from "{size}.list"\nrule r {{ when dns.qname in s then drop }}\n')
    (folder / "hosts.list").write_text("\n".join(listed) + "\n")
    policies = {
        "without_dns": "rule r { when udp.sport == 1 then drop }\n",
        "qname_is": 'rule r { when dns.qname == "mail.north.example" then drop }\n',
        "without_http": "rule r { when tcp.sport == 1 then drop }\n",
        "host_in": 'set s : domain from "hosts.list"\nrule r { when http.host in s then drop }\n',
        "request": 'set s : domain from "hosts.list"\nrule r { when http.method == "GET" and http.path starts_with "/login" and '
                   'http.host in s then drop }\nrule q { when http.host in s and http.method == "PUT" then drop }\n',
        "whole_head": 'rule r { when http.is_cut or http.user_agent contains "sqlmap" or http.host == "a.example" then drop }\n',
    }
    for policy, text in policies.items():
        (folder / f"{policy}.rules").write_text(text)


main()
