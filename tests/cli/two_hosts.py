"""A server and a client in two network namespaces, weir on the server's interface t0."""
import subprocess

from live_case import NAME, LiveCase, inside

CLIENT = NAME + "c"
SERVER_ADDRESS, CLIENT_ADDRESS = "10.97.0.1", "10.97.0.2"


def in_client(*command, **more):
    return subprocess.run(["nsenter", f"--net=/run/netns/{CLIENT}", *map(str, command)], capture_output=True, text=True, timeout=300, **more)


class TwoHosts(LiveCase):
    def setUp(self):
        super().setUp()
        subprocess.run(["ip", "netns", "add", CLIENT], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", CLIENT])
        inside("ip", "link", "add", "t0", "type", "veth", "peer", "name", "t1", "netns", CLIENT)
        inside("ip", "address", "add", SERVER_ADDRESS + "/24", "dev", "t0")
        in_client("ip", "address", "add", CLIENT_ADDRESS + "/24", "dev", "t1")
        inside("ip", "link", "set", "t0", "up")
        in_client("ip", "link", "set", "t1", "up")
        self.addCleanup(inside, "ip", "link", "delete", "t0")

    def make_certificate(self):
        self.key, self.certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=example",
                        "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)

    def serve(self, *command):
        """A server; its standard output and error in one stream."""
        server = subprocess.Popen(["nsenter", f"--net=/run/netns/{NAME}", *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.stdin.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        return server
