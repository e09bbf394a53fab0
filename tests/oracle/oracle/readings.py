"""Rows of a recording as readings, in the order in which they arrive."""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reading:
    """One number. Times are seconds from the start of the record."""

    signal: str
    measured: float
    arrived: float
    value: float


def load(path: Path, columns: dict[str, str]) -> list[Reading]:
    """The readings of the columns (wide) or signals (long) that `columns` renames to signals.

    Rows with `stored_s` arrive then, the others when they were measured. Arrival order; rows that
    arrive together keep the order of the file. An empty cell was not measured.
    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and "stored_s" in rows[0]:
        found = _long(rows, columns)
    else:
        found = _wide(rows, columns)
    return sorted(found, key=lambda reading: reading.arrived)


def _long(rows: list[dict[str, str]], columns: dict[str, str]) -> list[Reading]:
    return [
        Reading(columns[row["signal"]], float(row["time_s"]), float(row["stored_s"]), float(row["value"]))
        for row in rows
        if row["signal"] in columns
    ]


def _wide(rows: list[dict[str, str]], columns: dict[str, str]) -> list[Reading]:
    return [
        Reading(signal, float(row["time_s"]), float(row["time_s"]), float(row[column]))
        for row in rows
        for column, signal in columns.items()
        if row[column] != ""
    ]
