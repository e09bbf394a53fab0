"""An export of readings against the store it came from, read without any code of the gateway.

    check_export.py --db STORE/vitalgate.db --csv FILE --jsonl FILE

Both files hold all readings, identified. Expected is what the journal holds: every reading of every
telemetry message, at its own time where the device's clock is kept by `ntp`, in the unit it was sent
in; of equal readings one. A code, text, time or `absent` is expected under the name of its kind. One line of JSON: `expected`, `csv` and `jsonl` rows, `different` those
that are not in all three. Exit 1 if there is any.
"""

import argparse
import csv
import json
import sqlite3
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Iterator, NamedTuple

import cbor2
import zstandard

INPUTS = 0
MESSAGE, TELEMETRY = 0, 0
DEVICE, BODY = 1, 11
SIGNAL, INSTANCE, TIME, VALUE = 1, 2, 3, 4
AT, NUMBER = 0, 0
# What stands in place of a number, by its variant, and its column.
WORDS = {1: "code", 2: "time", 3: "text", 4: "absent"}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Of config/signals.toml; the tests send no others.
SIGNALS = {1: "heart_rate", 3: "spo2", 44: "battery_status"}


class Reading(NamedTuple):
    """A reading of one series: a number, or the word in its place as `kind: word`."""

    device: str
    signal: str
    instance: str
    micros: int
    value: float | str


def main() -> int:
    """Compares, prints, and says how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--jsonl", type=Path, required=True)
    args = parser.parse_args()
    expected = set(journalled(sqlite3.connect(f"file:{args.db}?mode=ro", uri=True)))
    with args.csv.open(newline="") as file:
        from_csv = [exported(row) for row in csv.DictReader(file)]
    with args.jsonl.open() as file:
        from_jsonl = [exported(json.loads(line)) for line in file]
    doubled = len(from_csv) + len(from_jsonl) - len(set(from_csv)) - len(set(from_jsonl))
    different = len((expected ^ set(from_csv)) | (expected ^ set(from_jsonl))) + doubled
    print(
        json.dumps(
            {"expected": len(expected), "csv": len(from_csv), "jsonl": len(from_jsonl), "different": different}
        )
    )
    return 1 if different else 0


def journalled(db: sqlite3.Connection) -> Iterator[Reading]:
    """Every reading of every telemetry message."""
    unpack = zstandard.ZstdDecompressor()
    for (body,) in db.execute("SELECT body FROM journal ORDER BY n"):
        for variant, fields in cbor2.loads(unpack.decompressobj().decompress(body))[INPUTS]:
            if variant != MESSAGE:
                continue
            kind, content = fields[0][BODY]
            if kind != TELEMETRY:
                continue
            for reading in content[0]:
                variant, value = reading[VALUE]
                kind, time = reading[TIME]
                if kind == AT:
                    said = value[0] if variant == NUMBER else f"{WORDS[variant]}: {value[0]}"
                    signal = SIGNALS[reading[SIGNAL]]
                    yield Reading(fields[0][DEVICE], signal, reading.get(INSTANCE, ""), time[0], said)


def exported(row: dict) -> Reading:
    """A row of an export."""
    return Reading(row["device"], row["signal"], row["instance"], micros(row["measured_at"]), said(row))


def said(row: dict) -> float | str:
    """The number of a row, or the word in its place; exactly one of them is there."""
    held = [kind for kind in ("value", *WORDS.values()) if row[kind] not in ("", None)]
    (kind,) = held
    if kind == "value":
        return float(row[kind])
    return f"{kind}: {micros(row[kind]) if kind == 'time' else row[kind]}"


def micros(time: str) -> int:
    """Microseconds since 1970."""
    return (datetime.fromisoformat(time) - EPOCH) // timedelta(microseconds=1)


if __name__ == "__main__":
    sys.exit(main())
