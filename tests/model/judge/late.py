"""Late crossings: told once for each excursion, with its worst. # contract §3, §0.12, §0.6"""

from .limits import crossed
from .rules import LEVELS, SIDES, lower
from .sources import differs


def age_of(world, copy):
    """Windows in which nobody listened are not age. # contract §3"""
    return world.now - copy.measured - world.gaps.overlap(copy.measured, world.now)


def late(world, device, copy, source, person):
    """A late crossing that lasts for the rule's delay. # contract §3, §0.12, §0.6"""
    for rule in world.rules_for(copy.signal, person, copy.step):
        limits = world.limits_in_force(rule, person, copy.ruled_at, copy.step)
        for side in SIDES:
            late_side(world, device, copy, source, person, rule, side, limits)


def late_side(world, device, copy, source, person, rule, side, limits):
    inclusive = rule.inclusive_critical and side == "low"
    key = person.id, f"{rule.id}_{side}", source.name

    def answer(c, level):
        """By the limits in force when it was measured: None where a bound allows both. # contract §4"""
        its = limits
        if (key, id(c)) in source.held:
            # It was told by limits that came after it.
            return level in (source.told.get((key, id(c))), "warning")
        if c is not copy:
            # Whom rules are made for is what is known of the patient now.
            its = world.limits_in_force(rule, person, c.ruled_at, copy.step)
        amounts = its.get((side, level))
        return bool(amounts) and crossed(c, side, amounts, inclusive and level == "critical")

    beyond = lambda c, level: bool(answer(c, level))

    if not any(beyond(copy, level) for level in LEVELS):
        return
    if age_of(world, copy) > rule.actionable:
        return
    shape = source._shape(rule, device)
    level, run, runs = excursion(copy, source, person, shape, answer, key, rule.actionable)
    # What was known beside the first of them is known beside all.
    for of, them in runs.items():
        first = min(source.first_steps.get((key, id(c), of), c.step) for c in them)
        source.first_steps.update({(key, id(c), of): first for c in them})
    if level is None:
        # What lies within the gap of what is told as it happens is told with it, whatever parts the two thereafter.
        holds = any((whom, f"{one.id}_{of}") == key[:2] and course.level for (whom, one, of), course in source.courses().items())
        near = [source.told[key, id(c)] for c in run if holds and shape.gap is not None and (key, id(c)) in source.extents
                and (key, id(c)) in source.told and abs(c.at - copy.at) <= shape.gap]
        if near:
            source.told[key, id(copy)] = "critical" if "critical" in near and beyond(copy, "critical") else "warning"
        return
    if any((key, id(c)) in source.extents for c in run):
        # It is of what was told as it happened.
        stood = [source.extents[key, id(c)] for c in run if (key, id(c)) in source.extents]
        begin, end = min(run[0].at, *(one for one, _ in stood)), max(run[-1].at, *(one for _, one in stood))
        source.extents.update({(key, id(c)): (begin, end) for c in run})
    told = {source.told.get((key, id(c))) for c in run} - {None}
    fresh = [c for c in run if source.told.get((key, id(c))) != "critical"]
    source.told.update({(key, id(c)): max(level, source.told.get((key, id(c)), level), key=LEVELS[::-1].index) for c in run})
    telling = max(source.tellings.values(), default=0) + 1
    source.tellings.update({(key, id(c)): telling for c in run})
    if "critical" in told or level in told:
        # Told once, and again only where it is graver.
        return
    priority = rule.priority(side, level)
    if rule.response(side, level) in ("immediate", "prompt"):
        priority = lower(priority)
    if level == "warning":
        priority = min(priority, world.shown_only(source, rule, side, level, person.id, priority),
                       key=["info", "low", "medium", "high"].index)
    alarm = world.alarms.open.get(key)
    if alarm is not None and alarm.condition in ("present", "unknown"):
        return
    alarm = world.alarms.momentary(*key, priority, world.now, late=True, device=device.id, signal=rule.signal,
                                   response=rule.response(side, level), folds=rule.folds)
    # Of what is told as critical the worst of what is: what else lies around it stands for less.
    its = [c for c in runs[level] if c in fresh] or fresh
    worst = (min if side == "low" else max)(its, key=lambda c: c.value)
    alarm.stands = source.signal, worst.identity


def excursion(copy, source, person, shape, answer, key, actionable):
    """(level, copies) of the run of crossings around a copy, in the order of measured times; and {level: its own run}."""
    beyond = lambda c, level: bool(answer(c, level))
    # What was corrected to be somebody's came of somebody who is here, whenever that was.
    of_stay = lambda c: c.inherited != "past" if c.inherited else c.step > person.admitted
    found = [c for c in source.copies(person.id) if c.value is not None and of_stay(c)]
    found.sort(key=lambda c: c.at)
    place = next((i for i, c in enumerate(found) if c is copy), None)
    if place is None:
        return None, [], {}
    # Of values that contradict each other the milder one parts nothing. # contract §0.1a
    instants = {one for c in found if any(beyond(c, level) for level in LEVELS) for one in (c.identity, c.at)}
    # What is doubtful parts nothing, but for what only came late. # contract, the one law
    sure = lambda c: (c.certain and not c.bound_only if c.live else c.sure and not c.timeless) and None not in [answer(c, level) for level in LEVELS]
    # Of values that contradict each other none does.
    alone = lambda c: all(not differs(one, c) for one in source.standing_of(c.identity) if one.patient is not None)
    parts = lambda c: not {c.identity, c.at} & instants and sure(c) and alone(c)
    found = [c for c in found if parts(c) or any(beyond(c, level) for level in LEVELS)]
    place = found.index(copy)
    absorb(source, key, found, shape, lambda c: any(beyond(c, level) for level in LEVELS), copy)
    # Nobody is told of what is older than `actionable`: readings further apart are of two.
    was_told = lambda c: source.told.get((key, id(c))) is not None
    # What was told as less grave is told again as graver.
    told_as = lambda c, level: was_told(c) and level in (None, "warning", source.told[key, id(c)])
    by_gap = lambda a, b, level: shape.gap is not None and (of_told(a, level) or of_told(b, level))
    # What is of something that was told is told itself.
    of_told = lambda c, level: told_as(c, level) or (c is copy and level in adopted)
    adopted = set()
    # Single measurements that were told stand until another lies inside, whatever else came of their instant.
    standing = {c.identity for c in found if was_told(c)}
    stands = lambda a, b: shape.gap is None and any(c.identity in standing for c in (a, b))
    # What lies within an excursion that was told is of it.
    told_beside = lambda side: next((c for c in side if was_told(c)), None)
    before, after = told_beside(found[place - 1::-1] if place else []), told_beside(found[place + 1:])
    enclosed = None not in (before, after) and (source.tellings.get((key, id(before)), -1)
                                                == source.tellings.get((key, id(after)), -2)) and not any(
        sure(c) and alone(c) and not any(beyond(c, level) for level in LEVELS) and before.at < c.at < after.at
        and source.parts(key, c, before, after, None, []) for c in found)
    one_of = lambda a, b: enclosed and copy in (a, b)
    near = lambda a, b, level: stands(a, b) or one_of(a, b) or (
        b.at - a.at <= (shape.gap if by_gap(a, b, level) else actionable))

    # What was live and told of nothing is no part of what is late, nor what no such limit judged when it came.
    def judged(c, level):
        for one, side in ((one, side) for one in source.judging(c, person) for side in SIDES if key[1] == f"{one.id}_{side}"):
            limits = source.world.limits_in_force(one, person, c.ruled_at, c.step)
            return any(limits.get((side, of)) for of in ((level,) if level else LEVELS))
        return False

    tells = lambda c, level: not c.inherited and (key, id(c)) not in source.in_error and (was_told(c) or (not c.live and judged(c, level)))

    source.note_known(key, copy, person.id, actionable)
    # So is what lies beside single measurements that were told, also where it parts others.
    for order in (found, found[::-1]) if shape.gap is None else ():
        told = None
        for c in order:
            if any(beyond(c, level) for level in LEVELS):
                told = c if was_told(c) else told
            elif told is not None and source.parts(key, c, told, told, None, []):
                source.known_at[key, id(c)], told = copy.step, None

    def run(test, level=None):
        beside = [one[0] for one in (reach(-1, test, level), reach(1, test, level)) if one]
        if shape.gap is not None and any(told_as(c, level) and abs(c.at - copy.at) <= shape.gap for c in beside):
            adopted.add(level)
        return [*reversed(reach(-1, test, level)), copy, *reach(1, test, level)]

    def reach(step, test, level):
        """Those beyond on one side of the copy, as far as nothing that is known lies between."""
        reached, last, between = [], copy, []
        lately = [c for c in found if test(c) and not c.live]
        beside = {at for c in found if test(c) for at in (c.identity, c.at)}
        for one in found[place + step::step] if place + step >= 0 else []:
            if not test(one) and not {one.identity, one.at} & beside and sure(one) and alone(one):
                between.append(one)
            if not test(one) or not tells(one, level):
                continue
            if any(source.parts(key, c, last, one, level, lately) for c in between) or not near(*((one, last) if step < 0 else (last, one)), level):
                break
            reached.append(one)
            last, between = one, []
        return reached

    delays = dict(shape.delays)
    whole = run(lambda c: any(beyond(c, level) for level in LEVELS))
    runs = {level: run(lambda c, level=level: beyond(c, level), level) for level in LEVELS if beyond(copy, level)}
    for level, part in runs.items():
        # Of what has no time nobody knows how long it lasted. # contract §3
        if copy.timeless or part[-1].at - part[0].at >= delays[level]:
            return level, sorted({*whole, *part}, key=lambda c: c.at), {**runs, "warning": whole}
    return None, whole, {**runs, "warning": whole}


def absorb(source, key, found, shape, is_beyond, new):
    """What came late within the gap of what was told is of it, whichever came first. # contract §3"""
    for order in (found, found[::-1]) if shape.gap is not None else ():
        told = None
        for c in order:
            if not is_beyond(c):
                told = None
            elif (key, id(c)) in source.told:
                told = c
            elif told is not None and not c.live and c is not new and abs(c.at - told.at) <= shape.gap:
                source.told[key, id(c)] = source.told[key, id(told)]
                told = c
