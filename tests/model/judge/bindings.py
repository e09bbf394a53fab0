"""Whose device it was, and when."""

from dataclasses import dataclass, field
from itertools import pairwise

from .when import US

UNCERTAIN = 5 * US


@dataclass
class Binding:
    """A device is a patient's from `since` until `until`; `told` is when that was said, `step` in which step, `corrected` in which
    it was said to be another's."""

    device: str
    patient: str | None
    since: int
    told: int
    until: int | None = None
    zero: frozenset = frozenset()
    step: int = 0
    corrected: int = 0


@dataclass
class Bindings:
    """All bindings of one device, the newest last."""

    all: list = field(default_factory=list)

    @property
    def now(self):
        last = self.all[-1] if self.all else None
        return last if last and last.until is None else None

    def patient_now(self):
        return self.now.patient if self.now else None

    def _in(self, begin, end):
        return [b for b in self.all if b.since <= end and (b.until is None or b.until > begin)]

    def zero_at(self, measured):
        """Signals of which a 0 means no sensor, by the binding of then."""
        held = self._in(measured, measured)
        return held[-1].zero if held else frozenset()

    def binding_at(self, measured):
        """The binding of then."""
        held = self._in(measured, measured)
        return held[-1] if held else None

    def at(self, measured):
        """(patient, whether that is ambiguous). # contract §4"""
        for before, after in pairwise(self.all):
            if None in (before.patient, after.patient) or before.patient == after.patient or before.until is None:
                continue
            first, last = min(before.until, after.since), max(before.until, after.since)
            if last - first < UNCERTAIN and first - UNCERTAIN < measured < last + UNCERTAIN:
                # The patient after the change is told.
                return after.patient, True
        exact = self._in(measured, measured)
        return (exact[-1].patient, False) if exact else (None, False)
