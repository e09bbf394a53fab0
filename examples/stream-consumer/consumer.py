"""Prints the open alarms and what becomes of them, until it is interrupted.

    consumer.py --url http://127.0.0.1:8080 [--token-file FILE]

It reads the open alarms when it starts and follows the stream from there. After a lost connection it sends the id of
the last alarm back as `Last-Event-ID`, and the gateway sends what came since. Where the gateway cannot, it answers
with `resync`, and the open alarms are read anew. Silence is not health: after 6 s without any event the connection
counts as lost.
"""

import argparse
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

HEARTBEAT_LOST_S = 6
AGAIN_AFTER_S = 1


class Alarms:
    """The open alarms, by id."""

    def __init__(self) -> None:
        self.open: dict[str, dict] = {}
        self.listed = 0

    def replace(self, items: list[dict], seq: int) -> None:
        """Takes the whole list, which holds every transition up to `seq`."""
        for ended in self.open.keys() - {alarm["id"] for alarm in items}:
            show(self.open.pop(ended), "not open any more")
        for alarm in items:
            self.take(alarm)
        self.listed = seq

    def update(self, alarm: dict) -> None:
        """Takes an alarm from the stream, unless the list is newer."""
        if alarm["seq"] > self.listed:
            self.take(alarm)

    def take(self, alarm: dict) -> None:
        known = self.open.get(alarm["id"])
        if known is None or known["seq"] != alarm["seq"]:
            show(alarm, f"{alarm['state']}, {alarm['condition']}")
        self.open[alarm["id"]] = alarm
        if alarm["state"] == "closed":
            del self.open[alarm["id"]]


def show(alarm: dict, state: str) -> None:
    print(f"{alarm['priority']}: {alarm['patient'] or 'gateway'}: {alarm['text']} ({state})", flush=True)


def request(args: argparse.Namespace, path: str, headers: dict[str, str]):
    if args.token_file:
        token = Path(args.token_file).read_text(encoding="utf-8").strip()
        headers = {**headers, "Authorization": f"Bearer {token}"}
    wanted = urllib.request.Request(f"{args.url}/api/v1/{path}", headers=headers)
    return urllib.request.urlopen(wanted, timeout=HEARTBEAT_LOST_S)


def read_open(args: argparse.Namespace, alarms: Alarms) -> None:
    """Reads the open alarms, which come as one page."""
    with request(args, "alarms", {}) as response:
        page = json.load(response)
    alarms.replace(page["items"], page["seq"])


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


def follow(args: argparse.Namespace, alarms: Alarms, last_id: str | None) -> Iterator[str | None]:
    """Follows the stream, and yields the id to resume from whenever it changes."""
    headers = {"Accept": "text/event-stream"}
    if last_id:
        headers["Last-Event-ID"] = last_id
    with request(args, "stream", headers) as response:
        for event in events(response):
            kind = event.get("event")
            # The list is read while the stream is open: what happens in between is on the stream.
            if kind == "resync" or (kind == "hello" and last_id is None):
                print(f"reading the open alarms: {json.loads(event['data']).get('why', 'start')}", flush=True)
                read_open(args, alarms)
            elif kind == "alarm":
                alarms.update(json.loads(event["data"]))
            if kind == "resync" or "id" in event:
                last_id = event.get("id")
                yield last_id


def main() -> None:
    args = arguments()
    alarms, last_id, why = Alarms(), None, "the stream ended"
    while True:
        try:
            for last_id in follow(args, alarms, last_id):
                pass
            why = "the stream ended"
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            why = error
        print(f"CONNECTION LOST: {why}", flush=True)
        time.sleep(AGAIN_AFTER_S)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--token-file")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
