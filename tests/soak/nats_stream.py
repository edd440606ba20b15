"""A stream of JetStream, as far as a test needs it: made, and read message by message."""
import base64
import json
import socket
import time


class Stream:
    def __init__(self, connect):
        """`connect`: a connection to the server, made anew each time."""
        self.connect = connect

    def ask(self, requests):
        """The answers to (subject, request) pairs, in their order."""
        with self.connect() as server:
            server.settimeout(30)
            reader = server.makefile("rb")
            reader.readline()
            server.sendall(b'CONNECT {"verbose":false}\r\nSUB answers.* 1\r\n')
            answers = []
            for number, (subject, request) in enumerate(requests):
                body = json.dumps(request).encode()
                server.sendall(f"PUB {subject} answers.{number} {len(body)}\r\n".encode() + body + b"\r\n")
                while len(answers) == number:
                    line = reader.readline()
                    if line.startswith(b"PING"):
                        server.sendall(b"PONG\r\n")
                    elif line.startswith(b"MSG"):
                        answers.append(json.loads(reader.read(int(line.split()[-1]) + 2)))
                    elif not line:
                        raise ConnectionError("the server went")
            return answers

    def patiently(self, requests):
        for attempt in range(100):
            try:
                answers = self.ask(requests)
                if all("error" not in answer for answer in answers):
                    return answers
            except (OSError, socket.timeout):
                pass
            time.sleep(0.2)
        raise AssertionError("nats-server does not answer")

    def make(self, subject):
        self.patiently([("$JS.API.STREAM.CREATE.ALERTS", {"name": "ALERTS", "subjects": [subject], "storage": "file"})])

    def lines(self):
        count = self.patiently([("$JS.API.STREAM.INFO.ALERTS", {})])[0]["state"]["messages"]
        asked = [("$JS.API.STREAM.MSG.GET.ALERTS", {"seq": number + 1}) for number in range(count)]
        return [base64.b64decode(answer["message"]["data"]).decode() for answer in self.patiently(asked)] if asked else []
