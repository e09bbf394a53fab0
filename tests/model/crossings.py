"""Readings beyond a limit, whatever an alarm makes of them."""

import csv
from dataclasses import dataclass
from types import SimpleNamespace

from . import csvs
from .judge.limits import crossed
from .judge.rules import LEVELS, SIDES


def shipped(path):
    """Crossings that were computed elsewhere: every value outside the pair last charted at or before it, without
    hysteresis, delay or lateness; `inverted` where the pair was mistyped."""
    with path.open(newline="") as file:
        return {(float(row["time_s"]), row["signal"], float(row["value"]), row["side"]) for row in csv.DictReader(file)}


def computed(recording, names):
    """The same from the recording; `names` maps a column to the name of its charted limits."""
    changes = csvs.charted(recording, names, keep_mistyped=True)
    found = set()
    for one in csvs.readings(recording, names):
        pair = next((c.pair for c in reversed(changes) if c.signal == one.column and c.since <= one.measured), None)
        side = pair and _side(pair, one.value)
        if side:
            found.add((one.measured, one.column, one.value, side))
    return found


def _side(pair, value):
    if pair.mistyped:
        return "inverted"
    reading = SimpleNamespace(value=value, unit="", comparator=None)
    limits = {"low": pair.low, "high": pair.high}
    return next((s for s in SIDES if limits[s] is not None and crossed(reading, s, [(limits[s], "")], False)), None)


@dataclass(frozen=True)
class Late:
    """A reading beyond a limit that came too late to be live, and soon enough to be told."""

    signal: str
    side: str
    measured: int
    at: int


def late(world):
    """All of them, whether an alarm told of them or was open already. # contract §3"""
    found = set()
    for source in world.sources.values():
        for copy in source.standing():
            if copy.live or copy.value is None or copy.patient is None:
                continue
            person = world.patients[copy.patient]
            for rule in world.rules_for(copy.signal, person, copy.step):
                limits = world.limits_in_force(rule, person, copy.at, copy.step)
                for side in SIDES:
                    inclusive = rule.inclusive_critical and side == "low"
                    beyond = any(limits.get((side, level)) and crossed(copy, side, limits[side, level], inclusive and level == "critical")
                                 for level in LEVELS)
                    if beyond and copy.arrival - copy.measured <= rule.actionable:
                        found.add(Late(copy.signal, side, copy.measured, copy.arrival))
    return sorted(found, key=lambda one: (one.at, one.measured, one.signal, one.side))
