"""A mail server, aiosmtpd, on a port of this machine: prints `ready`, then each letter as a line of JSON.

Arguments as JSON: {"port", "certificate", "key", "at_once", "login"}. With a certificate it offers STARTTLS, or speaks
TLS from the start with "at_once"; with "login" it takes letters only of who gives that name and password.
Whoever is called `nobody` is unknown to it (550), and for `later` it has no time now (451)."""

import json
import signal
import ssl
import sys
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Letters:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 there is no such person"
        if address.startswith("later@"):
            return "451 not now"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        letter = message_from_bytes(envelope.content, policy=policy.default)
        headers = {name.lower(): value for name, value in letter.items()}
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": headers,
            "text": letter.get_content(),
            "tls": server.transport.get_extra_info("ssl_object") is not None,
        }
        print(json.dumps(told), flush=True)
        return "250 taken"


def main():
    wanted = json.loads(sys.argv[1])
    context, more = None, {}
    if wanted.get("certificate"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(wanted["certificate"], wanted["key"])
    if wanted.get("login"):

        def authenticate(server, session, envelope, mechanism, given):
            known = [part.encode() for part in wanted["login"]]
            return AuthResult(success=[given.login, given.password] == known, handled=False)

        more = {"authenticator": authenticate, "auth_required": True}
    if wanted.get("at_once"):
        # aiosmtpd counts TLS that was there from the start as none, and so asks for no login before it.
        more |= {"ssl_context": context, "auth_require_tls": False}
    elif context:
        more |= {"tls_context": context, "require_starttls": True}
    controller = Controller(Letters(), hostname="127.0.0.1", port=wanted["port"], **more)
    controller.start()
    print("ready", flush=True)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    controller.stop()


main()
