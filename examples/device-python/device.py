"""A device with an outbox: every reading is kept until the gateway has acknowledged it.

    device.py --port 1883 --device dev-1 --count 5 [--host 127.0.0.1] [--signal heart_rate] [--value 72]
              [--unit /min] [--token-file FILE]

The acknowledgement of QoS 1 comes after the reading is on the gateway's disk. What was not acknowledged is sent
again as it was: same bytes, same `boot`, same `seq`.
"""

import argparse
import json
from collections import OrderedDict
from datetime import datetime, timezone
from pathlib import Path

import paho.mqtt.client as mqtt

PATIENCE_S = 30


class Outbox:
    """Messages not yet acknowledged, oldest first. A real device keeps them in flash."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[int, bytes] = OrderedDict()

    def put(self, seq: int, payload: bytes) -> None:
        self.waiting[seq] = payload

    def acknowledged(self, seq: int) -> None:
        del self.waiting[seq]


def message(args: argparse.Namespace, boot: int, seq: int) -> bytes:
    now = datetime.now(timezone.utc).isoformat()
    reading = {"at": now, "signal": args.signal, "value": args.value, "unit": args.unit}
    body = {"boot": boot, "seq": seq, "sent_at": now, "clock": {"source": "ntp"}, "readings": [reading]}
    return json.dumps(body).encode()


def main() -> None:
    args = arguments()
    # A real device counts its starts in memory that survives them; here the time is such a number.
    boot = int(datetime.now(timezone.utc).timestamp())
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=args.device, clean_session=False)
    if args.token_file:
        client.username_pw_set(args.device, Path(args.token_file).read_text(encoding="utf-8").strip())
    client.connect(args.host, args.port)
    client.loop_start()
    outbox = Outbox()
    for seq in range(1, args.count + 1):
        outbox.put(seq, message(args, boot, seq))
    topic = f"vitalgate/v1/{args.device}/telemetry"
    for seq, payload in list(outbox.waiting.items()):
        sent = client.publish(topic, payload, qos=1)
        sent.wait_for_publish(PATIENCE_S)
        if sent.is_published():
            outbox.acknowledged(seq)
    client.disconnect()
    client.loop_stop()
    if outbox.waiting:
        raise SystemExit(f"{len(outbox.waiting)} readings wait for the next connection")
    print(f"{args.count} readings acknowledged")


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
    return parser.parse_args()


main()
