"""Several conditions of one patient at once, and the alarm of that. # contract §5 Combinations"""

from dataclasses import dataclass, field, replace

from . import scores
from .limits import crossed
from .units import convert

SOURCE = "combination"
MET = "met"


@dataclass(frozen=True)
class Held:
    """What a condition says by its reading, and until when that counts."""

    copy: object
    holds: bool
    until: int


@dataclass(frozen=True)
class Together:
    """The conditions of a moment: those that are not open, by their place in the rule."""

    of: int = 0
    at_least: int = 0
    inputs: dict = field(default_factory=dict)

    @property
    def holding(self):
        return sum(one.holds for one in self.inputs.values())

    @property
    def band(self):
        """Met when enough hold. # Combinations, met"""
        return MET if self.of and self.holding >= self.at_least else None

    @property
    def complete(self):
        """Decided: not met when too few could hold though every open one did. # Combinations, not met"""
        return self.holding + self.of - len(self.inputs) < self.at_least


def holds(condition, copy):
    """Whether it is beyond the figure, as it is and in the unit of the condition; a bound says so where every value it allows
    does. None where it says neither. # Combinations, Of each condition"""
    value = convert(copy.value, copy.unit, condition.unit)
    side = "low" if condition.below else "high"
    return crossed(replace(copy, value=value, unit=condition.unit), side, ((condition.figure, condition.unit),), inclusive=False)


def now(world, rule, person, condition):
    """The reading that was measured last, of two at once the one that holds, unless it is too old. # Combinations, Of each condition"""
    best = None
    for copy in scores.readings_of(world, person, (condition.signal,)):
        says = holds(condition, copy)
        if says is not None and (best is None or (copy.at, says) > (best.copy.at, best.holds)):
            best = Held(copy, says, copy.at + rule.within)
    # What falls due for want of data waits for the end of a window. # contract §3
    return best if best and world.gaps.put_off(best.until) > world.now else None


class Combinations(scores.Scores):
    """All combinations of all patients, and their alarms, over time as scores are: one that is met has the one band."""

    source, bands = SOURCE, (MET,)

    def rules(self):
        return self.world.rules.combinations

    def made(self, rule, person):
        found = {place: now(self.world, rule, person, one) for place, one in enumerate(rule.conditions)}
        known = {place: one for place, one in found.items() if one is not None}
        return Together(len(rule.conditions), rule.at_least, known)

    def shown(self):
        """By patient and rule, whether it is met, where that is decided."""
        found = {}
        for person, rule, course in self.each():
            if course.score.band or course.score.complete:
                found.setdefault(person.id, {})[rule.id] = course.score.band is not None
        return found
