"""A series: all copies of the readings of one (device, signal, instance), and what follows from them."""

from dataclasses import dataclass

from .limits import Course, Entry, crossed, shape
from .readings import Copy
from .rules import LEVELS, SIDES


CERTAIN, LATE = 4, 16


@dataclass(eq=False)
class Back:
    """A reading is taken back: withdrawn, or corrected. `retracted` are the alarms that stood on it, `judged` whether
    what takes its place is judged itself."""

    copy: Copy
    at: int
    step: int
    retracted: frozenset
    judged: bool
    bound: str | None

    @property
    def identity(self):
        return self.copy.identity


def differs(one, other):
    """Whether two copies say different values; a fraction is another than the per cent it may mean. # contract §0.11g"""
    said = lambda copy: (copy.value, copy.unit, copy.comparator, copy.unit_doubtful, copy.word)
    return said(one) != said(other)


def says_nothing(copy, standing):
    """Whether a correction is to the only value that there is."""
    return bool(standing) and not any(differs(c, copy) for c in standing)


def is_known(copy, standing, gone):
    """Whether a copy says nothing new of its identity. # contract §0.1-0.3"""
    if copy.anew:
        return False
    if copy.status == "corrected":
        return says_nothing(copy, standing)
    # Once one said `corrected`, no other value of it counts.
    corrected = any(c.status == "corrected" for c in standing)
    return corrected or any(not differs(c, copy) for c in standing + gone)


def apart(copies, gap):
    """Copies in the order of their times, parted where the next is further away than the gap."""
    found = []
    for copy in sorted(copies, key=lambda c: c.at):
        if not found or (gap is not None and copy.at - found[-1][-1].at > gap):
            found.append([])
        found[-1].append(copy)
    return found


class Source:
    """All copies of the readings of one (device, signal, instance), and the courses of their patients."""

    # From scratch after every change, also where going on comes to the same.
    scratch = False

    def __init__(self, world, device, signal, instance):
        self.world, self.device, self.signal, self.instance = world, device, signal, instance
        self.name = f"{device}/{instance}" if instance else device
        self.link = f"{device}/{signal}" + (f"/{instance}" if instance else "")
        self.log = []
        self.told, self.tellings, self.held, self.extents = {}, {}, set(), {}
        self.first_steps, self.in_error = {}, set()
        self.known_at, self._grave = {}, {}
        self.conflict_at = None
        self._courses = None
        self._folded, self._folded_steps, self._folded_in, self._folded_for = 0, 0, None, set()
        self._steps, self._standing, self._same, self._gone = [], {}, {}, {}
        self._heard, self._changed = 0, None
        self._copies, self._back = {}, {}
        self._looked, self._newest, self._whose = (0, 0), {}, set()

    def add(self, copy):
        self.log.append(copy)
        kept = self._back if isinstance(copy, Back) else self._copies
        kept.setdefault(copy.identity, []).append(copy)

    def change(self, what, patient, reason="limit_changed"):
        """Something about a patient (or everybody) changes at this place."""
        self.log.append((what, patient, self.world.now, self.world.number, reason))
        self._changed = self.world.now

    def steps(self):
        """The log as it is judged: changes, copies with whether they stand alone, and what was taken back. # contract §0.1-0.3"""
        self._read()
        return self._steps

    def standing(self):
        """The copies that were not taken back."""
        self._read()
        return list(self._standing)

    def standing_of(self, identity):
        """Those of one reading."""
        self._read()
        return list(self._same.get(identity, ()))

    def taken_back(self, identity):
        """All that came of a reading that was taken back; nothing of one that was not."""
        back = self._back.get(identity, ())
        return [one.copy for one in back] + (self._copies.get(identity, []) if back else [])

    def withdrawals(self, identity):
        """In which steps a reading was taken back."""
        return [one.step for one in self._back.get(identity, ())]

    def moved(self):
        """Copies belong to somebody else now."""
        self._courses = None
        self._looked, self._newest, self._whose = (0, 0), {}, set()

    def _read(self):
        """Goes on with the log where it was left; nothing in it changes."""
        for one in self.log[self._heard:]:
            self._read_one(one)
        self._heard = len(self.log)

    def _read_one(self, one):
        if isinstance(one, tuple):
            self._steps.append(one)
            return
        # What was nobody's uses nothing up. # contract §0.2
        same = [c for c in self._same.get(one.identity, []) if isinstance(one, Back) or c.patient is not None or c.fresh]
        if isinstance(one, Back):
            self._steps.append(one)
            self._gone.setdefault(one.identity, []).extend([*same, one.copy])
            for copy in self._same.pop(one.identity, ()):
                del self._standing[copy]
            return
        rivals = one.status == "corrected" and [c for c in same if c.status == "corrected" and c.step == one.step]
        if is_known(one, same, self._gone.get(one.identity, [])):
            return
        # Two values under one identity: both judged for danger, the newer one does not clear. # contract §0.1a
        sound = not rivals if one.status == "corrected" else not same
        self._same.setdefault(one.identity, []).append(one)
        self._standing[one] = None
        self._steps.append((one, sound))

    def copies(self, patient):
        return [c for c in self.standing() if c.patient == patient]

    def patients(self):
        self._look()
        return self._whose

    def courses(self):
        """{(patient, rule, side): course} of the whole log."""
        if self._courses is not None and self._folded == len(self.log):
            return self._courses
        steps = self.steps()
        about = self._manner(self.world.devices[self.device]), len(self.world.gaps.windows)
        if self._goes_on(about):
            begin = self._folded_steps
        else:
            begin, self._courses, self._folded_for = 0, {}, set()
        for patient in sorted(self.patients()):
            self._fold(patient, steps[begin if patient in self._folded_for else 0:])
            self._folded_for.add(patient)
        self._folded, self._folded_steps, self._folded_in = len(self.log), len(steps), about
        return self._courses

    def _goes_on(self, about):
        """Whether the courses so far are those from scratch: readings came, after all that changed, and nothing else."""
        if self.scratch or self._courses is None or self._folded_in != about:
            return False
        new = self.log[self._folded:]
        return all(isinstance(one, Copy) and (self._changed is None or one.arrival > self._changed) for one in new)

    def _fold(self, patient, steps):
        world = self.world
        person = world.patients.get(patient)
        device = world.devices[self.device]
        for one in steps:
            if isinstance(one, Back):
                self._feed_back(patient, person, one)
            elif isinstance(one[0], str):
                what, whom, at, step, reason = one
                if whom not in (None, patient):
                    continue
                if what == "confirmed":
                    self._confirmed(patient, person, at, reason)
                    continue
                self._feed_change(patient, person, device, Entry(at, at, change=what, reason=reason), one)
            elif one[0].patient == patient and one[0].live and one[0].value is not None:
                self._feed_copy(patient, person, device, *one)
            elif one[0].patient == patient and one[0].value is not None:
                self._feed_late(patient, person, one[0])

    def _feed_late(self, patient, person, copy):
        for (whom, rule, _), course in self._courses.items():
            if whom == patient:
                limits = self.world.limits_in_force(rule, person, copy.ruled_at, copy.step)
                course.late(copy.arrival, copy, limits)

    def _feed_back(self, patient, person, back):
        """A reading does not count any more; what stood on it is judged by what remains. # contract row 26, §0.3"""
        for (whom, rule, side), course in self._courses.items():
            if whom != patient:
                continue
            judging = next((one for one in self.world.rules_for(self.signal, person, back.step) if one.id == rule.id), None)
            limits = lambda at, rule=judging: (
                self.world.limits_in_force(rule, person, back.at, back.step) if rule else {})
            course.advance(back.at)
            if (patient, "link.lost_while_pending") in back.retracted:
                course.lost = None
            known = [c for c in self.log if isinstance(c, Copy) and c.identity == back.identity]
            theirs = any(c.patient == patient for c in known)
            if not theirs:
                continue
            retracted = (patient, f"{rule.id}_{side}") in back.retracted
            course.take_back(back, {c.at for c in known}, back.bound == patient, retracted, limits)

    def _course(self, patient, rule, side, device):
        key = patient, rule, side
        for known in self._courses:
            if known[0] == patient and known[1].id == rule.id and known[2] == side:
                course = self._courses.pop(known)
                self._courses[key] = course
                return course
        course = Course(side, self._shape(rule, device), self.world.gaps)
        self._courses[key] = course
        return course

    def _shape(self, rule, device):
        return shape(rule, *self._manner(device))

    def _manner(self, device):
        world = self.world
        cls = world.class_of(device)
        spot, interval = world.is_spot(device, self.signal), world.interval_of(device, self.signal)
        return spot, interval, bool(cls and cls.charted)

    def _plan(self, patient, person, device, copy):
        """The rules that judge a copy, with the limits in force then; these never change afterwards."""
        manner = self._manner(device)
        key = patient, *manner
        if key not in copy.plan:
            copy.plan[key] = [
                (rule, self.world.limits_in_force(rule, person, copy.ruled_at, copy.step), shape(rule, *manner))
                for rule in self.judging(copy, person)
            ]
        return copy.plan[key]

    def judging(self, copy, person):
        """The rules that judged a copy when it came."""
        return [rule for rule in self.world.rules_for(self.signal, person, copy.step)
                if not rule.adults_only or person.adult_at(copy.step) or self.world.has_own(person, self.signal, copy)]

    def _feed_copy(self, patient, person, device, copy, sound):
        plan = self._plan(patient, person, device, copy)
        sides = [(limits[side, level], side, rule.inclusive_critical and level == "critical" and side == "low")
                 for rule, limits, _ in plan for side in SIDES for level in LEVELS if limits.get((side, level))]
        answers = [crossed(copy, side, amounts, inclusive) for amounts, side, inclusive in sides]
        certain = copy.certain and sound and None not in answers
        # A series is heard of where it says how it stands to any of its limits.
        counts = True in answers or (certain and bool(answers) and not copy.corrects)
        copy.counts, copy.bound_only = counts, None in answers
        fed = {rule.id for rule, _, _ in plan}
        for (whom, rule, _), course in self._courses.items():
            if whom == patient and rule.id not in fed:
                course.hear(Entry(copy.arrival, copy.at, copy, copy.certain and sound and not copy.bound_only, counts))
        for rule, limits, how in plan:
            entry = Entry(copy.arrival, copy.at, copy, certain, counts, limits=limits, shape=how)
            for side in SIDES:
                if any((side, level) in limits for level in LEVELS) or self._known(patient, rule, side):
                    self._course(patient, rule, side, device).feed(entry)
        if certain and answers and not copy.corrects and not copy.inherited:
            # The signal is back.
            for (whom, _, _), course in self._courses.items():
                course.lost = None if whom == patient else course.lost

    def _known(self, patient, rule, side):
        return any(k[0] == patient and k[1].id == rule.id and k[2] == side for k in self._courses)

    def _confirmed(self, patient, person, at, copy):
        """What another series of the signal says. # contract §5 Over"""
        judging = self._plan(patient, person, self.world.devices[copy.device], copy)
        limits = {rule.id: limits for rule, limits, _ in judging}
        for (whom, rule, _), course in self._courses.items():
            if whom == patient and rule.id in limits:
                course.feed(Entry(at, at, copy, change="confirmed", limits=limits[rule.id]))

    def _feed_change(self, patient, person, device, entry, change):
        step = change[3]
        if entry.change.split()[0] not in ("judge", "rules", "more", "inherit"):
            for (whom, rule, side), course in self._courses.items():
                named = (rule.id, f"{rule.id}_{side}", "limit_changed", "link.lost_while_pending")
                if whom == patient and entry.reason in named:
                    course.feed(entry)
            return
        for (whom, _, _), course in self._courses.items():
            if whom == patient:
                course.advance(entry.at)
        rules = {rule.id: rule for rule in self.world.rules_for(self.signal, person, step)}
        told = self._told_sides(patient, entry.at) if entry.change.startswith("judge") else ()
        # Limits of a patient are the reason, or rules of these ids. # contract rows 22, 23
        if not entry.change.startswith("judge"):
            entry.of_signal = [
                (key, one, rule.inclusive_critical) for rule in rules.values()
                for key, one in self.world.limits_in_force(rule, person, entry.at, step).items()
                if not rule.adults_only or person.adult_at(step) or any(own[0] == self.signal for own in person.own_at(entry.at, step))]
        about = lambda rule, side: f"{rule.id}_{side}" in entry.reason or (
            entry.change == f"judge {side}" and (not rule.floor or self._uncovered(rule, side, person, entry, step)))
        for whom, rule, side in list(self._courses):
            if whom != patient or not about(rule, side):
                continue
            now = rules.get(rule.id)
            limits = self.world.limits_in_force(now, person, entry.at, step) if now else {}
            course = self._course(patient, now or rule, side, device)
            if entry.change == "inherit" and not course.sound:
                # What came before the rule judged is known as well.
                self._feed_known(course, now or rule, device, limits, change, patient, True)
            course.feed(Entry(entry.at, entry.at, change=entry.change, limits=limits, reason=entry.reason,
                              shape=self._shape(now, device) if now else None, told=side in told, of_signal=entry.of_signal))
        for rule in rules.values():
            limits = self.world.limits_in_force(rule, person, entry.at, step)
            for side in {s for s, _ in limits if about(rule, s)}:
                if not self._known(patient, rule, side):
                    entry.told = side in told
                    self._late_start(patient, rule, side, device, limits, entry, change)
        self._hear_together(patient)

    def _hear_together(self, patient):
        """What says where it stands to one limit of its signal is heard by all."""
        mine = [course for (whom, _, _), course in self._courses.items() if whom == patient]
        heard = max((course.newest_arrival for course in mine if course.newest_arrival is not None), default=None)
        for course in mine:
            if course.newest_arrival is not None:
                course.newest_arrival = heard

    def _uncovered(self, rule, side, person, entry, step):
        """Whether a floor judges now where other limits said the same before, or the other way round. # contract §4"""
        covers = lambda at, number: self.world.rules_at(step).covers(rule, side, person.own_at(at, number), person.adult_at(step))
        return covers(entry.at - 1, step - 1) != covers(entry.at, step)

    def _standing_at(self, change, patient):
        """The copies that counted when something changed, each with whether it stands alone."""
        found = {}
        for one in self.steps():
            if one is change:
                break
            if isinstance(one, Back):
                found = {copy: sound for copy, sound in found.items() if copy.identity != one.identity}
            elif one[0] == "pause" and one[1] == patient:
                # Nothing that came before is known of whoever it is bound to next.
                found = {}
            elif not isinstance(one[0], str):
                found[one[0]] = one[1]
        return found.items()

    def _late_start(self, patient, rule, side, device, limits, entry, change):
        """A limit that was not there before is judged from the newest readings. # contract §0.5"""
        course = self._course(patient, rule, side, device)
        self._feed_known(course, rule, device, limits, change, patient)
        # What came last is known, though nothing judged it by this limit.
        course.hear_by(Entry(entry.at, entry.at, limits=limits, of_signal=entry.of_signal))
        mine = [one.newest_arrival for (whom, _, _), one in self._courses.items() if whom == patient]
        course.newest_arrival = heard = max((one for one in mine if one is not None), default=None)
        course.unknown = course.shape.gap is not None and (heard is None or entry.at >= self.world.gaps.put_off(heard + course.shape.gap))
        course.feed(Entry(entry.at, entry.at, change=entry.change, limits=limits, reason=entry.reason, told=entry.told,
                          of_signal=entry.of_signal))

    def _feed_known(self, course, rule, device, limits, change, patient, certain_only=False):
        """The newest readings, judged by nothing."""
        for copy, sound in self._standing_at(change, patient):
            if copy.patient == patient and copy.live and copy.value is not None:
                answers = [crossed(copy, of, amounts, rule.inclusive_critical and level == "critical" and of == "low")
                           for (of, level), amounts in limits.items() if amounts]
                certain = copy.certain and sound and not copy.bound_only
                counts = copy.counts or (certain and None not in answers and not copy.corrects)
                if certain or not certain_only:
                    course.feed(Entry(copy.arrival, copy.at, copy, certain, counts, shape=self._shape(rule, device)))

    def _told_sides(self, patient, at):
        """The sides beyond which it is told to be now. # contract §4"""
        found = set()
        for (whom, _, side), course in self._courses.items():
            if whom == patient:
                course.advance(at)
                found |= {side} if course.level and not course.unknown else set()
        return found

    def note_known(self, key, late, patient, actionable):
        """Known beside a late reading are the last four that are certain and the last sixteen that came late. # contract §3"""
        copies = [c for c in self.copies(patient) if c.value is not None and c is not late]
        certain = []
        for one in self.steps():
            if isinstance(one, Back):
                # What is taken back leaves its place to what comes, not to what was before.
                certain = [c for c in certain if c.identity != one.identity]
            elif not isinstance(one[0], str) and self._is_certain(*one, patient) and one[0] is not late:
                certain = [*certain, one[0]][-CERTAIN:]
        lately = [c for c in copies if not c.live and c.sure and not c.timeless and late.arrival - c.at <= actionable][-LATE:]
        for copy in certain + lately:
            self.known_at[key, id(copy)] = late.step

    @staticmethod
    def _is_certain(copy, sound, patient):
        return copy.patient == patient and copy.value is not None and copy.live and copy.certain and sound and not copy.bound_only

    def parts(self, key, copy, one, other, level, beyond):
        """Whether it is known that a condition was over between two readings beyond. # contract §3"""
        first = min((one, other), key=lambda c: c.step)
        # What was known beside one value of an instant is known beside all that are beyond.
        of_instants = [c for c in beyond if c.identity in (one.identity, other.identity)]
        since = min(self.first_steps.get((key, id(c), level or "warning"), c.step) for c in (first, *of_instants))
        known = copy.step >= since or self.known_at.get((key, id(copy)), -1) >= since
        begin, end = self.extents.get((key, id(first)), (None, None))
        if begin is None:
            return known
        if level == "critical" and self.told.get((key, id(first))) != "critical":
            # Of what was told as less grave only what lay beside it is known for long.
            beside = (key, id(copy)) not in self.told and not begin < copy.at < end
            return known or beside
        # What was told as it happened stood, whatever lay inside meanwhile; what lay beside it is known.
        return not begin < copy.at < end

    def told_of(self, copy, same):
        """What was told of a reading was told of what corrects it."""
        ids = {id(one) for one in same}
        for (key, _), level in [one for one in self.told.items() if one[0][1] in ids]:
            self.told[key, id(copy)] = level

    def untell(self, key, identity):
        """What was told in error was not told, nor what was told with it as it happened."""
        run = [c for (patient, rule, side), course in self.courses().items()
               if (patient, f"{rule.id}_{side}") == key[:2] and course.level for c in course.run]
        ids = {id(c) for c in self._copies.get(identity, []) + run}
        self.told = {one: level for one, level in self.told.items() if one[0] != key or one[1] not in ids}
        # Nor did it stand: what came late beside it lies where it was measured.
        times = {c.at for c in self._copies.get(identity, []) + run}
        self.extents = {one: (begin, end) for one, (begin, end) in self.extents.items()
                        if one[0] != key or not any(begin <= at <= end for at in times)}

    def retract(self, keys):
        """What was told in error, with what came late within the gap of it: nothing that comes late makes it up again."""
        for (patient, rule, side), course in self.courses().items():
            key = next((key for key in keys if (patient, f"{rule.id}_{side}") == key[:2]), None)
            beyond = key and [c for c in self.copies(patient) if c.value is not None and self._is_beyond(c, rule, side)]
            for back in (False, True) if key else ():
                told = None
                for c in sorted(beyond, key=lambda c: c.at, reverse=back):
                    near = told is not None and not c.live and course.shape.gap is not None and abs(c.at - told) <= course.shape.gap
                    if (key, id(c)) in self.told or near:
                        told = c.at
                        self.in_error.add((key, id(c)))

    def _is_beyond(self, copy, rule, side):
        limits = self.world.limits_in_force(rule, self.world.patients[copy.patient], copy.ruled_at, copy.step)
        inclusive = lambda level: rule.inclusive_critical and level == "critical" and side == "low"
        amounts = ((level, limits.get((side, level))) for level in LEVELS)
        return any(one and crossed(copy, side, one, inclusive(level)) for level, one in amounts)

    def tell(self, key, course):
        """Readings of a told excursion are told of once; as critical those from the first to the last that are. # contract §0.12"""
        self.held.update((key, id(copy)) for copy in course.held)
        for run in apart(course.run, course.shape.gap):
            self.extents.update({(key, id(copy)): (run[0].at, run[-1].at) for copy in run})
            grave = [copy.at for copy in run if course.level == "critical" and self._is_critical(key, copy)]
            for copy in run:
                known = self.told.get((key, id(copy)))
                is_grave = known == "critical" or (grave and min(grave) <= copy.at <= max(grave))
                self.told[key, id(copy)] = "critical" if is_grave else "warning"

    def _is_critical(self, key, copy):
        """Beyond its critical limit, or told by limits that came after it."""
        one = key, id(copy)
        if one not in self._grave:
            person = self.world.patients[copy.patient]
            rules = [(rule, side) for rule in self.world.rules_for(self.signal, person, copy.step) for side in SIDES]
            self._grave[one] = any(
                crossed(copy, side, amounts, rule.inclusive_critical and side == "low") for rule, side in rules if key[1] == f"{rule.id}_{side}"
                for amounts in [self.world.limits_in_force(rule, person, copy.ruled_at, copy.step).get((side, "critical"))] if amounts)
        return one in self.held or self._grave[one]

    def newest(self):
        """When the newest that was judged of it was measured, for whomever, and whether it still counts or not."""
        self._look()
        return max(self._newest.values(), default=None)

    def _look(self):
        """Goes on with whose copies there are, and {patient: the newest that was judged}, where it was left."""
        steps = self.steps()
        for one in self.log[self._looked[0]:]:
            if isinstance(one, Copy) and one.patient is not None:
                self._whose.add(one.patient)
        for one in steps[self._looked[1]:]:
            if isinstance(one, Back) or isinstance(one[0], str):
                continue
            copy, sound = one
            if copy.came_live and copy.timed and sound:
                self._newest[copy.patient] = max(copy.at, self._newest.get(copy.patient, copy.at))
        self._looked = len(self.log), len(steps)
