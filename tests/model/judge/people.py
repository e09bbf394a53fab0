"""Patients, devices, wards and beds."""

from dataclasses import dataclass, field

from .when import US, span


@dataclass
class Patient:
    """`ages` are (step, age class, pregnant), `limits` (time, step, own limits, {limit: (its end, when it was put)}): in
    force from there on, `waits` when those that were put for later come into force, `ended` up to when ends of limits were
    seen, `scale` by which SpO2 has points, `unwatched` since when no device came for somebody who is to be watched continuously."""

    id: str
    ages: list = field(default_factory=list)
    continuous: bool = False
    ward: str | None = None
    bed: str | None = None
    here: bool = True
    admitted: int = 0
    limits: list = field(default_factory=list)
    waits: list = field(default_factory=list)
    ended: int = 0
    unwatched: int | None = None
    scale: int = 1

    def age_at(self, step):
        found = self.ages[0]
        for one in self.ages:
            if one[0] <= step:
                found = one
        return found[1], found[2]

    def adult_at(self, step):
        """Rules for adults judge adults who are not pregnant. # contract §4"""
        age, pregnant = self.age_at(step)
        return age == "adult" and not pregnant

    def _set_at(self, time, step):
        stand = []
        for since, put, *limits in self.limits:
            if put <= step:
                # All that were to hold then or later hold no more.
                stand = [one for one in stand if one[0] < since] + [(since, limits)]
        return next((limits for since, limits in reversed(stand) if since <= time), ({}, {}))

    def own_at(self, time, step):
        """Own limits in force for what was measured at a time: {(signal, side, level): (value, unit) or None}."""
        limits, ends = self._set_at(time, step)
        if not ends:
            return limits
        return {key: own for key, own in limits.items() if key not in ends or time < ends[key][0]}

    def ends_at(self, time, step):
        """Of those in force at a time that have an end: {(signal, side, level): (end, when it was put)}."""
        return {key: end for key, end in self._set_at(time, step)[1].items() if time < end[0]}

    def ending(self, step):
        """Which end, as far as nothing takes their place before: (limit, (value, unit) or None, end, when it was put)."""
        for key, (end, put) in sorted({(key, end) for _, at, _, ends in self.limits if at <= step for key, end in ends.items()}):
            if self.ends_at(end - 1, step).get(key) == (end, put):
                yield key, self.own_at(end - 1, step)[key], end, put


@dataclass
class Device:
    """One entry of the registry; `told` is what `info` announced."""

    id: str
    cls: str
    kind: str
    via: tuple
    signals: dict
    registered: int
    told: dict = field(default_factory=dict)
    info_boot: int | None = None
    timeline: int | None = None
    trusted: bool = False

    @property
    def expected(self):
        return self.signals or self.told


def interval(raw):
    """Seconds, or a span as in rules.toml."""
    if raw is None:
        return None
    return span(raw) if isinstance(raw, str) else round(raw * US)
