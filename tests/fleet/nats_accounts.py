"""Accounts of NATS as `nsc` makes them: an operator, its accounts, and users with a JWT and a seed each.
https://docs.nats.io/running-a-nats-service/configuration/securing_nats/jwt"""
import base64
import json
import pathlib
import subprocess
import time

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3      # of nkeys: the first letter of a key's text


def openssl(*words, data=None):
    return subprocess.run(["openssl", *map(str, words)], input=data, capture_output=True, check=True).stdout


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xffff
    return crc


def text_of(data):
    return base64.b32encode(data + crc16(data).to_bytes(2, "little")).decode().rstrip("=")


def base64_of(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    def __init__(self, folder, kind, name):
        self.kind, self.file = kind, pathlib.Path(folder) / f"{name}.pem"
        self.file.write_bytes(openssl("genpkey", "-algorithm", "ed25519"))
        self.public = text_of(bytes([kind]) + openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")[-32:])
        seed = openssl("pkey", "-in", self.file, "-outform", "DER")[-32:]
        self.seed = text_of(bytes([SEED | kind >> 5, (kind & 31) << 3]) + seed)

    def jwt(self, subject, name, facts):
        claims = {"jti": name, "iat": int(time.time()), "iss": self.public, "name": name, "sub": subject, "nats": {**facts, "version": 2}}
        text = ".".join(base64_of(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims))
        file = self.file.with_suffix(".claims")
        file.write_text(text)
        return text + "." + base64_of(openssl("pkeyutl", "-sign", "-inkey", self.file, "-rawin", "-in", file))


class Accounts:
    """One account with JetStream, beside that of the system."""
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        operator = Key(folder, OPERATOR, "operator")
        self.account = Key(folder, ACCOUNT, "account")
        system = Key(folder, ACCOUNT, "system")
        limits = {word: -1 for word in ("subs", "data", "payload", "imports", "exports", "conn", "leaf")}
        storage = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
        (self.folder / "operator.jwt").write_text(operator.jwt(operator.public, "operator", {"type": "operator"}))
        one = operator.jwt(self.account.public, "fleet", {"type": "account", "limits": {**limits, **storage, "wildcards": True}})
        other = operator.jwt(system.public, "system", {"type": "account", "limits": {**limits, "wildcards": True}})
        self.configuration = (f"operator: {self.folder}/operator.jwt\nsystem_account: {system.public}\nresolver: MEMORY\n"
                              f"resolver_preload: {{ {self.account.public}: {one}, {system.public}: {other} }}\n")

    def credentials(self, name, signer=None):
        """The file that `nsc` writes for a user; with `signer`, by another account's key."""
        user = Key(self.folder, USER, name)
        jwt = (signer or self.account).jwt(user.public, name, {"type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1})
        file = self.folder / f"{name}.creds"
        file.write_text(f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
                        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")
        file.chmod(0o600)
        return file
