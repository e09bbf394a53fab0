"""Limits of a patient's own come into force, and end. # contract §4"""

from . import units
from .limits import limit_in
from .when import DAY

EXPIRING, EXPIRED = "limit.expiring", "limit.expired"


def source_of(key):
    """Signal, side and level, as the source of an alarm."""
    signal, side, level = key
    return f"{signal}.critical_{side}" if level == "critical" else f"{signal}.{side}"


def put(world, person, since, limits, ends):
    """Limits in force from a time on: what is known is judged by them at once, when that has come."""
    before = both(person, world.now, world.number)
    person.limits.append((since, world.number, limits, ends))
    person.waits = [one for one in person.waits if one < since] + ([since] if since > world.now else [])
    _are(world, person, before)
    standing = {(source_of(key), end) for key, _, end, _ in person.ending(world.number)}
    for alarm in list(world.alarms.open.values()):
        if alarm.patient == person.id and alarm.rule == EXPIRING and (alarm.source, alarm.ends) not in standing:
            world.alarms.close(alarm, "limit_changed")
    announce(world, person)


def both(person, time, step):
    """The own limits of a time, and the end of each."""
    return person.own_at(time, step), {key: end for key, (end, _) in person.ends_at(time, step).items()}


def due(world):
    """Limits that were put for now come into force, and others end."""
    for person in world.patients.values():
        if not person.here:
            continue
        came = any(since <= world.now for since in person.waits)
        ended = [one for one in person.ending(world.number) if person.ended < one[2] <= world.now]
        if came or ended:
            moment = min([*(one for one in person.waits if one <= world.now), *(one[2] for one in ended)])
            before = both(person, moment - 1, world.number)
            person.waits = [since for since in person.waits if since > world.now]
            person.ended = world.now
            _are(world, person, before, came)
        for key, own, *_ in ended:
            world.alarms.over((person.id, EXPIRING, source_of(key)), world.now)
            if own is not None and key not in person.own_at(world.now, world.number) and is_wider(world, person, key, own):
                alarm = world.alarms.momentary(person.id, EXPIRED, source_of(key), "low", world.now, kind="technical")
                alarm.expires = None
        announce(world, person)


def deadlines(world):
    for person in world.patients.values():
        if person.here:
            yield from person.waits
            for _, _, end, _ in person.ending(world.number):
                yield from (end - DAY, end)


def _are(world, person, before, came=True):
    """`came`: a person put those that are in force now."""
    from .commands import judge_again
    after = both(person, world.now, world.number)
    differ = lambda one, other: {key for key in {*one, *other} if one.get(key, "no") != other.get(key, "no")}
    judge_again(world, person, {key[:2] for key in differ(before[0], after[0])}, "limit_changed")
    signals = {key[0] for one, other in zip(before, after) for key in differ(one, other)}
    for alarm in list(world.alarms.open.values()) if came else ():
        if alarm.patient == person.id and alarm.rule == EXPIRED and alarm.source.split(".")[0] in signals:
            world.alarms.close(alarm, "limit_changed")


def announce(world, person):
    """A day before, to whoever put it to hold for longer."""
    for key, _, end, was_put in person.ending(world.number):
        since = max(since for since, step, _, ends in person.limits if ends.get(key) == (end, was_put) and step <= world.number)
        where = person.id, EXPIRING, source_of(key)
        if end - DAY <= world.now < end and end - max(was_put, since) > DAY and where not in world.alarms.open:
            alarm = world.alarms.hold(*where, "low", world.now, kind="technical")
            alarm.acknowledge_for, alarm.ends = DAY, end


def is_wider(world, person, key, own):
    """Whether a rule over that side has no limit of that level now, or one further out."""
    signal, side, level = key
    unit = world.rules.signals[signal].unit
    age, _ = person.age_at(world.number)
    was = units.convert(*own, unit)
    for rule in world.rules.limits.values():
        if rule.signal != signal or rule.floor or not rule.judges(age, person.adult_at(world.number)):
            continue
        amounts = world.limits_in_force(rule, person, world.now, world.number).get((side, level))
        if not amounts or (limit_in(amounts, unit) < was if side == "low" else limit_in(amounts, unit) > was):
            return True
    return False
