"""Silence: a signal of a bound device that was not judged for as long as its class allows."""

from . import names
from .rules import ORDER


def rungs(cls, interval, continuous, reason):
    """[(priority, after)] on the base of the live window. # contract §3, §0.15"""
    if cls is None:
        return [("medium", names.UNKNOWN_CLASS_SILENT)]
    shift = interval - cls.expected_interval if interval else 0
    found = []
    for place, (priority, after) in enumerate(cls.silence):
        if priority == "high" and cls.high_only_if_continuous and not continuous:
            continue
        after = max(after + shift, 1)
        if place == 0 and reason == "quality":
            after *= names.QUALITY_RUNG
        found.append((priority, after))
    return found


def falling(values):
    """Under 80 mg/dL, or falling faster than 1 mg/dL a minute. # contract §7"""
    if not values:
        return False
    at, value, _ = values[-1]
    if value < 80:
        return True
    if len(values) < 2:
        return False
    before, earlier, _ = values[-2]
    return at > before and (earlier - value) * 60e6 / (at - before) > 1


def rung(ladder, since, now, put_off):
    """The rung reached, or None."""
    reached = [name for name, after in ladder if put_off(since + after) <= now]
    return reached[-1] if reached else None


def expected(world):
    """(patient, device, signal, since, ladder) for all that should be heard of."""
    for device_id, held in world.bindings.items():
        binding, device = held.now, world.devices.get(device_id)
        if binding is None or binding.patient is None or device is None:
            continue
        person = world.patients[binding.patient]
        for signal in device.expected or {None: None}:
            since = max(binding.told, last_judged(world, device_id, signal))
            interval = world.interval_of(device, signal) if signal else None
            why = [w for (d, s), w in world.not_judged.items() if d == device_id and signal in (None, s)]
            poor = min((at for w in why for at in w.get("quality", ()) if at >= since), default=None)
            ladder = ladder_of(world, device, interval, person, since, poor)
            yield person, device, signal, since, by_glucose(world, device, ladder)


def ladder_of(world, device, interval, person, since, poor):
    """Poor quality makes the first rung longer, not one that was reached before. # contract §0.15"""
    plain = rungs(world.class_of(device), interval, person.continuous, None)
    if poor is None or not plain or poor >= world.gaps.put_off(since + plain[0][1]):
        return plain
    return rungs(world.class_of(device), interval, person.continuous, "quality")


def by_glucose(world, device, ladder):
    cls = world.class_of(device)
    if cls and cls.high_if_glucose_low and ladder:
        if any(falling(values) for key, values in world.values.items() if key[:2] == (device.id, "glucose_cgm")):
            return [("high", ladder[0][1])]
    return ladder


def last_judged(world, device, signal):
    if signal is not None:
        return world.judged.get((device, signal), 0)
    return max([at for (d, _), at in world.judged.items() if d == device], default=0)


def deadlines(world):
    for _, _, _, since, ladder in expected(world):
        for _, after in ladder:
            yield world.gaps.put_off(since + after)
    for device, last in world.judged.items():
        ladder = rungs(world.class_of(world.devices[device[0]]), None, False, None)
        if ladder:
            yield world.gaps.put_off(last + ladder[0][1])


def speaks(source, person, since):
    """Whether something certain, or beyond a limit, came of a series since then."""
    came = [c.newest_arrival for key, c in source.courses().items() if key[0] == person.id and c.newest_arrival is not None]
    return bool(came) and max(came) > since


def settle(world):
    wanted, signals, climbed = {}, {}, {}
    entries, world.fall = list(expected(world)), set()
    waited = {(person.id, device.id, signal) for person, device, signal, _, _ in entries}
    # Of whoever has the device again it is silent anew.
    world.silent = {one for one in world.silent if one[:3] in waited}
    for _, device, _, since, ladder in entries:
        if any(world.gaps.put_off(since + after) == world.now for _, after in ladder):
            world.fall.add(device.id)
    for person, device, signal, since, ladder in entries:
        # Of rungs that fall to one moment the highest is told.
        put_off = world.gaps.moment if device.id in world.fall else world.gaps.put_off
        reached = rung(ladder, since, world.now, put_off)
        key = person.id, device.id
        if reached is None:
            world.silent -= {one for one in world.silent if one[:3] == (*key, signal)}
            continue
        if (*key, signal, reached) not in world.silent:
            # Nobody knows where it stands to its limits. # contract row 6
            world.silent.add((*key, signal, reached))
            climbed.setdefault(key, []).append((ORDER[reached], dict(ladder)[reached]))
            due, first = since + dict(ladder)[reached], min(after for _, after in ladder)
            # Of rungs that were put off to one moment the first counts.
            fell = min(since + after for _, after in ladder if put_off(since + after) == put_off(due))
            # A ladder that was changed is climbed now.
            fell = fell if put_off(due) >= world.now else world.now
            for source in list(world.sources.values()):
                if source.device == device.id and signal in (None, source.signal) and not speaks(source, person, due - first):
                    source.change(f"silent {fell}", person.id)
            world.settle_courses()
        # The same sensor is told of already. # contract §0.15
        links = [f"{device.id}/{signal}"]
        told = any(
            a.patient == person.id and a.rule in ("link.zero_or_off", "link.lost_while_pending")
            and (a.source == links[0] or a.source.startswith(links[0] + "/")) and a.condition == "present"
            for a in world.alarms.open.values()
        )
        if told:
            continue
        signals.setdefault(key, set()).add(signal)
        if key not in wanted or ORDER[reached] > ORDER[wanted[key]]:
            wanted[key] = reached
    for key in wanted:
        # One more signal is news where somebody had answered. # contract §3 One loss
        alarm = world.alarms.open.get((key[0], names.SILENCE, key[1]))
        more = signals[key] - world.told_silent.get(key, set())
        if alarm is not None and alarm.acked_at is not None and more and ORDER[wanted[key]] <= ORDER[alarm.priority]:
            world.alarms.again(alarm, world.now)
    for key, told in world.told_silent.items():
        if key in wanted:
            signals[key] |= told
    world.told_silent = signals
    climbs = lambda key: world.outages.due(world.patients[key[0]], world.devices[key[1]], wanted[key], max(climbed[key])[1])
    # One patient after another: the rungs, then what has waited for its device to come back.
    for patient in sorted({key[0] for key in wanted} | {alarm.patient for alarm in world.alarms.open.values() if alarm.rule == names.SILENCE}):
        mine = {key: priority for key, priority in wanted.items() if key[0] == patient}
        world.hold_all(names.SILENCE, mine, before=lambda key: key in climbed and climbs(key))
        if world.gaps.up_to is None:
            world.outages.waited(patient)
    world.settle_held(names.SILENCE, wanted)
    for key in sorted(wanted):
        alarm = world.alarms.open.get((key[0], names.SILENCE, key[1]))
        if alarm is not None:
            world.outages.member(alarm)
