"""One reading: whose it is, whether it can be judged, and what its judgement changes."""

from dataclasses import replace as replaced

from . import intake, losses, notes, watched
from .late import age_of, late
from .limits import crossed
from .rules import SIDES
from .sources import Back, differs, is_known, says_nothing
from .when import US

LOST_WITHIN = 60 * US
LOSSES = ("link.zero_or_off", "link.lost_while_pending", "link.implausible")
CONFLICT = 30 * US
# Of pressures, heart rate and SpO2 an implausible value after a good one is as grave as a critical one. # contract §2
GRAVE = ("heart_rate", "pulse_rate", "spo2", "abp_sys", "abp_dia", "abp_mean", "nibp_sys", "nibp_dia", "nibp_mean")


def take(world, device, copy):
    """One copy: whose it is, and whether it can be judged."""
    held = world.bindings_of(device.id)
    if copy.status == "entered-in-error":
        # Without a time it names no reading.
        if copy.mode == "real" and copy.stamp is not None:
            withdraw(world, device, copy)
        return
    # What is stamped ahead is whose it was when it came.
    whose, ambiguous = held.at(copy.whose_at)
    if ambiguous or copy.ambiguous_time:
        notes.note(world, copy.ambiguous_time or whose, "link.unattributed", device.id)
        return
    copy.patient = whose
    source = world.source(device.id, copy.signal, copy.instance)
    if copy.patient is None or not world.patients[copy.patient].here:
        if fit(world, copy):
            if copy.patient is not None and "implausible" not in copy.flags:
                # Of somebody who is not here any more its device contradicts itself all the same.
                conflict(world, device, copy, source, others_of(source, copy))
            source.add(copy)
            copy.fresh = copy.patient is not None
        return
    if not fit(world, copy):
        return unfit(world, device, copy)
    if "implausible" in copy.flags:
        return implausible(world, device, copy, source)
    if copy.value == 0 and copy.signal in held.zero_at(copy.measured):
        return zero(world, device, copy)
    judge(world, device, copy, source)


def is_known_copy(world, copy):
    """Whether a reading came before and was judged: then it says nothing. # contract §2 Same reading, §0.2"""
    source = world.source(copy.device, copy.signal, copy.instance)
    if copy.status == "entered-in-error":
        return False
    gone = source.taken_back(copy.identity) + [c for c in world.instants.get(copy.identity, ()) if c.gone]
    standing = [c for c in source.standing_of(copy.identity) if c.patient is not None or c.fresh]
    corrects = copy.status == "corrected"
    standing += [c for c in world.instants.get(copy.identity, ()) if c.status == "corrected" and not c.gone and not corrects]
    standing += corrected_to_implausible(world, copy) if corrects else []
    return is_known(copy, standing, gone)


def implausible_of(world, copy):
    """What was told of its instant though it is no value."""
    return [c for c in world.instants.get(copy.identity, ()) if c is not copy and "implausible" in c.flags
            and not c.gone and c.patient is not None and fit(world, c)]


def rivals_of(world, copy):
    """Of two corrections of one reading in one message neither takes the place of the other. # contract §2 Same reading"""
    same = world.source(copy.device, copy.signal, copy.instance).standing_of(copy.identity) + implausible_of(world, copy)
    return [c for c in same if c.status == "corrected" and c.step == copy.step]


def corrected_to_implausible(world, copy):
    """What was said to take the place of the values of its instant: that one of these is right says more."""
    return [c for c in implausible_of(world, copy) if c.status == "corrected"]


def is_unfit_again(world, copy):
    """Whether one that cannot be judged comes again, which says no more than when."""
    came = [c for c in world.instants.get(copy.identity, ()) if not c.gone]
    # One of several values that is said to be the right one says more.
    others = copy.status == "corrected" and any(differs(c, copy) and c.patient is not None and fit(world, c) for c in came)
    again = any(not differs(c, copy) for c in came) and not others
    return copy.status != "entered-in-error" and not fit(world, copy) and again


def is_nobodys_again(world, copy, came):
    """Whether a value that was withdrawn comes again from a clock that stands, and is nobody's."""
    gone = [c for c in came if c.gone and not differs(c, copy)]
    whose = world.bindings_of(copy.device).at(copy.measured)
    return copy.anew and bool(gone) and whose == (None, False)


def fit(world, copy):
    """A copy fit to be judged. # contract §0.2"""
    if copy.absent or copy.mode != "real" or is_statistic(world, copy):
        return False
    return copy.quality is None or copy.quality >= world.rules.quality_min


def contradicts(world, copy):
    """A zero that means no sensor, and what is implausible, contradict nothing. # contract §2 Same reading"""
    no_sensor = copy.value == 0 and copy.signal in world.bindings_of(copy.device).zero_at(copy.measured)
    return fit(world, copy) and not no_sensor and "implausible" not in copy.flags


def is_statistic(world, copy):
    """Over a period longer than the live window: no value of now. # contract §2 Over a period"""
    return copy.value is not None and copy.period > world.live_window(world.devices[copy.device], copy.signal)


def passed_over(world, copy, why):
    """Why a signal was not judged, and since when. # contract, the one law"""
    world.not_judged.setdefault((copy.device, copy.signal), {}).setdefault(why, []).append(world.now)


def unfit(world, device, copy):
    why = "quality" if copy.mode == "real" and not copy.absent else "absent" if copy.absent else "test mode"
    # Whatever a statistic is worth, it says nothing of now.
    why = "statistic" if why == "quality" and is_statistic(world, copy) else why
    # What was another's says nothing of this one, and what corrects an earlier value not that anything comes.
    if copy.patient != world.bindings_of(device.id).patient_now():
        return
    if copy.status != "corrected" or not any(differs(c, copy) for c in world.instants.get(copy.identity, ())):
        passed_over(world, copy, why)


def withdraw(world, device, copy):
    """Only the same reading, its instance included. # contract §0.3"""
    take_back(world, world.source(device.id, copy.signal, copy.instance), copy, lambda rule: False, False)


def names_of(world, copy):
    """What is of its instant: what came again after it was forgotten is another, and counts no more either."""
    return [*(one for one in world.names.get(copy.identity[:5], ()) if one != copy.identity), copy.identity]


def take_back(world, source, copy, holds, judged):
    """A reading does not count any more; alarms that stand on it, and that nothing `holds`, are retracted. # contract row 26"""
    source.courses()
    gone, names = [], names_of(world, copy)
    for alarm in list(world.alarms.open.values()):
        # What takes its place is of one patient.
        held = copy.patient in (None, alarm.patient) and holds(alarm.rule)
        if alarm.source in (source.name, source.link) and alarm.stands in {(source.signal, one) for one in names} and not held:
            gone.append(alarm.key)
            world.alarms.close(alarm, "retracted")
            if alarm.rule == "link.zero_or_off":
                world.zeroed.discard((alarm.patient, source.link))
            source.untell(alarm.key, alarm.stands[1])
    key = copy.device, copy.signal, copy.instance
    world.values[key] = [one for one in world.values.get(key, ()) if one[2] not in names]
    for name in names:
        for one in world.instants.get(name, ()):
            one.gone = one is not copy
        back = copy if name == copy.identity else replaced(copy, identity=name)
        source.add(Back(back, world.now, world.number, frozenset((key[0], key[1]) for key in gone), judged,
                        world.bindings_of(copy.device).patient_now()))
    if not judged:
        world.settle_courses()


def is_live(world, device, copy):
    """Of whom its device watches now, and young."""
    return world.bindings_of(device.id).patient_now() == copy.patient and is_young(world, device, copy)


def is_young(world, device, copy):
    """Not older than its window, nor than the newest judged of its series. # contract §3"""
    if copy.past:
        return False
    age = world.now - copy.at - world.gaps.overlap(copy.at, world.now)
    if age > world.live_window(device, copy.signal):
        return False
    newest = world.source(device.id, copy.signal, copy.instance).newest()
    return newest is None or copy.at >= newest


def inside_all(world, copy, person):
    """Whether a value is certainly inside all limits of its signal."""
    for rule in world.rules_for(copy.signal, person, copy.step):
        limits = world.limits_in_force(rule, person, copy.ruled_at, copy.step)
        for (side, level), amounts in limits.items():
            if amounts and crossed(copy, side, amounts, rule.inclusive_critical and level == "critical" and side == "low") is not False:
                return False
    return True


def critical_priority(world, signal):
    """The priority of the signal's critical rule, or None."""
    rule = world.rules.limit_of(signal)
    found = [rule.priority(side, "critical") for side in SIDES if rule.amounts(side, "critical")] if rule else []
    return max(found, key=["info", "low", "medium", "high"].index, default=None)


def known_of(world, source, copy):
    """Certain values of a series since its device was bound. # contract §4"""
    held = world.bindings_of(copy.device).now
    since = held.step if held else world.number
    return [c for c in source.copies(copy.patient) if c.live and c.certain and c.value is not None and c.step > since]


def corrects_newest(world, device, copy, source):
    """What corrects the newest reading of a series is the newest, however old. # contract §2"""
    newest = source.newest()
    bound = world.bindings_of(device.id).patient_now() == copy.patient
    return copy.status == "corrected" and not copy.past and bound and newest is not None and newest == copy.measured


def implausible(world, device, copy, source):
    """# contract §2"""
    passed_over(world, copy, "implausible")
    if not corrects_newest(world, device, copy, source) and not is_live(world, device, copy):
        return
    person = world.patients[copy.patient]
    critical = critical_priority(world, copy.signal)
    # By the limits that judge the patient now.
    before = [replaced(c, step=world.number) for c in known_of(world, source, copy) if not c.bound_only]
    inside = bool(before) and certain_answer(world, before[-1], person) and inside_all(world, before[-1], person)
    grave = copy.signal in GRAVE and critical and inside
    priority = critical if grave else "medium"
    tell_technical(world, device, copy, source, "link.implausible", priority)


def tell_technical(world, device, copy, source, rule, priority):
    """It stands on the reading that began it, or that brought it back. # contract §2"""
    open_before = world.alarms.open.get((copy.patient, rule, source.link))
    goes_on = open_before is not None and open_before.condition == "present"
    alarm = world.alarms.hold(copy.patient, rule, source.link, priority, world.now, kind="technical", once=True,
                      device=device.id, signal=copy.signal)
    if not goes_on:
        alarm.stands = source.signal, copy.identity


def zero(world, device, copy):
    """A 0 that means no sensor. # contract §2, §0.15"""
    passed_over(world, copy, "zero or off")
    source = world.source(device.id, copy.signal, copy.instance)
    key = copy.patient, source.link
    person = world.patients[copy.patient]
    newest_is_corrected = corrects_newest(world, device, copy, source)
    came = source.standing_of(copy.identity) + implausible_of(world, copy)
    if copy.status == "corrected" and not rivals_of(world, copy) and any(differs(c, copy) for c in came):
        # There was no sensor: what it corrects was no value.
        # That there was none is told already, where it is.
        take_back(world, source, replaced(copy, status="entered-in-error"), lambda rule: rule == "link.zero_or_off", False)
        copy.gone = False
    # By the limits that judge the patient now.
    before = [c for c in known_of(world, source, copy) if certain_answer(world, replaced(c, step=world.number), person)]
    sudden = bool(before) and before[-1].value != 0 and 0 <= copy.at - before[-1].at <= LOST_WITHIN
    if not newest_is_corrected and not is_live(world, device, copy):
        return
    watched = copy.patient, device.id, copy.signal
    if watched in world.watches and (sudden or copy.certain):
        world.watches[watched].off()
    if key in world.zeroed or not sudden:
        return
    world.zeroed.add(key)
    priority = critical_priority(world, copy.signal) or "medium"
    tell_technical(world, device, copy, source, "link.zero_or_off", priority)


def judge(world, device, copy, source):
    """A number, code or text of a patient."""
    person = world.patients[copy.patient]
    copy.live = copy.came_live = is_live(world, device, copy)
    if copy.status == "corrected":
        return correct(world, device, copy, source)
    known = [c for c in source.standing_of(copy.identity) if c.patient == copy.patient]
    gone = source.taken_back(copy.identity)
    duplicate = is_known(copy, known, gone)
    conflict(world, device, copy, source, others_of(source, copy) if not duplicate else [])
    source.add(copy)
    if duplicate:
        return
    copy.fresh = True
    if copy.live:
        refuse_age(world, person, copy)
    if not copy.live:
        passed_over(world, copy, "late")
        if copy.value is not None:
            late(world, device, copy, source, person)
        return
    if copy.certain and not known and certain_answer(world, copy, person):
        alive(world, device, copy, source)


def others_of(source, copy):
    """What was judged of its instant, for whomever."""
    return [c for c in source.standing_of(copy.identity) if c.patient is not None or c.fresh]


def conflict(world, device, copy, source, known):
    """Values that contradict each other make their series doubtful for a while. # contract §0.1a"""
    at = copy.at
    others = [one for one in known if differs(one, copy)]
    if copy.status not in ("corrected", "entered-in-error") and (copy.contradicted or others):
        source.conflict_at = at if source.conflict_at is None else max(at, source.conflict_at)
    cls = world.class_of(device)
    window = CONFLICT if cls and cls.spot_only else max(CONFLICT, 3 * world.interval_of(device, copy.signal))
    if source.conflict_at is not None and at - source.conflict_at < window:
        copy.certain = copy.timed = copy.sure = False


def correct(world, device, copy, source):
    """The corrected value takes the place of the others under its identity. # contract §0.1"""
    same = [c for c in world.instants.get(copy.identity, ()) if c is not copy]
    standing = source.standing_of(copy.identity)
    rivals = rivals_of(world, copy)
    if says_nothing(copy, [c for c in standing if c.patient is not None] + corrected_to_implausible(world, copy)):
        return
    person = world.patients[copy.patient]
    copy.corrects = not rivals and any(differs(c, copy) or c.patient is not None and fit(world, c) for c in same)
    conflict(world, device, copy, source, [])
    # Both are judged, and neither clears.
    copy.certain = copy.certain and not rivals
    stood = [c for c in same if not c.gone]
    if copy.corrects:
        # Its time is that of the reading it corrects, whatever clocks did since.
        if source.newest() in {copy.measured, *(c.at for c in same)} and not copy.past:
            # What corrects the newest is the newest, however old that is.
            copy.judged_at, copy.live = source.newest(), world.bindings_of(device.id).patient_now() == copy.patient
            copy.came_live = copy.live
        take_back(world, source, copy, lambda rule: still_beyond(world, copy, person, rule), copy.live)
        source.told_of(copy, stood)
        if copy.live and copy.certain and certain_answer(world, copy, person):
            shown(world, device, copy)
    source.add(copy)
    copy.fresh = True
    if copy.live:
        refuse_age(world, person, copy)
    if not copy.live and copy.value is not None:
        late(world, device, copy, source, person)
    elif not copy.corrects and copy.certain and certain_answer(world, copy, person):
        alive(world, device, copy, source)


def still_beyond(world, copy, person, name):
    """Whether the new value would raise the same alarm, or may."""
    asks, name = name.endswith("_repeat_due"), name.removesuffix("_repeat_due")
    for rule in world.rules_for(copy.signal, person, copy.step):
        limits = world.limits_in_force(rule, person, copy.ruled_at, copy.step)
        for (side, level), amounts in limits.items():
            inclusive = rule.inclusive_critical and level == "critical" and side == "low"
            if f"{rule.id}_{side}" == name and amounts:
                answer = crossed(copy, side, amounts, inclusive)
                # What is not known to be beyond asks for no other measurement.
                if answer or (answer is None and not asks):
                    return True
    return False


def refuse_age(world, person, copy):
    """# contract §4, §0.22a"""
    rule = world.rules.limit_of(copy.signal)
    if rule and rule.adults_only and not person.adult_at(copy.step):
        world.alarms.hold(person.id, "rules.age_class", "patient", "medium", world.now, kind="technical", once=True)


def certain_answer(world, copy, person):
    """What was not judged does not refresh. # contract §0.4"""
    if copy.value is None or world.rules.limit_of(copy.signal) is None:
        return True
    answers = []
    for rule in world.rules_for(copy.signal, person, copy.step):
        for (side, level), amounts in world.limits_in_force(rule, person, copy.ruled_at, copy.step).items():
            inclusive = rule.inclusive_critical and level == "critical" and side == "low"
            answers.append(crossed(copy, side, amounts, inclusive) if amounts else False)
    return bool(answers) and None not in answers


def alive(world, device, copy, source):
    """A sign of life: judged, live, certain."""
    key = device.id, copy.signal
    world.judged[key] = world.now
    watched.again(world, copy.patient)
    for one in [k for k in world.not_judged if k == key or (k[0] == device.id and not device.expected)]:
        del world.not_judged[one]
    shown(world, device, copy)
    world.zeroed.discard((copy.patient, source.link))
    for rule in ("link.zero_or_off", "link.implausible"):
        world.alarms.over((copy.patient, rule, source.link), world.now)
    world.alarms.over((copy.patient, "link.test_mode", device.id), world.now)
    intake.believed(world, device, copy.patient)
    for signal, watch in losses.watches_of(world, device, copy.patient):
        if signal == copy.signal:
            watch.value(world.now)
        else:
            watch.other(world.now)
    replace(world, device, copy)
    confirm(world, copy, source)


def confirm(world, copy, source):
    """One inside of single measurements beyond a critical limit is confirmed by a second of any kind. # contract §5 Over"""
    for other in world.sources.values():
        if copy.value is None or other is source or other.signal != copy.signal:
            continue
        mine = [course for key, course in other.courses().items() if key[0] == copy.patient]
        if any(course.waits_for_a_second for course in mine):
            other.change("confirmed", copy.patient, copy)


def shown(world, device, copy):
    """What is known last of a signal."""
    if copy.value is not None:
        value = copy.value if copy.unit != "mmol/L" else copy.value * 18.0182
        world.values.setdefault((device.id, copy.signal, copy.instance), []).append((copy.at, value, copy.identity))


def replace(world, device, copy):
    """Only another device closes what lost its source. # contract row 24, §0.16"""
    for alarm in list(world.alarms.open.values()):
        of_signal = alarm.kind == "physiological" or alarm.rule in LOSSES
        if alarm.patient != copy.patient or alarm.device in (None, device.id) or not of_signal:
            continue
        if alarm.condition != "unknown" or world.bindings_of(alarm.device).patient_now() == alarm.patient:
            continue
        signal = next((r.signal for r in world.rules.limits.values() if alarm.rule.startswith(r.id + "_")), alarm.signal)
        if signal == copy.signal:
            for other in world.sources.values():
                if other.name == alarm.source and other.signal == signal:
                    other.change("forget", alarm.patient, alarm.rule)
                if other.link == alarm.source:
                    other.change("lost_told", alarm.patient)
            losses.forget(world, alarm)
            world.alarms.close(alarm, "source_replaced")
