"""A message from its bytes to what it changes."""

from . import floors, readings
from .clocks import Clock, Heard
from .limits import Course, Entry, clearly_inside, crossed, shape
from .messages import Counter
from .names import RETENTION, SUSPECT_HELD
from .readings import Refused
from .rules import LEVELS, SIDES, lower
from .when import DAY, HOUR, MINUTE, US, Y2000

LOST_WITHIN = 60 * US


class Source:
    """All copies of the readings of one (device, signal, instance), and the courses of their patients."""

    def __init__(self, world, device, signal, instance):
        self.world, self.device, self.signal, self.instance = world, device, signal, instance
        self.name = f"{device}/{instance}" if instance else device
        self.link = f"{device}/{signal}" + (f"/{instance}" if instance else "")
        self.log = []
        self.told = set()
        self.reason = None
        self._courses = None

    def add(self, copy):
        self.log.append(copy)
        self._courses = None

    def change(self, what, patient, reason="limit_changed"):
        """Something about a patient (or everybody) changes at this place."""
        self.log.append((what, patient, self.world.now, self.world.number, reason))
        self._courses = None

    def kept(self):
        """The log by identity: what was withdrawn or corrected is gone. # contract §0.1-0.3"""
        kept, withdrawn = [], set()
        for one in self.log:
            if isinstance(one, tuple):
                kept.append((one, True))
                continue
            same = [i for i, (k, _) in enumerate(kept) if not isinstance(k, tuple) and k.identity == one.identity]
            if one.status == "entered-in-error":
                kept = [k for i, k in enumerate(kept) if i not in same]
                withdrawn.add(one.identity)
            elif one.status == "corrected":
                withdrawn.discard(one.identity)
                self._correct(kept, same, one)
            elif one.identity in withdrawn:
                continue
            elif not same:
                kept.append((one, True))
            elif all(self._differs(kept[i][0], one) for i in same):
                # Two values under one identity: both judged for danger, neither clears. # contract §0.1a
                for i in same:
                    kept[i] = kept[i][0], False
                kept.append((one, False))
        return kept

    def _correct(self, kept, same, one):
        if same:
            kept[same[0]] = (one, True)
            for i in reversed(same[1:]):
                del kept[i]
        else:
            kept.append((one, True))

    @staticmethod
    def _differs(one, other):
        return (one.value, one.unit, one.comparator) != (other.value, other.unit, other.comparator)

    def copies(self, patient):
        return [k for k, _ in self.kept() if not isinstance(k, tuple) and k.patient == patient]

    def patients(self):
        return {c.patient for c in self.log if not isinstance(c, tuple) and c.patient is not None}

    def courses(self):
        """{(patient, rule, side): course}, from scratch after every change."""
        if self._courses is None:
            self._courses = {}
            kept = self.kept()
            for patient in sorted(self.patients()):
                self._fold(patient, kept)
        return self._courses

    def _fold(self, patient, kept):
        world = self.world
        person = world.patients.get(patient)
        device = world.devices[self.device]
        for one, sound in kept:
            if isinstance(one, tuple):
                what, whom, at, step, reason = one
                if whom not in (None, patient):
                    continue
                self._feed_change(patient, person, device, Entry(at, at, change=what, reason=reason), step)
            elif one.patient == patient and one.live and one.value is not None:
                self._feed_copy(patient, person, device, one, sound)

    def _course(self, patient, rule, side, device):
        key = patient, rule, side
        for known in self._courses:
            if known[0] == patient and known[1].id == rule.id and known[2] == side:
                course = self._courses.pop(known)
                self._courses[key] = course
                return course
        course = Course(side, self._shape(rule, device), self.world.gaps.put_off)
        self._courses[key] = course
        return course

    def _shape(self, rule, device):
        world = self.world
        return shape(rule, world.is_spot(device, self.signal), world.interval_of(device, self.signal))

    def _feed_copy(self, patient, person, device, copy, sound):
        for rule in self.world.rules_for(self.signal, person, copy.step):
            limits = self.world.limits_in_force(rule, person, copy.measured, copy.step)
            for side in SIDES:
                if not any((side, level) in limits for level in LEVELS):
                    if not any(k[1].id == rule.id and k[2] == side and k[0] == patient for k in self._courses):
                        continue
                entry = Entry(copy.arrival, copy.measured, copy, copy.certain and sound, limits=limits,
                              shape=self._shape(rule, device))
                self._course(patient, rule, side, device).feed(entry)

    def _feed_change(self, patient, person, device, entry, step):
        if entry.change != "judge":
            for (whom, rule, side), course in self._courses.items():
                named = (rule.id, f"{rule.id}_{side}", "limit_changed", "link.lost_while_pending")
                if whom == patient and entry.reason in named:
                    course.feed(entry)
            return
        rules = {rule.id: rule for rule in self.world.rules_for(self.signal, person, step)}
        for whom, rule, side in list(self._courses):
            if whom != patient:
                continue
            now = rules.get(rule.id)
            limits = self.world.limits_in_force(now, person, entry.at, step) if now else {}
            course = self._course(patient, now or rule, side, device)
            course.feed(Entry(entry.at, entry.at, change="judge", limits=limits, reason=entry.reason,
                              shape=self._shape(now, device) if now else None))
        for rule in rules.values():
            limits = self.world.limits_in_force(rule, person, entry.at, step)
            for side in {s for s, _ in limits}:
                if not any(k[1].id == rule.id and k[2] == side and k[0] == patient for k in self._courses):
                    self._late_start(patient, rule, side, device, limits, entry)

    def _late_start(self, patient, rule, side, device, limits, entry):
        """A limit that was not there before is judged from the newest readings. # contract §0.5"""
        course = self._course(patient, rule, side, device)
        for copy, sound in self.kept():
            if not isinstance(copy, tuple) and copy.patient == patient and copy.live and copy.arrival <= entry.at:
                course.feed(Entry(copy.arrival, copy.measured, copy, copy.certain and sound,
                                  shape=self._shape(rule, device)))
        course.feed(Entry(entry.at, entry.at, change="judge", limits=limits, reason=entry.reason))

    def tell(self, key, course):
        """Readings of a told excursion are told of once. # contract §0.12"""
        self.told.update((key, id(copy)) for copy in course.run)

    def newest(self, patient):
        found = [c.measured for c, _ in self.kept() if not isinstance(c, tuple) and c.live and c.patient == patient]
        return max(found, default=None)


# --- Messages -----------------------------------------------------------------------------------------


def message(world, raw):
    """One message as it arrived."""
    device = world.devices.get(raw["device"])
    principal = raw["principal"]
    if device is None or (principal != device.id and principal not in device.via):
        return refused(world, principal)
    body = raw["body"]
    try:
        head = readings.header(body)
    except Refused:
        return None
    if head.mode == "probe":
        return None
    entries = body.get(raw["kind"] if raw["kind"] == "events" else "readings") or []
    entries = [one for one in entries if isinstance(one, dict)]
    newest = readings.newest_time(head, entries)
    counter = world.counters.setdefault((device.id, raw["kind"]), Counter())
    word = counter.take(head.boot, head.seq, readings.digest(body), newest)
    if word == "redelivered":
        return None
    bound = world.bindings_of(device.id).patient_now()
    if word == "boot_reset":
        note(world, bound, "link.boot_reset", device.id)
    if head.mode != "real" and bound is not None:
        world.alarms.hold(bound, "link.test_mode", device.id, "medium", world.now, kind="technical")
    could_live = not (raw.get("retain") or raw.get("dup") or raw.get("backlog")) and word != "old"
    heard = hear(world, device, principal, head, newest, could_live)
    if heard.stepped_from is not None:
        note(world, bound, "clock.stepped", device.id)
    taken = Taken(world, device, head, heard, could_live, raw.get("retain", False) or word == "old")
    if raw["kind"] == "telemetry":
        telemetry(world, device, head, entries, taken)
    elif raw["kind"] == "events":
        world.events.message(device, head, entries, taken)
    elif raw["kind"] == "info":
        info(world, device, head, body, word)
    return None


def note(world, patient, rule, source):
    """A technical finding that nothing ends: told once, held for a day, to be reset with a reason."""
    if (patient, rule, source) not in world.alarms.open:
        world.alarms.raise_(patient, rule, source, "low", world.now, kind="technical", condition="momentary",
                            resettable=True)


def refused(world, principal):
    """# contract §0.11d"""
    note(world, None, "link.refused", principal)


def info(world, device, head, body, word):
    """Expectations of mode test or of an earlier boot change nothing. # contract §0.9, §0.11e"""
    if head.mode != "real" or word == "old" or body.get("signals") is None:
        return
    told = {}
    for one in body["signals"]:
        named = world.rules.signal(one.get("signal", "")) if isinstance(one, dict) else None
        if named:
            every = one.get("interval_s")
            told[named[0]] = round(every * US) if every else None
    device.told = told


def hear(world, device, principal, head, newest, could_live):
    """The offset to add to stamps of this message, by hop. # contract §0.8, §3"""
    relay = head.relay
    if relay is None:
        trusted = head.source in ("network", "ntp")
        clock = world.clocks.setdefault((principal, device.id), Clock())
        if not could_live:
            return Heard(0 if trusted else clock.offset or 0, trusted or clock.offset is not None)
        return clock.hear(world.now, newest, trusted)
    clock = world.clocks.setdefault(("relay", relay["id"]), Clock())
    sent = relay["sent_at"] or relay["received_at"]
    if could_live:
        heard = clock.hear(world.now, sent, False)
    else:
        heard = Heard(clock.offset or 0, clock.offset is not None)
    if relay["device_clock"] is None:
        return heard
    reference = relay["received_at"] or relay["sent_at"]
    if reference is None:
        return Heard(world.now - relay["device_clock"], False)
    first = reference - relay["device_clock"]
    stepped = None if heard.stepped_from is None else heard.stepped_from + first
    return Heard(heard.offset + first, heard.certain, heard.queue, heard.stopped, stepped)


class Taken:
    """How the times of one message are taken."""

    def __init__(self, world, device, head, heard, could_live, past):
        self.world, self.device, self.head, self.heard = world, device, head, heard
        self.could_live, self.past = could_live, past
        self.suspect = False
        timeline = head.timeline
        self.old_timeline = timeline is not None and device.timeline is not None and timeline < device.timeline
        if timeline is not None and not self.old_timeline:
            device.timeline = timeline

    def place(self, stamp, age=None):
        """(measured, certain, ambiguous) of one stamp. # contract §3, §0.11aa, §0.11b, §0.21"""
        now, heard = self.world.now, self.heard
        if stamp is None:
            return (now - (age or 0), True, False) if self.could_live else (None, False, False)
        at = stamp + heard.offset
        cls = self.device.cls
        if cls == "charted" and now < at <= now + 2 * HOUR:
            return now, not self.past, False
        first = self.device.registered - DAY
        impossible = at > now + 5 * MINUTE or at < Y2000 or self.old_timeline or heard.stopped
        too_early = (at < first or at < now - RETENTION) and self.could_live and not heard.queue
        if impossible or too_early:
            if self.could_live:
                self.suspect = True
                return now, False, False
            return (None, False, False) if at > now else (at, False, False)
        at = min(at, now)
        if heard.stepped_from is not None and abs(now - stamp) > 30 * US:
            return at, False, self._other_patient(stamp + heard.stepped_from, at)
        return at, heard.certain and not heard.queue and not self.past, False

    def _other_patient(self, before, after):
        held = self.world.bindings_of(self.device.id)
        return held.at(before)[0] != held.at(after)[0]


def telemetry(world, device, head, entries, taken):
    """Readings in the order of their measured times. # contract §0.6"""
    copies = []
    for index, raw in enumerate(entries):
        try:
            copy, age = readings.reading(raw, head, device.id, world.rules, index)
        except Refused as why:
            named = world.rules.signal(raw.get("signal", "")) if isinstance(raw.get("signal"), str) else None
            if named:
                world.not_judged[device.id, named[0]] = f"rejected: {why}"
            continue
        copy.arrival, copy.step = world.now, world.number
        copy.measured, copy.certain, copy.ambiguous_time = taken.place(copy.stamp, age)
        if copy.unit_doubtful:
            copy.certain = False
        copies.append(copy)
    in_conflict(world, copies)
    ordered = sorted(copies, key=lambda c: (c.measured is not None, c.measured or 0))
    for place, copy in enumerate(ordered):
        take(world, device, copy, taken)
        if place + 1 == len(ordered) or ordered[place + 1].identity != copy.identity:
            world.settle_courses()
    suspect(world, device, taken)


def in_conflict(world, copies):
    """Two values under one identity in one message: neither refreshes. # contract §0.1a"""
    measured = [c for c in copies if c.value is not None and c.status in ("final", "preliminary") and fit(world, c)]
    for copy in measured:
        if any(c.identity == copy.identity and Source._differs(c, copy) for c in measured):
            copy.certain = False


def suspect(world, device, taken):
    """# contract §3, issue: one good and one absurd stamp in turn"""
    patient = world.bindings_of(device.id).patient_now()
    key = patient, "clock.suspect", device.id
    if taken.suspect:
        world.suspects[device.id] = world.now
        if patient is not None:
            world.alarms.hold(*key, "medium", world.now, kind="technical", resettable=True)
    elif taken.heard.certain and key in world.alarms.open:
        if world.now - world.suspects.get(device.id, 0) >= SUSPECT_HELD:
            world.alarms.over(key, world.now)


def take(world, device, copy, taken):
    """One copy: whose it is, and whether it can be judged."""
    held = world.bindings_of(device.id)
    if copy.status == "entered-in-error":
        if copy.mode == "real":
            withdraw(world, device, copy)
        return
    if copy.measured is None:
        copy.patient = held.patient_now()
    else:
        copy.patient, ambiguous = held.at(copy.measured)
        if ambiguous or copy.ambiguous_time:
            copy.patient = None
            note(world, None, "link.unattributed", device.id)
            return
    source = world.source(device.id, copy.signal, copy.instance)
    if copy.patient is None or not world.patients[copy.patient].here:
        if fit(world, copy):
            source.add(copy)
        return
    if not fit(world, copy):
        return unfit(world, device, copy)
    if "implausible" in copy.flags:
        return implausible(world, device, copy, source)
    if copy.value == 0 and held.now and copy.signal in held.now.zero:
        return zero(world, device, copy)
    judge(world, device, copy, source, taken)


def fit(world, copy):
    """A copy fit to be judged. # contract §0.2"""
    if copy.absent or copy.mode != "real":
        return False
    return copy.quality is None or copy.quality >= world.rules.quality_min


def unfit(world, device, copy):
    why = "quality" if copy.mode == "real" and not copy.absent else "absent" if copy.absent else "test mode"
    world.not_judged[device.id, copy.signal] = why


def withdraw(world, device, copy):
    """Only the same reading, its instance included. # contract §0.3"""
    source = world.source(device.id, copy.signal, copy.instance)
    source.courses()
    source.reason = "retracted"
    source.add(copy)
    world.settle_courses()
    retract(world, source, copy)
    source.reason = None


def retract(world, source, withdrawn):
    """What was raised by nothing but this reading is retracted. # contract row 26"""
    held = {(patient, rule.id if rule.id in floors.NAMES else f"{rule.id}_{side}")
            for (patient, rule, side), course in source.courses().items() if course.level}
    for alarm in list(world.alarms.open.values()):
        causes = {i for key, i in source.told if key == alarm.key}
        gone = [c for c in source.log if not isinstance(c, tuple) and id(c) in causes]
        if not gone or (alarm.patient, alarm.rule) in held:
            continue
        if alarm.condition in ("present", "unknown") or all(c.identity == withdrawn.identity for c in gone):
            world.alarms.close(alarm, "retracted")


def age_of(world, copy):
    """Windows in which nobody listened are not age. # contract §3"""
    return world.now - copy.measured - world.gaps.overlap(copy.measured, world.now)


def is_live(world, device, copy, taken):
    """Not older than its window, nor than the newest judged of its series. # contract §3"""
    if copy.measured is None or taken.past:
        return False
    if world.bindings_of(device.id).patient_now() != copy.patient:
        return False
    if age_of(world, copy) > world.live_window(device, copy.signal):
        return False
    newest = world.source(device.id, copy.signal, copy.instance).newest(copy.patient)
    return newest is None or copy.measured >= newest


def inside_all(world, copy, person):
    """Whether a value is certainly inside all limits of its signal."""
    for rule in world.rules_for(copy.signal, person, copy.step):
        limits = world.limits_in_force(rule, person, copy.measured, copy.step)
        for (side, level), amounts in limits.items():
            if amounts and crossed(copy, side, amounts, rule.inclusive_critical and level == "critical" and side == "low") is not False:
                return False
    return True


def critical_priority(world, signal):
    """The priority of the signal's critical rule, or None."""
    rule = world.rules.limit_of(signal)
    found = [rule.priority(side, "critical") for side in SIDES if rule.amounts(side, "critical")] if rule else []
    return max(found, key=["info", "low", "medium", "high"].index, default=None)


def implausible(world, device, copy, source):
    """# contract §2"""
    world.not_judged[device.id, copy.signal] = "implausible"
    person = world.patients[copy.patient]
    before = [c for c in source.copies(copy.patient) if c.live and c.certain and c.value is not None]
    critical = critical_priority(world, copy.signal)
    inside = bool(before) and inside_all(world, before[-1], person)
    priority = critical if critical and inside else "medium"
    if world.bindings_of(device.id).patient_now() == copy.patient:
        world.alarms.hold(copy.patient, "link.implausible", source.link, priority, world.now, kind="technical", once=True)


def zero(world, device, copy):
    """A 0 that means no sensor. # contract §2, §0.15"""
    world.not_judged[device.id, copy.signal] = "zero or off"
    key = copy.patient, device.id, copy.signal
    if key in world.watches:
        world.watches[key].off()
    last = world.judged.get((device.id, copy.signal))
    if key in world.zeroed or last is None or world.now - last > LOST_WITHIN:
        return
    if not is_live(world, device, copy, _Now()):
        return
    world.zeroed.add(key)
    source = world.source(device.id, copy.signal, copy.instance)
    priority = critical_priority(world, copy.signal) or "medium"
    world.alarms.hold(copy.patient, "link.zero_or_off", source.link, priority, world.now, kind="technical", once=True)


class _Now:
    past = False


def judge(world, device, copy, source, taken):
    """A number, code or text of a patient."""
    person = world.patients[copy.patient]
    copy.live = is_live(world, device, copy, taken)
    if copy.status == "corrected":
        return correct(world, device, copy, source)
    known = [c for c in source.copies(copy.patient) if c.identity == copy.identity]
    duplicate = any(not Source._differs(c, copy) for c in known)
    source.add(copy)
    if duplicate or copy.status == "entered-in-error":
        return
    refuse_age(world, person, copy)
    if not copy.live:
        world.not_judged.setdefault((device.id, copy.signal), "late")
        if copy.value is not None:
            late(world, device, copy, source, person)
        return
    if copy.certain and not known and certain_answer(world, copy, person):
        alive(world, device, copy, source)


def correct(world, device, copy, source):
    """The corrected value takes the place of the others under its identity. # contract §0.1"""
    place = [c for c in source.log if not isinstance(c, tuple) and c.identity == copy.identity and c.live]
    if place:
        copy.live = True
    source.courses()
    source.reason = "retracted"
    source.add(copy)
    world.settle_courses()
    retract(world, source, copy)
    source.reason = None
    if not copy.live and copy.value is not None:
        late(world, device, copy, source, world.patients[copy.patient])
    elif not place and copy.certain and certain_answer(world, copy, world.patients[copy.patient]):
        alive(world, device, copy, source)


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
        for (side, level), amounts in world.limits_in_force(rule, person, copy.measured, copy.step).items():
            inclusive = rule.inclusive_critical and level == "critical" and side == "low"
            answers.append(crossed(copy, side, amounts, inclusive) if amounts else False)
    return bool(answers) and None not in answers


def alive(world, device, copy, source):
    """A sign of life: judged, live, certain."""
    key = device.id, copy.signal
    world.judged[key] = world.now
    world.not_judged.pop(key, None)
    if copy.value is not None:
        world.values.setdefault(key, []).append((copy.measured, copy.value if copy.unit != "mmol/L" else copy.value * 18.0182))
    world.zeroed.discard((copy.patient, device.id, copy.signal))
    for rule in ("link.zero_or_off", "link.implausible"):
        world.alarms.over((copy.patient, rule, source.link), world.now)
    world.alarms.over((copy.patient, "link.test_mode", device.id), world.now)
    for signal, watch in world.watches_of(device, copy.patient):
        if signal == copy.signal:
            watch.value(world.now)
        else:
            watch.other(world.now)
    replace(world, device, copy)


def replace(world, device, copy):
    """Only another device closes what lost its source. # contract row 24, §0.16"""
    for alarm in list(world.alarms.open.values()):
        if alarm.patient != copy.patient or alarm.device in (None, device.id) or alarm.kind != "physiological":
            continue
        if alarm.condition != "unknown" or world.bindings_of(alarm.device).patient_now() == alarm.patient:
            continue
        signal = next((r.signal for r in world.rules.limits.values() if alarm.rule.startswith(r.id + "_")), None)
        if signal == copy.signal:
            for other in world.sources.values():
                if other.name == alarm.source and other.signal == signal:
                    other.change("forget", alarm.patient, alarm.rule)
            world.alarms.close(alarm, "source_replaced")


# --- Late ---------------------------------------------------------------------------------------------


def late(world, device, copy, source, person):
    """A late crossing that lasts for the rule's delay. # contract §3, §0.12, §0.6"""
    for rule in world.rules_for(copy.signal, person, copy.step):
        measured = copy.measured if copy.measured is not None else copy.arrival
        limits = world.limits_in_force(rule, person, measured, copy.step)
        for side in SIDES:
            late_side(world, device, copy, source, person, rule, side, limits)


def late_side(world, device, copy, source, person, rule, side, limits):
    inclusive = rule.inclusive_critical and side == "low"
    beyond = lambda c, level: bool(limits.get((side, level))) and crossed(c, side, limits[side, level], inclusive and level == "critical")
    if not any(beyond(copy, level) for level in LEVELS):
        return
    if copy.measured is not None and age_of(world, copy) > rule.actionable:
        return
    shape = source._shape(rule, device)
    level, run = excursion(copy, source, person, shape, beyond)
    if level is None:
        return
    name = rule.id if rule.id in floors.NAMES else f"{rule.id}_{side}"
    key = person.id, name, source.name
    told = any((key, id(c)) in source.told for c in run)
    source.told.update((key, id(c)) for c in run)
    if told:
        return
    priority = rule.priority(side, level)
    if rule.response(level) in ("immediate", "prompt"):
        priority = lower(priority)
    if level == "warning":
        priority = min(priority, world.shown_only(source, rule, side, level, person.id, priority),
                       key=["info", "low", "medium", "high"].index)
    alarm = world.alarms.open.get(key)
    if alarm is not None and alarm.condition in ("present", "unknown"):
        return
    world.alarms.momentary(*key, priority, world.now, late=True, device=device.id)


def excursion(copy, source, person, shape, beyond):
    """(level, copies) of the run of crossings around a copy, in the order of measured times."""
    if copy.measured is None:
        return ("critical" if beyond(copy, "critical") else "warning"), [copy]
    found = [c for c in source.copies(person.id) if c.measured is not None and c.value is not None]
    found.sort(key=lambda c: c.measured)
    place = next((i for i, c in enumerate(found) if c is copy), None)
    if place is None:
        return None, []
    near = lambda a, b: shape.gap is None or b.measured - a.measured <= shape.gap

    def run(test):
        first = last = place
        while first > 0 and test(found[first - 1]) and near(found[first - 1], found[first]):
            first -= 1
        while last + 1 < len(found) and test(found[last + 1]) and near(found[last], found[last + 1]):
            last += 1
        return found[first:last + 1]

    delays = dict(shape.delays)
    whole = run(lambda c: any(beyond(c, level) for level in LEVELS))
    for level in LEVELS:
        if not beyond(copy, level):
            continue
        part = run(lambda c, level=level: beyond(c, level))
        if part[-1].measured - part[0].measured >= delays[level]:
            return level, whole
    return None, []
