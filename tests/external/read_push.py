"""A browser, and a push service that looks at who sends: what they make of requests for Web Push.

`read_push.py keys` prints a browser's private key and what it gives out, as JSON.
`read_push.py read PRIVATE AUTH AUDIENCE SUBJECT` reads a list of {"headers", "body" (base64)} on standard input, decrypts
each with http-ece, verifies its VAPID token with py-vapid and again with cryptography, and prints the texts as a list of JSON."""

import base64
import json
import os
import sys
import time

import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02


def to_text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def to_bytes(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def keys():
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = private.private_numbers().private_value.to_bytes(32, "big")
    return {"private": to_text(secret), "p256dh": to_text(point), "auth": to_text(os.urandom(16))}


def verify(authorization, audience, subject):
    """Of the sender: its key, as the request names it."""
    assert Vapid02.verify(authorization), "py-vapid does not believe it"
    scheme, rest = authorization.split(" ", 1)
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid" and set(parts) == {"t", "k"}, authorization
    said, signature = parts["t"].rsplit(".", 1)
    header, claims = (json.loads(to_bytes(part)) for part in said.split("."))
    assert header == {"typ": "JWT", "alg": "ES256"}, header
    now = time.time()
    assert claims["aud"] == audience and claims["sub"] == subject, claims
    assert now < claims["exp"] <= now + 24 * 3600, claims
    raw = to_bytes(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), to_bytes(parts["k"]))
    key.verify(der, said.encode(), ec.ECDSA(hashes.SHA256()))
    try:
        key.verify(der, said.encode() + b"x", ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return parts["k"]
    raise AssertionError("a token that was changed is taken")


def read(private, auth, audience, subject):
    private = ec.derive_private_key(int.from_bytes(to_bytes(private), "big"), ec.SECP256R1())
    texts, senders = [], set()
    for request in json.load(sys.stdin):
        headers = request["headers"]
        assert headers["content-encoding"] == "aes128gcm", headers
        assert 0 < int(headers["ttl"]) <= 28 * 24 * 3600 and headers["urgency"] in ("high", "normal"), headers
        assert len(headers.get("topic", "")) <= 32, headers
        senders.add(verify(headers["authorization"], audience, subject))
        body = base64.b64decode(request["body"])
        assert len(body) <= 4096, len(body)
        text = http_ece.decrypt(body, private_key=private, auth_secret=to_bytes(auth), version="aes128gcm")
        texts.append(json.loads(text))
    assert len(senders) <= 1, senders
    return texts


def main():
    if sys.argv[1] == "keys":
        print(json.dumps(keys()))
    else:
        print(json.dumps(read(*sys.argv[2:])))


main()
