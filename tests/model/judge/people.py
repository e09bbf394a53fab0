"""Patients, devices, wards and beds."""

from dataclasses import dataclass, field

from .when import US, span


@dataclass
class Patient:
    """`ages` are (step, age class, pregnant), `limits` (time, step, own limits): in force from there on,
    `waits` when those that were put for later come into force, `unwatched` since when no device came for somebody
    who is to be watched continuously."""

    id: str
    ages: list = field(default_factory=list)
    continuous: bool = False
    ward: str | None = None
    bed: str | None = None
    here: bool = True
    admitted: int = 0
    limits: list = field(default_factory=list)
    waits: list = field(default_factory=list)
    unwatched: int | None = None

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

    def own_at(self, time, step):
        """Own limits in force for what was measured at a time: {(signal, side, level): (value, unit) or None}."""
        stand = []
        for since, put, limits in self.limits:
            if put <= step:
                # All that were to hold then or later hold no more.
                stand = [one for one in stand if one[0] < since] + [(since, limits)]
        return next((limits for since, limits in reversed(stand) if since <= time), {})


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
