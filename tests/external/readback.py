"""What the journal holds against what was acknowledged, read without any code of the gateway.

    readback.py --db STORE/vitalgate.db --ledger LEDGER

A line of the ledger is `device boot seq` of a telemetry message whose PUBACK arrived; what follows
on the line is ignored. A row of the journal is zstd over CBOR: a list of inputs, each
`[variant, fields]`; variant 0 is a message, a map whose keys are listed below.

One line of JSON: `acknowledged` messages in the ledger, `stored` messages in the journal, `missing`
ones acknowledged and not stored, `redelivered` ones that came again as they were, `doubled` ones
stored under one number with another content or, within one message, twice for one reading, `gaps`
in the row numbers. Exit 1 if anything is missing, doubled or out of a gap.
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

MESSAGE, TELEMETRY = 0, 0
DEVICE, BOOT, SEQ, HASH, BODY = 1, 2, 3, 8, 11
INDEX = 0

Number = tuple[str, int, int]


class Stored(NamedTuple):
    """A telemetry message in the journal."""

    number: Number
    hash: int
    places: list[int]


def main() -> int:
    """Compares, prints, and says how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    args = parser.parse_args()
    db = sqlite3.connect(f"file:{args.db}?mode=ro", uri=True)
    result = compare(ledger(args.ledger), telemetry(db)) | {"gaps": gaps(db)}
    print(json.dumps(result))
    return 1 if result["missing"] or result["doubled"] or result["gaps"] else 0


def ledger(path: Path) -> set[Number]:
    """The numbers acknowledged. A last line without its end was being written when the sender died."""
    lines = path.read_text().split("\n")[:-1]
    return {(device, int(boot), int(seq)) for device, boot, seq, *_ in map(str.split, lines)}


def telemetry(db: sqlite3.Connection) -> Iterator[Stored]:
    """Every telemetry message with a number, in the order of the journal."""
    unpack = zstandard.ZstdDecompressor()
    for (body,) in db.execute("SELECT body FROM journal ORDER BY n"):
        for variant, fields in cbor2.loads(unpack.decompressobj().decompress(body)):
            if variant != MESSAGE:
                continue
            message = fields[0]
            kind, content = message[BODY]
            if kind == TELEMETRY and SEQ in message:
                number = (message[DEVICE], message.get(BOOT, 0), message[SEQ])
                yield Stored(number, message[HASH], [reading[INDEX] for reading in content[0]])


def compare(acknowledged: set[Number], messages: Iterator[Stored]) -> dict[str, int]:
    """The counts, by number."""
    hashes: dict[Number, Counter[int]] = {}
    twice = 0
    for message in messages:
        hashes.setdefault(message.number, Counter())[message.hash] += 1
        twice += len(message.places) != len(set(message.places))
    return {
        "acknowledged": len(acknowledged),
        "stored": len(hashes),
        "missing": len(acknowledged - hashes.keys()),
        "redelivered": sum(count - 1 for seen in hashes.values() for count in seen.values()),
        "doubled": twice + sum(len(seen) - 1 for seen in hashes.values()),
    }


def gaps(db: sqlite3.Connection) -> int:
    """Row numbers that should be there and are not."""
    first, last, count = db.execute("SELECT min(n), max(n), count(*) FROM journal").fetchone()
    return 0 if count == 0 else last - first + 1 - count


if __name__ == "__main__":
    sys.exit(main())
