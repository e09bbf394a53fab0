"""A recording as readings in the order in which they arrive, and the limits charted beside it."""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reading:
    """One number of a column. Times are seconds from the start of the recording."""

    column: str
    measured: float
    arrived: float
    value: float


@dataclass(frozen=True)
class Pair:
    """The two limits of one signal; `None` is a limit nobody set."""

    low: float | None = None
    high: float | None = None

    @property
    def mistyped(self) -> bool:
        """No value could be inside."""
        return self.low is not None and self.high is not None and self.low >= self.high


@dataclass(frozen=True)
class Charted:
    """A pair as it is from a time on, if it is not mistyped."""

    since: float
    signal: str
    pair: Pair


def readings(path: Path, columns, *, zeros_are_gaps=False) -> list[Reading]:
    """The readings of these columns (wide) or signals (long).

    Rows with `stored_s` arrive then, the others when they were measured. Rows that arrive together keep
    the order of the file. An empty cell was not measured.
    """
    rows = _rows(path)
    found = _long(rows, columns) if rows and "stored_s" in rows[0] else _wide(rows, columns)
    found = [one for one in found if one.value != 0 or not zeros_are_gaps]
    return sorted(found, key=lambda one: one.arrived)


def charted(path: Path, names: dict[str, str], *, keep_mistyped=False) -> list[Charted]:
    """Every change of `alarm_<name>_lo` and `alarm_<name>_hi`, in order of time; `names` maps a signal to its `<name>`.

    One side that is charted alone leaves the other as it was, and so does a mistyped pair, unless it is kept.
    """
    if not names:
        return []
    rows: dict[float, dict[str, float]] = {}
    for row in _rows(path):
        if row["signal"].startswith("alarm_"):
            rows.setdefault(float(row["time_s"]), {})[row["signal"]] = float(row["value"])
    found, pairs = [], {}
    for since in sorted(rows):
        for signal, name in names.items():
            before = pairs.get(signal, Pair())
            pair = Pair(rows[since].get(f"alarm_{name}_lo", before.low), rows[since].get(f"alarm_{name}_hi", before.high))
            if pair == before:
                continue
            found.append(Charted(since, signal, pair))
            if keep_mistyped or not pair.mistyped:
                pairs[signal] = pair
    return found


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _long(rows, columns):
    return [
        Reading(row["signal"], float(row["time_s"]), float(row["stored_s"]), float(row["value"]))
        for row in rows if row["signal"] in columns
    ]


def _wide(rows, columns):
    return [
        Reading(column, float(row["time_s"]), float(row["time_s"]), float(row[column]))
        for row in rows for column in columns if row[column] != ""
    ]
