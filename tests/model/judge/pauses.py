"""Pauses of a scope: of a rule, a patient, or whoever lies in a bed. # contract §5 Pauses, row 2"""

from dataclasses import dataclass

from .rules import SIDES
from .when import HOUR, US

LONGEST = 24 * HOUR
TECHNICAL = ("link.silence", "link.test_mode", "link.implausible", "link.zero_or_off", "link.lost_while_pending", "link.unattributed",
             "link.boot_reset", "link.interval", "link.read_slowly", "link.over_budget", "clock.suspect", "clock.stepped",
             "rules.age_class", "patient.no_device", "limit.expiring", "limit.expired")


@dataclass(eq=False)
class Scope:
    """One pause. `patient` is whose alarms it is for, also where a bed was named; None for anybody's."""

    rule: str | None
    patient: str | None
    bed: str | None
    until: int


def over(scopes, alarm, now):
    """Which pause an alarm begins under: of several the one that lasts longest."""
    if alarm.patient is None:
        # Alarms of the gateway itself are paused one by one.
        return None
    found = [one for one in scopes if one.until > now and one.rule in (None, alarm.rule) and one.patient in (None, alarm.patient)]
    return max(found, key=lambda one: one.until, default=None)


def begin(world, command):
    """Who asks for one, why, and until when."""
    rule, patient, bed = command.get("rule"), command.get("patient"), command.get("bed")
    until = world.begin + round(command["until"] * US)
    if not command.get("reason") or not world.now < until <= world.now + LONGEST:
        return "invalid"
    if (rule, patient, bed) == (None, None, None) or None not in (patient, bed):
        return "invalid"
    if rule is not None and rule not in TECHNICAL and rule not in of_patients(world.rules):
        return "not_found"
    if bed is not None:
        patient = next((p.id for p in world.patients.values() if p.here and p.bed == bed), None)
        if patient is None:
            return "conflict" if bed in world.beds else "not_found"
    if patient is not None and (patient not in world.patients or not world.patients[patient].here):
        return "not_found"
    world.alarms.scopes.append(Scope(rule, patient, bed, until))
    return "done"


def of_patients(rules):
    """The rules that an alarm of a patient can be of."""
    found = {rule.id for rule in rules.events} | set(rules.scores) | set(rules.combinations) | set(rules.counts) | set(rules.trends)
    for rule in rules.limits.values():
        sides = [side for side in SIDES if any(of == side for (of, _), _ in rule.levels)]
        found |= {f"{rule.id}_{side}" for side in sides}
        found |= {f"{rule.id}_{side}_repeat_due" for side in sides if rule.confirm is not None}
        found |= {f"{rule.id}_lost"} if rule.loss is not None else set()
    return found


def end(world, command):
    """Of the pauses of this scope the one that began last: what began under it comes back at once. # contract row 15"""
    wanted = command.get("rule"), command.get("patient"), command.get("bed")
    for one in reversed(world.alarms.scopes):
        named = one.rule, None if one.bed else one.patient, one.bed
        if named == wanted and one.until > world.now:
            world.alarms.end_scope(one, world.now)
            return "done"
    return "not_found"


def left(world, person):
    """Nobody inherits a pause: that of a bed ends when who lay in it leaves, any with the stay."""
    if not person.here:
        world.alarms.end_stay(person.id)
    for one in list(world.alarms.scopes):
        if one.patient == person.id and (not person.here or (one.bed is not None and one.bed != person.bed)):
            world.alarms.end_scope(one, world.now)
