"""Prints alarms from the stream, and goes on where it stopped after a lost connection.

    consumer.py --url http://127.0.0.1:8080 --alarms 1 [--token-file FILE] [--patience 60]

Ends after so many alarms. Only committed alarms carry an id; the last one seen, sent back as `Last-Event-ID`, makes
the gateway replay what came since. Silence is not health: after 6 s without any event the connection counts as lost.
"""

import argparse
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

HEARTBEAT_LOST_S = 6
AGAIN_AFTER_S = 1


def events(response) -> Iterator[dict[str, str]]:
    """Server-sent events, one dictionary of fields each."""
    fields: dict[str, str] = {}
    for raw in response:
        line = raw.decode("utf-8").rstrip("\r\n")
        if not line:
            if fields:
                yield fields
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value


def main() -> None:
    args = arguments()
    last_id, seen = None, 0
    until = time.monotonic() + args.patience
    while seen < args.alarms and time.monotonic() < until:
        request = urllib.request.Request(f"{args.url}/api/v1/stream", headers={"Accept": "text/event-stream"})
        if last_id:
            request.add_header("Last-Event-ID", last_id)
        if args.token_file:
            token = Path(args.token_file).read_text(encoding="utf-8").strip()
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=HEARTBEAT_LOST_S) as response:
                for event in events(response):
                    last_id = event.get("id", last_id)
                    if event.get("event") == "alarm":
                        alarm = json.loads(event["data"])
                        print(f"{alarm['priority']}: {alarm['text']} ({alarm['state']})", flush=True)
                        seen += 1
                    if seen >= args.alarms or time.monotonic() >= until:
                        break
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            print(f"CONNECTION LOST: {error}", flush=True)
            time.sleep(AGAIN_AFTER_S)
    if seen < args.alarms:
        raise SystemExit(f"{seen} of {args.alarms} alarms in {args.patience} s")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--alarms", type=int, default=1)
    parser.add_argument("--patience", type=float, default=60)
    parser.add_argument("--token-file")
    return parser.parse_args()


main()
