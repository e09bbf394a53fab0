"""Limits, and the history of the limits of one patient."""

import bisect
import csv
from dataclasses import dataclass, field
from pathlib import Path

LOW, HIGH = "low", "high"
LIMIT, CRITICAL = "limit", "critical"


@dataclass(frozen=True)
class Pair:
    """The two limits of one signal; `None` is a limit nobody set."""

    low: float | None
    high: float | None

    @property
    def inverted(self) -> bool:
        """A typing error: no value could be inside."""
        return self.low is not None and self.high is not None and self.low >= self.high


@dataclass
class History:
    """The pairs of one signal, each valid for readings measured from its time on."""

    times: list[float] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)

    def set(self, since: float, pair: Pair) -> None:
        """Pairs are set in the order of their times."""
        self.times.append(since)
        self.pairs.append(pair)

    def at(self, measured: float) -> Pair | None:
        """The pair in force at a measured time; `None` before the first."""
        found = bisect.bisect_right(self.times, measured)
        return self.pairs[found - 1] if found else None


def charted(path: Path, names: dict[str, str], *, keep_inverted: bool) -> dict[str, History]:
    """Limits charted as `alarm_<name>_lo` and `alarm_<name>_hi`, one history per signal.

    `names` maps a signal to its `<name>`. An inverted pair is refused, so that the pair before it
    stays in force, unless `keep_inverted` asks to see it.
    """
    histories = {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for signal, name in names.items():
        sides = {f"alarm_{name}_lo": LOW, f"alarm_{name}_hi": HIGH}
        changes: dict[float, dict[str, float]] = {}
        for row in rows:
            if row["signal"] in sides:
                change = changes.setdefault(float(row["time_s"]), {})
                change[sides[row["signal"]]] = float(row["value"])
        histories[signal] = _history(changes, keep_inverted)
    return histories


def _history(changes: dict[float, dict[str, float]], keep_inverted: bool) -> History:
    history, current = History(), Pair(None, None)
    for since in sorted(changes):
        change = changes[since]
        pair = Pair(change.get(LOW, current.low), change.get(HIGH, current.high))
        if pair.inverted and not keep_inverted:
            continue
        current = pair
        history.set(since, pair)
    return history
