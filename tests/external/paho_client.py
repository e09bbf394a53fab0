"""Publishes telemetry with paho-mqtt and waits for every acknowledgement.

    paho_client.py --host H --port P --device ID --version 3|5 --qos 0|1|2 --first N --count N
                   [--ca FILE --certificate FILE --key FILE] [--will] [--reconnect] [--hang]

`--will` leaves a last will, `--reconnect` drops the connection half-way and continues, `--hang`
keeps the connection open until the process is killed. Prints `done` when everything is answered.
"""

import argparse
import json
import signal
import ssl
import threading
from datetime import datetime, timezone

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE_S = 60


def main() -> None:
    args = arguments()
    connected = threading.Event()
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2,
        client_id=args.device,
        protocol=mqtt.MQTTv5 if args.version == 5 else mqtt.MQTTv311,
        **({} if args.version == 5 else {"clean_session": False}),
    )
    client.on_connect = lambda *_: connected.set()
    if args.ca:
        client.tls_set(args.ca, args.certificate, args.key, cert_reqs=ssl.CERT_REQUIRED)
    if args.will:
        client.will_set(f"vitalgate/v1/{args.device}/status", '{"status": "lost"}', qos=1)
    connect(client, args)
    client.loop_start()
    waited(connected.wait(PATIENCE_S), "CONNACK")
    for n in range(args.count):
        if args.reconnect and n == args.count // 2:
            connected.clear()
            client.socket().shutdown(2)
            waited(connected.wait(PATIENCE_S), "CONNACK after the connection was lost")
        info = client.publish(f"vitalgate/v1/{args.device}/telemetry", message(args.first + n), qos=args.qos)
        info.wait_for_publish(PATIENCE_S)
        waited(info.is_published(), f"acknowledgement of message {n}")
    print("done", flush=True)
    if args.hang:
        signal.pause()
    client.disconnect()
    client.loop_stop()


def connect(client: mqtt.Client, args: argparse.Namespace) -> None:
    if args.version == 5:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 60
        client.connect(args.host, args.port, clean_start=False, properties=properties)
    else:
        client.connect(args.host, args.port)


def message(seq: int) -> str:
    now = datetime.now(timezone.utc).isoformat()
    reading = {"at": now, "signal": "heart_rate", "value": 60 + seq % 10, "unit": "/min"}
    return json.dumps(
        {"boot": 1, "seq": seq, "sent_at": now, "clock": {"source": "ntp"}, "readings": [reading]}
    )


def waited(arrived: bool, what: str) -> None:
    if not arrived:
        raise SystemExit(f"waited in vain for {what}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--version", type=int, choices=(3, 5), required=True)
    parser.add_argument("--qos", type=int, choices=(0, 1, 2), required=True)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, required=True)
    for file in ("--ca", "--certificate", "--key"):
        parser.add_argument(file)
    for flag in ("--will", "--reconnect", "--hang"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


main()
