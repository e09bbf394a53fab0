"""Verifies messages as their receiver would: JSON on standard input, a list of
{"id", "timestamp", "signature", "text"}; the secret is the argument. Prints how many are good."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def main():
    webhook, posted = Webhook(sys.argv[1]), json.load(sys.stdin)
    for one in posted:
        headers = {f"webhook-{name}": one[name] for name in ("id", "timestamp", "signature")}
        assert webhook.verify(one["text"], headers) == json.loads(one["text"])
        try:
            webhook.verify(one["text"].replace("raised", "rAised") + " ", headers)
        except WebhookVerificationError:
            continue
        sys.exit("a message that was changed is taken")
    print(len(posted))


main()
