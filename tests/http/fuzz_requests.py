"""Requests for fuzz_test.py: right and nearly right ones of each route of the door's own description, with bodies of each command,
and what may be done to their bytes on the way."""
import json
import random
import ssl

from door_case import PORT, TOKEN

# What every policy of this test begins with: whatever is put in force, counts of `marked` go on.
CORE = """set blocked : ip size 1000
rule banned { when ip.src in blocked then drop }
rule marked { when udp.dport == 9 then alert hit, drop }
alert hit { message "hit from {ip.src}" }
"""
SECRET = "hunter2 is the word"      # in a file of the host that policies name
MORE_RULES = ["", "# more\n", "rule web { when tcp.dport == 443 then pass }\n", "rule x { when udp.dport in 1000..2000 then drop }\n",
              "rule y { when tls.sni ends \".example\" then alert second }\nalert second { severity high message \"{tls.sni}\" }\n",
              "test \"t\" { tcp 198.51.100.7:4000 -> 192.0.2.1:23 syn => pass }\n", "set more : ip size 64 ttl 10m\nrule m { when ip.src not in more then add ip.src to more }\n",
              "rule z { when payload contains \"x\" and tcp.syn then drop }\n", "throttle"]
WORDS = "rule set when then drop pass alert and or not in == != < > { } ( ) , : \" ' # tcp.dport ip.src payload 10.0.0.0/8 0x7f 1..2 for 9999999999 import pcap sink eve exec \0 \xff".split(" ")
VALUES = ["198.51.100.1", "198.51.100.2", "2001:db8::1", "", "x", "198.51.100.0/24", "1" * 5000, "\0", "\U0001f600", "198.51.100.300", " 198.51.100.9", "::ffff:198.51.100.7"]
TIMES = ["10m", "0", "1ms", "1w", "-1s", "99999999999999999999h", "", "10 m", "1e3s"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "", "X" * 300]
PATHS = ["/", "/api", "/api/v1/", "/api/v1/sets/", "/assets/x", "*", "//", "/%00", "/%", "/api/v1/sets/%2e%2e", "/api/v1/sets/%2fetc%2fpasswd",
         "/api/v1/sets/a%00b", "/api/v1/sets/" + "a" * 3000, f"http://127.0.0.1:{PORT}/metrics", "http://x/y", "/../../etc/passwd", "/metrics/", "/metrics#x", "/metrics;x"]
HEADERS = ["Content-Type: text/plain", "Content-Type: application/json", "Content-Length: 5", "Content-Length: -1", "Content-Length: +5",
           "Content-Length: 0x5", "Content-Length: 5, 5", "Content-Length: 99999999999999999999", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
           "Transfer-Encoding: identity", "Transfer-Encoding: xchunked", "Expect: 100-continue", "Expect: x", "Connection: close", "Connection: keep-alive",
           "Connection: upgrade, Host", "Origin: null", "Origin: http://evil.example", f"Origin: http://127.0.0.1:{PORT}", "If-None-Match: *", "Range: bytes=0-1",
           "Last-Event-ID: " + "9" * 8000, "Upgrade: websocket", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ", "Cookie: a=b; c", "X: " + "y" * 5000, "X: " + "y" * 40000,
           " folded", "\tfolded", "NoColon", ": empty", "Na me: x", "Sec-Fetch-Site: cross-site", "Content-Encoding: gzip", "Trailer: Host", "X-\0: \0", "Accept: \xff\xfe"]
TOKENS = [f"Bearer {TOKEN}"] * 30 + [f"bearer {TOKEN}", f"Bearer  {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer ", "Basic eDp5", "", "\0", "Bearer " + "x" * 9000]


class Request:
    """`is_whole`: nothing about it may be changed on the way: the right token, and a policy that is put in force."""
    def __init__(self, head, body=b"", is_whole=False):
        self.head, self.body, self.is_whole = head, body, is_whole


class Requests:
    def __init__(self, chance, description, secret_file):
        self.chance = chance
        self.secret_file = secret_file
        self.routes = []
        for path, methods in description["paths"].items():
            for method, route in methods.items():
                names = [(one["name"], one["schema"]) for one in route.get("parameters", []) if one["in"] == "query"]
                types = list(route.get("requestBody", {}).get("content", {}))
                self.routes.append((method.upper(), path, names, types[0] if types else None))
        assert len(self.routes) > 15, self.routes

    def one_of(self, *choices):
        return self.chance.choice(choices)

    # ---- bodies ----

    def rules(self):
        """Rules that follow the core; some are wrong."""
        text = "".join(self.chance.sample(MORE_RULES, self.chance.randrange(4)))
        if self.chance.random() < 0.3:
            text += " ".join(self.chance.choices(WORDS, k=self.chance.randrange(1, 40)))
        if self.chance.random() < 0.1:
            text += self.one_of(f'import "{self.secret_file}"\n', f'set s : ip from "{self.secret_file}"\n', f'sink log = eve("{self.secret_file}.json")\n',
                                'sink run = exec("/bin/true")\n', f'test "t" {{ pcap "{self.secret_file}" => pass }}\n', "(" * 3000, "rule r" * 2000)
        if self.chance.random() < 0.2 and text:
            at = self.chance.randrange(len(text))
            text = text[:at] + self.one_of("", chr(self.chance.randrange(256)), text[at:] * 2) + text[at + self.chance.randrange(1, 9):]
        return text

    def set_values(self):
        said = {"values": self.one_of(self.chance.choices(VALUES, k=self.chance.randrange(6)), [f"198.51.{self.chance.randrange(9)}.{i % 256}" for i in range(self.one_of(50, 1500))])}
        if self.chance.random() < 0.4:
            said["for"] = self.chance.choice(TIMES)
        text = json.dumps(said)
        wrong = self.chance.randrange(14)
        wrongs = ['{"values":' + "[" * 20000, '{"values":["198.51.100.1"],"values":[1]}', '{"values":"198.51.100.1"}', '{"values":[1e999,NaN]}', '{"values":["\\ud800"]}',
                  "\ufeff" + text, text + text, text[:len(text) // 2], json.dumps([said]), json.dumps({**said, "more": {"a": [None] * 100}})]
        return wrongs[wrong] if wrong < len(wrongs) else text

    def body(self, kind):
        if kind is None:
            return b""
        text = self.set_values() if kind == "application/json" else CORE + self.rules()
        return text.encode("utf-8", "surrogatepass") if self.chance.random() < 0.9 else text.encode("latin-1", "replace") + self.chance.randbytes(30)

    # ---- the head ----

    def query(self, names):
        parts = []
        for name, schema in names:
            if self.chance.random() < 0.4:
                right = schema.get("enum") or ([self.one_of("1s", "60s", "200ms")] if "pattern" in schema else ["5"] if schema["type"] == "integer" else ["edge"])
                parts.append(f"{name}={self.chance.choice(right + ['', '-1', '9' * 40, '%zz', '%00', '%2e%2e', 'x' * 300] if self.chance.random() < 0.3 else right)}")
        if self.chance.random() < 0.05:
            parts.append(self.one_of("a&b=%zz", "x=1&" * 200, parts[0] if parts else "=", "%00=1"))
        return "?" + "&".join(parts) if parts or self.chance.random() < 0.05 else ""

    def request(self):
        method, path, names, kind = self.chance.choice(self.routes)
        token = self.chance.choice(TOKENS) if self.chance.random() < 0.9 else None
        name = self.one_of("blocked", "blocked", "blocked", "nowhere", "%62locked", "more", "a%2fb")
        target = path.replace("{name}", name) + self.query(names)
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.one_of(f'127.0.0.1:{PORT}', 'localhost')}"]
        if token is not None:
            lines.append(f"Authorization: {token}")
        body = self.body(kind)
        if kind is not None:
            lines.append(f"Content-Type: {kind}")
        is_whole = path.endswith("/reload") and token is not None and TOKEN in token
        if not is_whole and self.chance.random() < 0.3:
            lines, body = self.spoil(lines, body)
        if self.chance.random() < 0.3:
            lines.append("Transfer-Encoding: chunked")
            body = self.chunked(body, is_whole)
        elif body or self.chance.random() < 0.3:
            lines.append(f"Content-Length: {len(body)}")
        end = "\r\n" if is_whole else self.one_of("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r")
        head = end.join(lines).encode("latin-1", "replace") + 2 * end.encode()
        return Request(head, body, is_whole)

    def spoil(self, lines, body):
        for _ in range(self.chance.randrange(1, 4)):
            what = self.chance.randrange(6)
            if what == 0:
                lines[0] = f"{self.chance.choice(METHODS)} {self.chance.choice(PATHS)} HTTP/{self.one_of('1.1', '1.0', '0.9', '2.0', '9', '')}"
            elif what == 1:
                lines[1] = f"Host: {self.one_of('evil.example', '', '[::1', 'a' * 500, f'127.0.0.1:{PORT}:1', '127.0.0.1@evil.example')}"
            elif what == 2:
                lines.append(self.chance.choice(lines))
            elif what == 3:
                body = self.one_of(b"", b"\0" * 100, body[:len(body) // 2], body + body, self.chance.randbytes(200), b"x" * 70000)
            else:
                lines.insert(self.chance.randrange(1, len(lines) + 1), self.chance.choice(HEADERS))
        return lines, body

    def chunked(self, body, is_whole):
        out, at = b"", 0
        while at < len(body):
            size = self.chance.choice([1, 2, 7, 100, 5000])
            part = body[at:at + size]
            at += size
            out += f"{len(part):x}".encode() + (b"" if is_whole else self.one_of(b"", b"", b";x=y", b" ", b";" + b"z" * 300)) + b"\r\n" + part + b"\r\n"
        end = b"0\r\n\r\n"
        return out + (end if is_whole else self.one_of(end, end, end, b"0\r\nHost: x\r\n\r\n", b"fffffffffffffffff\r\n", b"-1\r\n", b"zz\r\n", b""))

    # ---- the way ----

    def changed(self, text):
        for _ in range(self.chance.choice([1, 3, 20])):
            at = self.chance.randrange(len(text))
            text = self.one_of(text[:at] + bytes([self.chance.randrange(256)]) + text[at + 1:], text[:at], text[:at] + text[at:at + 50] * 3 + text[at:]) or b"G"
        return text

    def pieces(self, with_tls):
        """What one connection sends, piece by piece: some requests, one after the other."""
        if with_tls and self.chance.random() < 0.05:
            return [self.hello()]
        text = b""
        for _ in range(self.chance.choice([1, 1, 1, 1, 2, 5, 20])):
            one = self.request()
            whole = one.head + one.body
            text += self.changed(whole) if not one.is_whole and self.chance.random() < 0.15 else whole
        if self.chance.random() < 0.7:
            return [text]
        cuts = sorted(self.chance.sample(range(len(text)), min(len(text) - 1, self.chance.choice([1, 3, 10, 60])))) if len(text) > 1 else []
        return [text[begin:end] for begin, end in zip([0] + cuts, cuts + [len(text)])]

    def hello(self):
        """The first message of TLS, changed or cut; for a connection that is not wrapped."""
        to_send = ssl.MemoryBIO()
        talk = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), to_send, server_hostname="localhost")
        try:
            talk.do_handshake()
        except ssl.SSLWantReadError:
            pass
        text = to_send.read()
        return self.one_of(text, text[:self.chance.randrange(1, len(text))], self.changed(text), text + self.chance.randbytes(100))


def requests_of(seed, description, secret_file):
    return Requests(random.Random(seed), description, secret_file)
