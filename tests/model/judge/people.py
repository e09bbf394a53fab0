"""Patients, devices, wards and beds."""

from dataclasses import dataclass, field

from .when import US, span


@dataclass
class Patient:
    """`ages` are (since, age class, pregnant): who is judged by what, from when on."""

    id: str
    ages: list = field(default_factory=list)
    continuous: bool = False
    ward: str | None = None
    bed: str | None = None
    here: bool = True
    limits: list = field(default_factory=list)

    def age_at(self, time):
        found = self.ages[0]
        for one in self.ages:
            if one[0] <= time:
                found = one
        return found[1], found[2]

    def adult_at(self, time):
        """Rules for adults judge adults who are not pregnant. # contract §4"""
        age, pregnant = self.age_at(time)
        return age == "adult" and not pregnant

    def own_at(self, time):
        """The set of own limits in force: {(signal, side, level): (value, unit) or None}."""
        found = {}
        for since, limits in self.limits:
            if since <= time:
                found = limits
        return found


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

    @property
    def expected(self):
        return self.signals or self.told


def interval(raw):
    """Seconds, or a span as in rules.toml."""
    if raw is None:
        return None
    return span(raw) if isinstance(raw, str) else round(raw * US)
