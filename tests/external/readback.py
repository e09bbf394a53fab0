"""What the journal holds against what was acknowledged, read without any code of the gateway.

    readback.py --db STORE/vitalgate.db --ledger LEDGER [--formula] [--excursions PERIOD LENGTH]

A line of the ledger is `device boot seq` of a telemetry message whose PUBACK arrived; what follows
on the line is ignored. A row of the journal is zstd over CBOR: a list of inputs, each
`[variant, fields]`; variant 0 is a message, a map whose keys are listed below. A number may be a
decimal fraction, which cbor2 reads as a Decimal.

One line of JSON: `acknowledged` messages in the ledger, `stored` messages in the journal, `missing`
ones acknowledged and not stored, `redelivered` ones that came again as they were, `doubled` ones
stored under one number with another content or, within one message, twice for one reading, or whose
sample is in the sealed history twice, `gaps` in the row numbers. Exit 1 if any of the bad ones is
not 0. A block of the history is a CBOR array `[2, times, …]`, times in pco; `offsets` says how.

With `--formula` the messages are those of the simulators' load mode: the value of signal s in
message (device, seq) is low + (FNV-1a of "<device>/<seq>/<s>" mod steps) / 10, and devices of the
classes FNV-1a(device) mod 4 = 0 and 1 leave their limits while seq mod PERIOD >= PERIOD - LENGTH.
`wrong` counts the stored values that are others.
"""

import argparse
import json
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Iterator, NamedTuple

import cbor2
import zstandard
from pcodec import standalone

INPUTS = 0
MESSAGE, TELEMETRY = 0, 0
DEVICE, BOOT, SEQ, HASH, BODY = 1, 2, 3, 8, 11
INDEX, VALUE = 0, 4
NUMBER = 0

# Signals of the load mode in their order: name, low end in tenths, steps of a tenth.
FORMULA = (("heart_rate", 600, 400), ("spo2", 930, 70), ("respiratory_rate", 120, 80), ("temperature", 360, 15))
# Class of a device: which signal leaves its limits, low end, steps.
OUT = {0: (0, 1650, 100), 1: (1, 700, 50)}

Number = tuple[str, int, int]


class Stored(NamedTuple):
    """A telemetry message in the journal."""

    number: Number
    hash: int
    values: list[tuple[int, float | None]]


def main() -> int:
    """Compares, prints, and says how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--formula", action="store_true")
    parser.add_argument("--excursions", type=int, nargs=2, metavar=("PERIOD", "LENGTH"))
    args = parser.parse_args()
    db = sqlite3.connect(f"file:{args.db}?mode=ro", uri=True)
    expected = Formula(args.excursions) if args.formula else None
    result = compare(ledger(args.ledger), telemetry(db), expected) | {"gaps": gaps(db)}
    result["doubled"] += doubled_samples(db)
    print(json.dumps(result))
    return 1 if any(result[count] for count in ("missing", "doubled", "wrong", "gaps")) else 0


def ledger(path: Path) -> set[Number]:
    """The numbers acknowledged. A last line without its end was being written when the sender died."""
    lines = path.read_text().split("\n")[:-1]
    return {(device, int(boot), int(seq)) for device, boot, seq, *_ in map(str.split, lines)}


def telemetry(db: sqlite3.Connection) -> Iterator[Stored]:
    """Every telemetry message with a number, in the order of the journal."""
    unpack = zstandard.ZstdDecompressor()
    for (body,) in db.execute("SELECT body FROM journal ORDER BY n"):
        for variant, fields in cbor2.loads(unpack.decompressobj().decompress(body))[INPUTS]:
            if variant != MESSAGE:
                continue
            message = fields[0]
            kind, content = message[BODY]
            if kind == TELEMETRY and SEQ in message:
                number = (message[DEVICE], message.get(BOOT, 0), message[SEQ])
                yield Stored(number, message[HASH], [place(reading) for reading in content[0]])


def place(reading: dict) -> tuple[int, float | None]:
    """Its place in the message, and its value if that is a number."""
    variant, fields = reading[VALUE]
    return reading[INDEX], float(fields[0]) if variant == NUMBER else None


class Formula:
    """What load mode sends."""

    def __init__(self, excursions: tuple[int, int] | None) -> None:
        self.period, self.length = excursions or (1, 0)

    def value(self, device: str, seq: int, index: int) -> float:
        """The value of one signal in one message."""
        signal, low, steps = FORMULA[index]
        out, *range_out = OUT.get(fnv1a(device) % 4, (None,))
        if out == index and seq % self.period >= self.period - self.length:
            low, steps = range_out
        return (low + fnv1a(f"{device}/{seq}/{signal}") % steps) / 10


def fnv1a(text: str) -> int:
    """64 bits."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def compare(acknowledged: set[Number], messages: Iterator[Stored], formula: Formula | None) -> dict[str, int]:
    """The counts, by number."""
    hashes: dict[Number, Counter[int]] = {}
    twice = wrong = 0
    for message in messages:
        hashes.setdefault(message.number, Counter())[message.hash] += 1
        places = [index for index, _ in message.values]
        twice += len(places) != len(set(places))
        if formula:
            device, _, seq = message.number
            wrong += sum(value != formula.value(device, seq, index) for index, value in message.values)
    return {
        "acknowledged": len(acknowledged),
        "stored": len(hashes),
        "missing": len(acknowledged - hashes.keys()),
        "redelivered": sum(count - 1 for seen in hashes.values() for count in seen.values()),
        "doubled": twice + sum(len(seen) - 1 for seen in hashes.values()),
        "wrong": wrong,
    }


def doubled_samples(db: sqlite3.Connection) -> int:
    """Samples of one series and time in more than one place of the sealed history."""
    doubled, series, times = 0, None, set()
    for this, t0, body in db.execute("SELECT series, t0, body FROM blocks ORDER BY series, t0"):
        if this != series:
            series, times = this, set()
        here = [t0 + offset for offset in offsets(body)]
        doubled += len(times.intersection(here)) + len(here) - len(set(here))
        times.update(here)
    return doubled


def offsets(body: bytes) -> list[int]:
    """Microseconds after the first of a block; format 2 says before the column of what they are multiples."""
    form, times = cbor2.loads(body)[:2]
    if form == 1:
        return [int(time) for time in standalone.simple_decompress(times)]
    return [int(time) * 10 ** (times[0] >> 4) for time in standalone.simple_decompress(times[1:])]


def gaps(db: sqlite3.Connection) -> int:
    """Row numbers that should be there and are not."""
    first, last, count = db.execute("SELECT min(n), max(n), count(*) FROM journal").fetchone()
    return 0 if count == 0 else last - first + 1 - count


if __name__ == "__main__":
    sys.exit(main())
