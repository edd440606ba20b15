"""What the tests of the network door share: an engine that listens, in the namespace of live_case.py, and a client there."""
import ctypes
import http.client
import json
import pathlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))

from live_case import NAME, WEIR, LiveCase, inside, main as main_of  # noqa: E402,F401

PORT = 9464
ADDRESS = f"127.0.0.1:{PORT}"
TOKEN = "0123456789abcdef0123456789abcdef-token"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def socket_inside(family=socket.AF_INET, kind=socket.SOCK_STREAM):
    """A socket belongs to the namespace in which it was made."""
    with open("/proc/self/ns/net") as here, open(f"/run/netns/{NAME}") as there:
        if LIBC.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return socket.socket(family, kind)
        finally:
            LIBC.setns(here.fileno(), CLONE_NEWNET)


def connected(timeout=30, port=PORT):
    client = socket_inside()
    client.settimeout(timeout)
    client.connect(("127.0.0.1", port))
    return client


def certificate(folder, name="door"):
    """The paths of a certificate of localhost and of its key."""
    path, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(path)],
                   check=True, capture_output=True, timeout=60)
    key.chmod(0o600)
    return str(path), str(key)


class DoorCase(LiveCase):
    def listen(self, *more):
        return self.start("--listen", ADDRESS, *more)

    def token_file(self, text=TOKEN, mode=0o600, name="token"):
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(mode)
        return str(path)

    def ask_door(self, method, path, body=None, timeout=60, **headers):
        """(status, headers, body) of one request on a connection of its own. Underscores in names of headers are hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
        connection.sock = connected(timeout)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask_door("GET", path, **headers)

    def manage(self, method, path, body=None, content_type="text/plain", token=TOKEN):
        """(status, JSON) of a request with the token."""
        headers = {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content_Type"] = content_type
        status, _, said = self.ask_door(method, path, body, **headers)
        return status, json.loads(said)

    def door_process(self):
        """The number of the door's process."""
        engine = self.running.pid
        children = pathlib.Path(f"/proc/{engine}/task/{engine}/children").read_text().split()
        for child in children:
            try:
                if b"network-door" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
            except OSError:
                pass
        return None

    def door_counts(self):
        return self.status()["doors"][0]["counts"]

    def raw(self, text, timeout=30):
        """All that the door answers to these bytes, until it closes."""
        client = connected(timeout)
        with client:
            client.sendall(text)
            answer = b""
            while True:
                try:
                    got = client.recv(65536)
                except ConnectionResetError:
                    return answer
                if not got:
                    return answer
                answer += got
