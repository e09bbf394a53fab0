"""The oracle checked against crossings that somebody else computed.

`*_expected_limit_crossings.csv` lists every value outside the pair last charted at or before it,
without hysteresis, delay or lateness; `inverted` marks values charted under a mistyped pair.
"""

import csv
from pathlib import Path

from . import limits
from .limits import HIGH, LOW
from .readings import load

Crossing = tuple[float, str, float, str]


def shipped(path: Path) -> set[Crossing]:
    """What the file says, without the limits."""
    with path.open(newline="") as file:
        return {
            (float(row["time_s"]), row["signal"], float(row["value"]), row["side"])
            for row in csv.DictReader(file)
        }


def computed(recording: Path, names: dict[str, str]) -> set[Crossing]:
    """The same from the recording, with this package's own limits and readings.

    `names` maps a column to the name of its charted limits.
    """
    histories = limits.charted(recording, names, keep_inverted=True)
    found = set()
    for reading in load(recording, {column: column for column in names}):
        pair = histories[reading.signal].at(reading.measured)
        side = pair and _side(pair, reading.value)
        if side:
            found.add((reading.measured, reading.signal, reading.value, side))
    return found


def _side(pair: limits.Pair, value: float) -> str | None:
    if pair.inverted:
        return "inverted"
    if pair.low is not None and value < pair.low:
        return LOW
    if pair.high is not None and value > pair.high:
        return HIGH
    return None
