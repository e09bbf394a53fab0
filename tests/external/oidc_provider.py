"""A provider of OpenID Connect as its specifications have it, small, with real keys of OpenSSL, for the tests alone.

It lets in whoever comes, as the person of `/control`; checks what a client has to prove (PKCE, redirect, secret); signs with RSA,
with P-256 or with Ed25519, and takes other keys when it is told to. Prints its address.

    oidc_provider.py FOLDER CLIENT_ID REDIRECT [SECRET]
"""

import base64
import hashlib
import json
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*args, given=None):
    return subprocess.run(["openssl", *args], input=given, capture_output=True, check=True).stdout


class Key:
    """A key pair; `kind` is `RS256`, `PS256`, `ES256` or `EdDSA`."""

    def __init__(self, folder, kind):
        self.kind, self.kid = kind, secrets.token_hex(8)
        self.path = str(pathlib.Path(folder) / f"{self.kid}.pem")
        if kind == "EdDSA":
            openssl("genpkey", "-algorithm", "ed25519", "-out", self.path)
            point = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-32:]
            self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(point)}
        elif kind in ("RS256", "PS256"):
            openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.path)
            modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1]
            self.jwk = {"kty": "RSA", "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}
        else:
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.path)
            point = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-64:]
            self.jwk = {"kty": "EC", "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:])}
        self.jwk |= {"kid": self.kid, "use": "sig", "alg": kind}

    def sign(self, message):
        if self.kind == "EdDSA":
            with tempfile.NamedTemporaryFile() as file:
                file.write(message)
                file.flush()
                return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", file.name)
        if self.kind == "PS256":
            pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
            return openssl("dgst", "-sha256", "-sign", self.path, *pss, given=message)
        der = openssl("dgst", "-sha256", "-sign", self.path, given=message)
        if self.kind == "RS256":
            return der
        # A sequence of two integers, as 32 bytes each.
        parts, at = b"", 2
        for _ in range(2):
            size = der[at + 1]
            parts += der[at + 2 : at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + size
        return parts

    def token(self, claims, header=None):
        head = {"alg": self.kind, "typ": "JWT", "kid": self.kid} | (header or {})
        message = ".".join(b64(json.dumps(part).encode()) for part in (head, claims)).encode()
        return f"{message.decode()}.{b64(self.sign(message))}"


class Provider(ThreadingHTTPServer):
    def __init__(self, folder, client, redirect, secret):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.client, self.redirect, self.secret = folder, client, redirect, secret
        self.issuer = f"http://127.0.0.1:{self.server_port}/realm"
        self.keys = [Key(folder, "RS256")]
        self.person, self.codes, self.asked = {}, {}, 0

    def claims(self, audience, more):
        now = int(time.time())
        return {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + 300} | self.person | more


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body=None, headers=()):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        provider = self.server
        url = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/realm/.well-known/openid-configuration":
            at = provider.issuer
            self.answer(200, {
                "issuer": at, "authorization_endpoint": f"{at}/authorize",
                "token_endpoint": f"{at}/token", "jwks_uri": f"{at}/keys",
            })
        elif url.path == "/realm/keys":
            provider.asked += 1
            self.answer(200, {"keys": [key.jwk for key in provider.keys]})
        elif url.path == "/realm/authorize":
            good = asked.get("client_id") == provider.client and asked.get("redirect_uri") == provider.redirect
            if not good or asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
                return self.answer(400, {"error": "invalid_request"})
            code = secrets.token_urlsafe(16)
            provider.codes[code] = asked
            back = urllib.parse.urlencode({"code": code, "state": asked["state"]})
            self.answer(303, None, [("location", f"{provider.redirect}?{back}")])
        else:
            self.answer(404)

    def do_POST(self):
        provider = self.server
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/realm/token":
            return self.give(dict(urllib.parse.parse_qsl(body.decode())))
        if self.path != "/control":
            return self.answer(404)
        what = json.loads(body)
        if "person" in what:
            provider.person = what["person"]
        if "rotate" in what:
            # The old keys go at once: whoever keeps them believes what is signed no more.
            provider.keys = [Key(provider.folder, kind) for kind in what["rotate"]]
        answer = {"asked": provider.asked, "issuer": provider.issuer}
        if "mint" in what:
            own = next(key for key in provider.keys if key.kind == what.get("by", key.kind))
            key = Key(provider.folder, what["stranger"]) if "stranger" in what else own
            header = what.get("header", {})
            if "stranger" in what:
                header = {"kid": own.kid} | header
            answer["token"] = key.token(provider.claims(what.get("audience", provider.client), what["mint"]), header)
        self.answer(200, answer)

    def give(self, form):
        provider = self.server
        begun = provider.codes.pop(form.get("code"), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        who = re.fullmatch(r"Basic (.+)", self.headers.get("authorization", ""))
        if provider.secret:
            # Each written as in a form, as RFC 6749 has it.
            both = base64.b64decode(who[1]).decode().split(":") if who else []
            known = [urllib.parse.unquote_plus(part) for part in both] == [provider.client, provider.secret]
        else:
            known = form.get("client_id") == provider.client
        if not (begun and known) or begun["code_challenge"] != challenge or form.get("redirect_uri") != provider.redirect:
            return self.answer(400, {"error": "invalid_grant"})
        claims = provider.claims(provider.client, {"nonce": begun["nonce"]} | provider.person.get("_id_token", {}))
        claims.pop("_id_token", None)
        self.answer(200, {"access_token": "unused", "token_type": "Bearer", "id_token": provider.keys[0].token(claims)})


if __name__ == "__main__":
    folder, client, redirect, *secret = sys.argv[1:]
    server = Provider(folder, client, redirect, secret[0] if secret else None)
    print(server.issuer, flush=True)
    server.serve_forever()
