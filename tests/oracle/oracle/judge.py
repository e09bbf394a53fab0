"""The limit rules over the readings of one patient.

What is implemented, and from where:

* a limit holds for a delay before it raises; it clears by a reading inside by the hysteresis for
  the clear delay. Delays may run out between readings, clearing needs readings (doubt is
  one-sided);
* a continuous signal silent for longer than the tolerated gap is unknown: a running delay starts
  again, a running clear delay too, an open condition stays;
* a single measurement in the medium band waits to be confirmed: by another beyond the limit at least 30 s
  after it, by a critical one, or by `confirm_s` without another;
* limit and critical limit are two levels of one condition: it opens with the first, and rises to the second once,
  as nobody answers;
* a reading is judged by the limits valid when it was measured;
* a reading older than the live window, or than the newest judged one of its series, is late: it
  clears nothing, and beyond a limit it raises as `late` within the actionable window;
* a stamp further ahead than may be (five minutes; two hours where people chart) is judged by its arrival and clears
  nothing;
* a declared 0 is no reading; within a minute of a live value it is "lost now", once;
* an implausible value is no number;
* a signal that stops while others of its device go on is lost: `losses`;
* a heart rate or a respiratory rate of 0 opens an alarm of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from .limits import CRITICAL, HIGH, LIMIT, LOW, History, Pair
from .losses import Watch
from .readings import Reading

APART_S = 30.0
LOST_WITHIN_S = 60.0
SIDES = (LOW, HIGH)


@dataclass(frozen=True)
class Rule:
    """How one signal is judged. Spot rules have no delays and no gap."""

    signal: str
    limits: Pair
    critical: Pair
    plausible: tuple[float, float]
    hysteresis: float = 0.0
    delay_s: float = 0.0
    critical_delay_s: float = 0.0
    clear_delay_s: float = 0.0
    gap_s: float | None = None
    critical_low_inclusive: bool = False
    zero_means_no_sensor: bool = False
    confirm_s: float | None = None
    loss_s: float | None = None
    floor_s: float | None = None


@dataclass(frozen=True)
class Window:
    """How old a reading may be: live, and worth a late alarm; and how far ahead of its arrival."""

    live_s: float
    actionable_s: float
    ahead_s: float = 300.0


@dataclass(frozen=True)
class Opening:
    """What must be raised. `what` is `opened`, `rose`, `late`, `lost` or `gone`.

    `measured` is the time of the reading that began it: its stamp, or its arrival where the stamp is
    too far ahead to be believed. `began` is the same in rule time, `raised` when the delay was over.
    """

    what: str
    signal: str
    side: str
    level: str
    value: float
    measured: float
    began: float
    raised: float


@dataclass
class Level:
    """One limit on one side: clear, pending since, or present (and inside since)."""

    delay_s: float
    first: Reading | None = None
    since: float | None = None
    present: bool = False
    inside_since: float | None = None
    repeats: bool = False
    due: float = 0.0

    def advance(self, to: float) -> float | None:
        """Lets the delay run out, if it does by `to`; when."""
        if self.present or self.since is None or self.due > to:
            return None
        self.present = True
        return self.due

    def beyond(self, reading: Reading, at: float) -> None:
        """A reading beyond the limit."""
        self.inside_since = None
        if self.since is None:
            self.first, self.since, self.due = reading, at, at + self.delay_s
        elif self.repeats and at - self.since >= APART_S:
            self.due = min(self.due, at)

    def inside(self, at: float, clearly: bool, clear_delay_s: float) -> None:
        """A reading not beyond it; `clearly` by the hysteresis."""
        if not self.present:
            self.since = None
        elif not clearly:
            self.inside_since = None
        else:
            self.inside_since = at if self.inside_since is None else self.inside_since
            if at - self.inside_since >= clear_delay_s:
                self.present, self.since, self.inside_since = False, None, None

    def unknown(self) -> None:
        """Too long without a reading."""
        self.inside_since = None
        if not self.present:
            self.since = None


class Series:
    """The state of one signal of one device."""

    def __init__(self, rule: Rule, history: History | None, window: Window) -> None:
        self.rule, self.history, self.window = rule, history, window
        self.levels = {
            (side, level): Level(rule.critical_delay_s if level == CRITICAL else rule.delay_s)
            for side in SIDES
            for level in (CRITICAL, LIMIT)
        }
        if rule.confirm_s is not None:
            for side in SIDES:
                limit = self.levels[side, LIMIT]
                limit.repeats, limit.delay_s = True, rule.confirm_s
        self.newest: float | None = None
        self.seen: set[float] = set()
        self.live_value_at: float | None = None
        self.lost = False
        self.observed: str | None = None
        self.reached: set[str] = set()

    def step(self, reading: Reading) -> list[Opening]:
        """What one reading raises, with everything that ran out before it.

        `observed` is then `value` where it is a live number beyond doubt, `zero` where it is no sensor.
        """
        out = self.advance(reading.arrived)
        self.observed = None
        if reading.measured in self.seen:
            return out
        self.seen.add(reading.measured)
        if reading.value == 0 and self.rule.zero_means_no_sensor:
            self.observed = "zero"
            return out + self._zero(reading)
        low, high = self.rule.plausible
        if not low <= reading.value <= high:
            return out
        ahead = reading.measured - reading.arrived > self.window.ahead_s
        if ahead:
            reading = replace(reading, measured=reading.arrived)
        at = min(reading.measured, reading.arrived)
        age = reading.arrived - at
        if age > self.window.live_s or (self.newest is not None and at < self.newest):
            return out + self._late(reading, at, age)
        self.newest, self.live_value_at, self.lost = at, at, False
        self.observed = None if ahead else "value"
        return out + self._live(reading, at, clears=not ahead)

    def advance(self, to: float) -> list[Opening]:
        """Delays and the tolerated gap that run out by `to`."""
        silent = None
        if self.rule.gap_s is not None and self.newest is not None:
            silent = self.newest + self.rule.gap_s
        out = self._run_out(to if silent is None else min(to, silent))
        if silent is not None and to > silent:
            for level in self.levels.values():
                level.unknown()
        return out

    def _zero(self, reading: Reading) -> list[Opening]:
        fresh = self.live_value_at is not None and reading.measured - self.live_value_at <= LOST_WITHIN_S
        if not fresh or self.lost:
            return []
        self.lost = True
        at = reading.measured
        return [Opening("lost", self.rule.signal, LOW, CRITICAL, 0.0, at, at, at)]

    def _late(self, reading: Reading, at: float, age: float) -> list[Opening]:
        if age > self.window.actionable_s:
            return []
        out = []
        for side in SIDES:
            crossed = [level for level in (CRITICAL, LIMIT) if self._beyond(reading, side, level)]
            if crossed:
                out.append(self._opening("late", side, crossed[0], reading, at, reading.arrived))
        return out

    def _live(self, reading: Reading, at: float, *, clears: bool) -> list[Opening]:
        for (side, name), level in self.levels.items():
            if self._beyond(reading, side, name):
                level.beyond(reading, at)
            elif clears:
                level.inside(at, self._clearly(reading, side, name), self.rule.clear_delay_s)
        return self._run_out(at)

    def _run_out(self, to: float) -> list[Opening]:
        """Opens and raises in the order in which the delays run out."""
        out = []
        for side in SIDES:
            before = {name for name in (LIMIT, CRITICAL) if self.levels[side, name].present}
            due = [(self.levels[side, name].advance(to), name) for name in (CRITICAL, LIMIT)]
            limit = self.levels[side, LIMIT]
            if limit.repeats and limit.since is not None and self.levels[side, CRITICAL].present:
                limit.present = True
            for when, name in sorted(((w, n) for w, n in due if w is not None), key=lambda pair: pair[0]):
                what = "rose" if before else "opened"
                worse = name == CRITICAL and side not in self.reached
                news = worse or not before
                before.add(name)
                if name == CRITICAL:
                    self.reached.add(side)
                if news:
                    first = self.levels[side, name].first
                    out.append(self._opening(what, side, name, first, self.levels[side, name].since, when))
        return out

    def _opening(self, what: str, side: str, level: str, first: Reading, began: float, raised: float) -> Opening:
        return Opening(what, self.rule.signal, side, level, first.value, first.measured, began, raised)

    def _limit(self, measured: float, side: str, level: str) -> float | None:
        pair = self.rule.critical
        if level == LIMIT:
            own = self.history.at(measured) if self.history else None
            pair = own or self.rule.limits
        return pair.low if side == LOW else pair.high

    def _beyond(self, reading: Reading, side: str, level: str) -> bool:
        limit = self._limit(reading.measured, side, level)
        if limit is None:
            return False
        urgent_low = self.rule.critical_low_inclusive and side == LOW and level == CRITICAL
        if urgent_low and reading.value == limit:
            return True
        return reading.value < limit if side == LOW else reading.value > limit

    def _clearly(self, reading: Reading, side: str, level: str) -> bool:
        limit = self._limit(reading.measured, side, level)
        if limit is None:
            return True
        inside = reading.value - limit if side == LOW else limit - reading.value
        return inside >= self.rule.hysteresis


def judge(
    readings: Iterable[Reading],
    rules: dict[str, Rule],
    histories: dict[str, History],
    window: Window,
    on_opening: Callable[[Opening], None],
) -> None:
    """Runs every reading, in the order of arrival, through the rule of its signal."""
    series = {name: Series(rule, histories.get(name), window) for name, rule in rules.items()}
    floors = {name: Series(_floor(rule), None, window) for name, rule in rules.items() if rule.floor_s is not None}
    watches = {name: Watch(rule.loss_s) for name, rule in rules.items() if rule.loss_s is not None}
    last = 0.0
    for reading in readings:
        last = max(last, reading.arrived)
        reading = replace(reading, arrived=last)
        for opening in _lost(watches, last):
            on_opening(opening)
        for opening in series[reading.signal].step(reading):
            on_opening(opening)
        for opening in floors[reading.signal].step(reading) if reading.signal in floors else ():
            if opening.what != "lost":
                on_opening(opening)
        _watch(reading, series[reading.signal].observed, watches)
    for one in (*series.values(), *floors.values()):
        for opening in one.advance(last):
            on_opening(opening)
    for opening in _lost(watches, last):
        on_opening(opening)


def _floor(rule: Rule) -> Rule:
    """0 is lethal, whatever limits a patient has."""
    return replace(
        rule, limits=Pair(None, None), critical=Pair(0.0, None), critical_low_inclusive=True,
        critical_delay_s=rule.floor_s or 0.0, hysteresis=1.0, confirm_s=None,
    )


def _watch(reading: Reading, observed: str | None, watches: dict[str, Watch]) -> None:
    own = watches.get(reading.signal)
    if own and observed == "zero":
        own.off()
    if own and observed == "value":
        own.value(reading)
    for watch in watches.values():
        if observed == "value" and watch is not own:
            watch.other(reading.arrived)


def _lost(watches: dict[str, Watch], to: float) -> Iterable[Opening]:
    for signal, watch in watches.items():
        lost = watch.advance(to)
        if lost:
            last, since, due = lost
            yield Opening("gone", signal, LOW, CRITICAL, last.value, last.measured, since, due)
