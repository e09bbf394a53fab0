"""What people do: admissions, bindings, limits, and answers to alarms."""

import re

from . import expiring, losses, pauses, responsibility_acts, units, watched
from .bindings import Binding
from .people import Device, Patient, interval
from .readings import Copy
from .rules import SIDES
from .when import US, stamp

_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
LINK_ENDS = ("link.silence", "link.test_mode", "clock.suspect", "clock.stepped", "link.boot_reset", "link.unattributed",
             "link.interval")


def carry_out(world, command):
    """One command, and its answer."""
    do = command["do"]
    if not command.get("actor"):
        return "invalid"
    return globals()["_" + do](world, command)


def _time(world, raw):
    """Seconds since the begin of the history, or RFC 3339."""
    if raw is None:
        return None
    return stamp(raw) if isinstance(raw, str) else world.begin + round(raw * US)


def _add_ward(world, command):
    if command["ward"] in world.wards:
        return "already_so"
    world.wards[command["ward"]] = True
    return "done"


def _add_bed(world, command):
    """Moving a bed with a patient in it moves the patient. # contract §0.19"""
    bed, ward = command["bed"], command["ward"]
    if ward not in world.wards:
        return "not_found"
    if world.beds.get(bed) == ward:
        return "already_so"
    world.beds[bed] = ward
    for person in world.patients.values():
        if person.here and person.bed == bed:
            person.ward = ward
    return "done"


def _occupied(world, bed, but):
    return any(p.here and p.bed == bed and p.id != but for p in world.patients.values())


def _admit(world, command):
    patient = command["patient"]
    age = command.get("age_class") or "unknown"
    if not _ID.match(patient) or age not in ("adult", "paediatric", "neonatal", "unknown"):
        return "invalid"
    known = world.patients.get(patient)
    bed, ward = command.get("bed"), command.get("ward")
    if known and known.here:
        same = (*known.age_at(world.number), known.continuous, known.bed) == (
            age, bool(command.get("pregnant")), bool(command.get("continuous")), bed)
        return "already_so" if same else "conflict"
    if (bed and bed not in world.beds) or (ward and ward not in world.wards):
        return "not_found"
    if bed and _occupied(world, bed, patient):
        return "conflict"
    person = known or Patient(patient)
    person.here, person.admitted = True, world.number
    person.ages.append((world.number, age, bool(command.get("pregnant"))))
    person.continuous = bool(command.get("continuous"))
    person.bed, person.ward = bed, world.beds[bed] if bed else ward
    world.patients[patient] = person
    watched.asked(world, person)
    return "done"


def _patch_patient(world, command):
    """By field; what changes nothing says so. # contract §0.20, §0.5"""
    person = world.patients.get(command["patient"])
    if person is None or not person.here:
        return "not_found"
    age, pregnant = person.age_at(world.number)
    after = command.get("age_class", age), bool(command.get("pregnant", pregnant))
    if after[0] not in ("adult", "paediatric", "neonatal", "unknown"):
        return "invalid"
    continuous, scale = bool(command.get("continuous", person.continuous)), command.get("spo2_scale", person.scale)
    if scale != person.scale and not (command.get("reason") or "").strip():
        # A clinician prescribed it, and says why. # contract §5 Scores
        return "invalid"
    if after == (age, pregnant) and continuous == person.continuous and scale == person.scale:
        return "already_so"
    person.scale = scale
    if continuous != person.continuous:
        person.continuous = continuous
        watched.asked(world, person)
        if continuous:
            world.outages.watched(person)
    if after != (age, pregnant):
        person.ages.append((world.number, *after))
        _rules_judge_others(world, person, age, pregnant)
        if person.adult_at(world.number):
            world.alarms.over((person.id, "rules.age_class", "patient"), world.now)
        elif refused(world, person):
            world.alarms.hold(person.id, "rules.age_class", "patient", "medium", world.now, kind="technical", once=True)
    return "done"


def _rules_judge_others(world, person, age, pregnant):
    """Rules that judge somebody no more, and those that do now. # contract row 23"""
    adult = age == "adult" and not pregnant
    own = person.own_at(world.now, world.number)
    after = person.age_at(world.number)[0], person.adult_at(world.number)
    changed = {}
    for rule in world.rules.limits.values():
        was, now = world.rules.stands(rule, own, age, adult), world.rules.stands(rule, own, *after)
        if was != now:
            changed[rule.id] = now
    # Where limits of the patient's own judged before, what they found goes on, and what more there is is judged.
    owned = {f"{i}_{side}" for i, now in changed.items() for side in SIDES if now and world.rules.limits[i].adults_only
             and any(key[:2] == (world.rules.limits[i].signal, side) for key in own)}
    gone = {f"{i}_{side}" for i, now in changed.items() if not now for side in SIDES} | {f"{i}_lost" for i, now in changed.items() if not now}
    for alarm in list(world.alarms.open.values()):
        if alarm.patient == person.id and alarm.rule.removesuffix("_repeat_due") in gone and alarm.condition in ("present", "absent"):
            world.alarms.close(alarm, "rule_changed")
    for source in world.sources.values():
        if person.id == world.bindings_of(source.device).patient_now():
            parts = [f"{i}_{side}" for i in changed for side in SIDES]
            source.change("rules", person.id, tuple(part for part in parts if part not in owned))
            source.change("more", person.id, tuple(part for part in parts if part in owned))


def refused(world, person):
    """Whether anything its devices send, or should, is left to limits for adults. # contract §4"""
    came = lambda source: any(c.step > person.admitted for c in source.copies(person.id))
    signals = {s.signal for s in world.sources.values() if s.device in world.bound(person.id) and came(s)}
    for device in world.bound(person.id):
        signals |= set(world.devices[device].expected)
    rules = [world.rules.limit_of(signal) for signal in signals]
    return any(rule is not None and rule.adults_only for rule in rules)


def judge_again(world, person, touched, reason):
    """Of (signal, side) pairs whose limits changed. # contract §0.18"""
    for source in world.sources.values():
        if person.id == world.bindings_of(source.device).patient_now():
            for side in sorted(side for signal, side in touched if signal == source.signal):
                source.change(f"judge {side}", person.id, reason)


def _discharge(world, command):
    """Row 25: what is high and waits for an answer, kept back or not, needs a reason; limits belong to a stay. # contract §0.18"""
    person = world.patients.get(command["patient"])
    if person is None:
        return "not_found"
    if not person.here:
        return "already_so"
    mine = [a for a in world.alarms.open.values() if a.patient == person.id]
    if not command.get("reason") and any(a.priority == "high" and a.acked_at is None and not a.latched for a in mine):
        return "conflict"
    for alarm in mine:
        world.alarms.close(alarm, "discharged")
    for device in world.bound(person.id):
        world.bindings_of(device).now.until = world.now
    for source in world.sources.values():
        # Nothing of this stay is known in the next.
        if person.id in source.patients():
            source.change("pause", person.id)
            source.change("forget", person.id)
            source.told = {one: level for one, level in source.told.items() if one[0][0] != person.id}
    person.here, person.bed, person.ward, person.scale = False, None, None, 1
    pauses.left(world, person)
    person.limits.append((world.now, world.number, {}, {}))
    person.waits = []
    for key in [k for k in world.watches if k[0] == person.id]:
        del world.watches[key]
    return "done"


def _transfer(world, command):
    person = world.patients.get(command["patient"])
    bed = command["bed"]
    if person is None or not person.here or bed not in world.beds:
        return "not_found"
    if person.bed == bed:
        return "already_so"
    if _occupied(world, bed, person.id):
        return "conflict"
    person.bed, person.ward = bed, world.beds[bed]
    pauses.left(world, person)
    return "done"


def _register(world, command):
    """Registering again changes what it names and nothing else (§0.20)."""
    signals = {}
    for one in command.get("signals") or []:
        named = world.rules.signal(one["signal"])
        if named is None:
            return "invalid"
        signals[named[0]] = interval(one.get("interval"))
    known = world.devices.get(command["device"])
    via, kind = tuple(command.get("via") or ()), command.get("kind") or "device"
    if known:
        via = via if command.get("via") is not None else known.via
        kind = command.get("kind") or known.kind
        signals = signals if command.get("signals") is not None else known.signals
    if not _ID.match(command["device"]):
        return "invalid"
    if known:
        if (known.cls, known.kind, known.via, known.signals) == (command["class"], kind, via, signals):
            return "already_so"
        known.cls, known.kind, known.via, known.signals = command["class"], kind, via, signals
        return "done"
    world.devices[command["device"]] = Device(command["device"], command["class"], kind, via, signals, world.now)
    return "done"


def _bind(world, command):
    """# contract §4, §0.16"""
    device, patient = command["device"], command["patient"]
    person = world.patients.get(patient)
    if device not in world.devices or person is None or not person.here:
        return "not_found"
    zeros = command.get("zero_means_no_sensor")
    named = [world.rules.signal(one) for one in zeros or []]
    if None in named:
        return "invalid"
    zero = frozenset(one[0] for one in named)
    held = world.bindings_of(device)
    now = held.now
    if now is not None and now.patient is None:
        now.until = since_of(world, command)
    elif now is not None:
        if now.patient != patient:
            return "conflict"
        begins = _time(world, command.get("from"))
        if begins is not None and begins != now.since:
            return "conflict"
        if zeros is None or now.zero == zero:
            return "already_so"
        now.zero = zero
        return "done"
    since = since_of(world, command)
    last = held.all[-1].until if held.all else None
    if since > world.now or (last is not None and since < last):
        return "invalid"
    if held.all and held.all[-1].patient != patient:
        for key in [k for k in world.watches if k[:2] == (patient, device)]:
            world.watches[key].off()
    _bound(world, patient)
    held.all.append(Binding(device, patient, since, world.now, zero=zero, step=world.number))
    forget_known(world, device)
    return "done"


def forget_known(world, device):
    """Nothing that came before is known of whoever it is bound to."""
    for known in (world.not_judged, world.values):
        for key in [k for k in known if k[0] == device]:
            del known[key]


def _bound(world, patient):
    if patient is not None:
        world.patients[patient].unwatched = None


def since_of(world, command):
    since = _time(world, command.get("from"))
    return world.now if since is None else since


def _reattribute(world, device, binding, before):
    """What was another's of a binding belongs to its patient: who corrects it knows whose it was. # contract §4"""
    end = binding.until if binding.until is not None else world.now + 1
    for source in world.sources.values():
        if source.device != device:
            continue
        for copy in source.log:
            if not isinstance(copy, Copy) or copy.step < binding.step or copy.measured is None:
                continue
            # What people chart ahead was measured when it came, at the latest.
            if binding.since <= copy.whose_at < end:
                # Past excursions are not derived anew; what is known of now parts those that come. # contract §4
                if copy.patient == before:
                    copy.inherited = "now" if binding.until is None else "past"
                copy.patient = binding.patient if copy.patient == before else copy.patient
                copy.live = copy.live and binding.until is None
        source.moved()


def _unbind(world, command):
    """Row 24: what is open stays with the patient, unknown."""
    held = world.bindings_of(command["device"])
    if command["device"] not in world.devices:
        return "not_found"
    if held.patient_now() is None:
        return "already_so"
    patient = held.now.patient
    held.now.until = world.now
    _leave(world, command["device"], patient)
    watched.left(world, patient)
    return "done"


def _leave(world, device, patient):
    for source in world.sources.values():
        if source.device == device:
            source.courses()
            source.change("pause", patient)
    for alarm in list(world.alarms.open.values()):
        if alarm.patient != patient:
            continue
        asks = alarm.rule.endswith("_repeat_due")
        if (alarm.rule in LINK_ENDS or asks) and alarm.source.split("/")[0] == device:
            world.alarms.close(alarm, "source_unbound")
        elif alarm.source.split("/")[0] == device and alarm.condition == "present":
            alarm.condition = "unknown"
            if alarm.reported is not None and not alarm.forgotten:
                alarm.known = world.now
    for key in [k for k in world.watches if k[:2] == (patient, device)]:
        world.watches[key].leave()


def _correct_binding(world, command):
    """The last binding was somebody else's from its start. # contract §4, row 26"""
    device, patient = command["device"], command.get("patient")
    held = world.bindings_of(device)
    if device not in world.devices or not held.all:
        return "not_found"
    if not command.get("reason"):
        return "invalid"
    wrong = held.all[-1]
    if wrong.patient == patient:
        return "already_so"
    if patient is not None and (patient not in world.patients or not world.patients[patient].here):
        return "not_found"
    before, wrong.corrected = wrong.patient, world.number
    told = []
    for alarm in list(world.alarms.open.values()):
        mine = alarm.source.split("/")[0] == device
        if alarm.patient == before and mine:
            told.append(alarm)
            world.alarms.close(alarm, "retracted")
    wrong.patient = patient
    if wrong.until is None:
        _bound(world, patient)
    if before is not None:
        watched.left(world, before)
    if before is None:
        # Nobody waited for it until now.
        wrong.told = world.now
    # What a binding that is over had known of was never known.
    for key in [k for k, w in world.watches.items() if k[:2] == (before, device) and w.left and (w.last or 0) >= wrong.since]:
        del world.watches[key]
    for key in [k for k, watch in world.watches.items() if k[:2] == (before, device) and not watch.left]:
        watch = world.watches.pop(key)
        if patient is not None:
            # What is lost is lost of the right patient.
            world.watches[patient, *key[1:]] = watch
    if None in (before, patient):
        forget_known(world, device)
    for key in [k for k in world.values if k[0] == device]:
        # What was measured before the binding is another's.
        world.values[key] = [one for one in world.values[key] if one[0] >= wrong.since]
    if before is None:
        # What was nobody's stays nobody's.
        return "done"
    mine = [source for source in world.sources.values() if source.device == device]
    theirs = [s for s in mine if any(
        c.patient == before and c.step >= wrong.step and c.measured is not None and c.measured >= wrong.since
        for c in s.log if isinstance(c, Copy))]
    _reattribute(world, device, wrong, before)
    for source in mine:
        source.change("forget", before)
        # What was told in error was not told; what was told of an earlier binding was.
        moved = {id(c) for c in source.log if isinstance(c, Copy) and c.inherited and c.patient != before}
        in_error = {(alarm.patient, alarm.rule, alarm.source) for alarm in told}
        source.retract(in_error)
        source.told = {one: level for one, level in source.told.items()
                       if one[0][0] != before or (one[1] not in moved and one[0] not in in_error)}
        if source in theirs and patient is not None:
            # What is known last is judged at once for the right patient. # contract §4
            source.change("inherit", patient, tuple(f"{i}_{side}" for i in world.rules.limits for side in SIDES))
    if patient is not None:
        world.events.inherit(told, patient)
        world.events.inherit_ends(device, before, patient, wrong.step)
    return "done"


# --- Limits -------------------------------------------------------------------------------------------


def _limits(world, command):
    """A refused signal costs only itself. # contract §0.18"""
    person = world.patients.get(command["patient"])
    if person is None or not person.here:
        return "not_found"
    by_signal, refused, kept = {}, 0, set()
    for one in command.get("limits") or []:
        named = world.rules.signal(one["signal"])
        if named is None or world.rules.limit_of(named[0]) is None:
            refused += 1
            kept.update(named[:1] if named else ())
            continue
        by_signal.setdefault(named[0], []).append(one)
    accepted, ends = {}, {}
    since = since_of(world, command)
    for signal, limits in by_signal.items():
        found = _own(world, signal, limits, command.get("reason"))
        until = found and _ends(world, signal, limits, found, since)
        if until is None:
            refused += 1
            kept.add(signal)
        else:
            accepted.update(found)
            ends.update(until)
    before, ended = person.own_at(since, world.number), person.ends_at(since, world.number)
    if refused and not accepted:
        # Nothing of what was asked can be put.
        return "invalid"
    # A signal whose limits are refused keeps those it has.
    accepted.update({key: own for key, own in before.items() if key[0] in kept})
    ends.update({key: end[0] for key, end in ended.items() if key[0] in kept})
    later = [one for one in person.limits if one[0] > since]
    same = before == accepted and {key: end[0] for key, end in ended.items()} == ends
    if same and not any(person._set_at(one[0], world.number)[0] is one[2] for one in later):
        return "invalid" if refused else "already_so"
    # Who repeats a limit does not put it anew.
    is_there = lambda key: before.get(key, "no") == accepted[key] and ended.get(key, (None,))[0] == ends[key]
    ends = {key: ended[key] if is_there(key) else (end, world.now) for key, end in ends.items()}
    expiring.put(world, person, since, accepted, ends)
    return "done"


def _ends(world, signal, limits, own, since):
    """{limit: its end} of one signal, or None if one of them is refused. # contract §4 One that ends"""
    ends = {}
    for one in limits:
        if one.get("until") is not None:
            key = signal, one["side"], "critical" if one.get("critical") else "warning"
            ends[key] = _time(world, one["until"])
    if any(end <= max(since, world.now) for end in ends.values()):
        return None
    rule, unit = world.rules.limit_of(signal), world.rules.signals[signal].unit
    left = lambda at: {key: one for key, one in own.items() if key not in ends or ends[key] > at}
    return ends if all(_in_order(rule, signal, unit, left(at)) for at in ends.values()) else None


def _own(world, signal, limits, reason):
    """Own limits of one signal, or None if they are refused."""
    rule, unit = world.rules.limit_of(signal), world.rules.signals[signal].unit
    found = {}
    for one in limits:
        level = "critical" if one.get("critical") else "warning"
        key = signal, one["side"], level
        if key in found or one["side"] not in SIDES:
            return None
        if one.get("value") is None:
            if not reason or (signal.startswith("glucose") and key[1:] == ("low", "critical")):
                return None
            found[key] = None
            continue
        if not units.same_quantity(one.get("unit"), unit):
            return None
        plausible = world.rules.signals[signal].plausible
        value = units.convert(float(one["value"]), one["unit"], unit)
        if plausible and not plausible[0] <= value <= plausible[1]:
            return None
        found[key] = float(one["value"]), one["unit"]
    return found if _in_order(rule, signal, unit, found) else None


def _in_order(rule, signal, unit, own):
    """critical low ≤ low < high ≤ critical high, with the shipped ones where none is given."""
    value = {}
    for side in SIDES:
        for level in ("warning", "critical"):
            key = signal, side, level
            amounts = (own[key],) if own.get(key) else () if key in own else rule.amounts(side, level)
            if amounts:
                value[side, level] = units.convert(*amounts[0], unit)
    get = value.get
    lows = [get(("low", "critical")), get(("low", "warning"))]
    highs = [get(("high", "warning")), get(("high", "critical"))]
    if None not in lows and lows[0] > lows[1]:
        return False
    if None not in highs and highs[0] > highs[1]:
        return False
    known_low, known_high = [v for v in lows if v is not None], [v for v in highs if v is not None]
    if known_low and known_high and max(known_low) >= min(known_high):
        return False
    if signal.startswith("glucose") and (signal, "low", "critical") in own:
        shipped = units.convert(*rule.amounts("low", "critical")[0], unit)
        return value["low", "critical"] >= shipped - 1e-9
    return True


# --- Alarms -------------------------------------------------------------------------------------------


def _alarm(world, command):
    before = world.alarms.find(command.get("patient"), command["rule"], command["source"])
    answer = world.alarms.act(command, world.now, _time(world, command.get("until")))
    if answer == "done" and before is not None and before.key not in world.alarms.open:
        _ended_by_person(world, before)
    return answer


def _pause(world, command):
    return pauses.begin(world, command)


def _end_pause(world, command):
    return pauses.end(world, command)


def _hand_over(world, command):
    return responsibility_acts.hand_over(world, command)


def _take_over(world, command):
    return responsibility_acts.take_over(world, command)


def _ended_by_person(world, alarm):
    """The same condition must begin anew before it is told again."""
    losses.forget(world, alarm)
    for source in world.sources.values():
        if alarm.rule == "link.lost_while_pending" and source.link == alarm.source:
            source.change("lost_told", alarm.patient)
        elif source.name == alarm.source and alarm.condition == "unknown":
            source.change("forget", alarm.patient, alarm.rule)
