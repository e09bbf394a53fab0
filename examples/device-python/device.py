"""A device with an outbox: every reading is kept in a file until the gateway has acknowledged it.

    device.py --port 1883 --device dev-1 --count 5 [--host 127.0.0.1] [--signal heart_rate] [--value 72]
              [--unit /min] [--token-file FILE] [--outbox FILE]

The acknowledgement of QoS 1 comes after the reading is on the gateway's disk. What was not acknowledged is sent
again as it was: same bytes, same `boot`, same `seq`. After a lost connection the MQTT client does that; after a
power cut this program does it from the file, at its next start.
"""

import argparse
import json
import queue
import sqlite3
from datetime import datetime, timezone
from pathlib import Path

import paho.mqtt.client as mqtt

PATIENCE_S = 30
AGAIN_AFTER_S = (1, 60)


class Outbox:
    """Messages not yet acknowledged, oldest first, and how often the device started."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA synchronous = FULL")  # on the disk, and not only with the kernel
        self.db.execute("CREATE TABLE IF NOT EXISTS starts (boot INTEGER PRIMARY KEY AUTOINCREMENT)")
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS outbox (boot INTEGER, seq INTEGER, payload BLOB, PRIMARY KEY (boot, seq))"
        )

    def next_boot(self) -> int:
        """`seq` starts again with every start of the program, so `boot` must rise."""
        return self.db.execute("INSERT INTO starts DEFAULT VALUES").lastrowid

    def put(self, boot: int, seq: int, payload: bytes) -> None:
        self.db.execute("INSERT INTO outbox VALUES (?, ?, ?)", (boot, seq, payload))

    def waiting(self) -> list[tuple[int, int, bytes]]:
        return self.db.execute("SELECT boot, seq, payload FROM outbox ORDER BY boot, seq").fetchall()

    def acknowledged(self, boot: int, seq: int) -> None:
        self.db.execute("DELETE FROM outbox WHERE boot = ? AND seq = ?", (boot, seq))


def message(args: argparse.Namespace, boot: int, seq: int) -> bytes:
    now = datetime.now(timezone.utc).isoformat()
    reading = {"at": now, "signal": args.signal, "value": args.value, "unit": args.unit}
    body = {"boot": boot, "seq": seq, "sent_at": now, "clock": {"source": "ntp"}, "readings": [reading]}
    return json.dumps(body).encode()


def connect(args: argparse.Namespace, acknowledged: "queue.Queue[int]") -> mqtt.Client:
    """A client that connects, and connects again, in a thread of its own."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=args.device, clean_session=False)
    client.on_publish = lambda _client, _data, mid, _reason, _properties: acknowledged.put(mid)
    client.reconnect_delay_set(*AGAIN_AFTER_S)
    if args.token_file:
        client.username_pw_set(args.device, Path(args.token_file).read_text(encoding="utf-8").strip())
    client.connect_async(args.host, args.port)
    client.loop_start()
    return client


def main() -> None:
    args = arguments()
    outbox = Outbox(args.outbox or f"outbox-{args.device}.sqlite")
    boot = outbox.next_boot()
    for seq in range(1, args.count + 1):
        outbox.put(boot, seq, message(args, boot, seq))
    acknowledged: queue.Queue[int] = queue.Queue()
    client = connect(args, acknowledged)
    sent = {}
    for of_boot, seq, payload in outbox.waiting():
        sent[client.publish(f"vitalgate/v1/{args.device}/telemetry", payload, qos=1).mid] = (of_boot, seq)
    count = len(sent)
    try:
        while sent:
            outbox.acknowledged(*sent.pop(acknowledged.get(timeout=PATIENCE_S)))
    except queue.Empty:
        raise SystemExit(f"{len(sent)} readings wait in the outbox for the next start") from None
    client.disconnect()
    client.loop_stop()
    print(f"{count} readings acknowledged")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--device", required=True)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--signal", default="heart_rate")
    parser.add_argument("--value", type=float, default=72)
    parser.add_argument("--unit", default="/min")
    parser.add_argument("--token-file")
    parser.add_argument("--outbox", help="a file, outbox-DEVICE.sqlite if left out")
    return parser.parse_args()


main()
