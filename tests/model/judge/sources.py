"""A series: all copies of the readings of one (device, signal, instance), and what follows from them."""

from .limits import Course, Entry, shape
from .rules import LEVELS, SIDES


def differs(one, other):
    """Whether two copies say different values."""
    return (one.value, one.unit, one.comparator) != (other.value, other.unit, other.comparator)


class Source:
    """All copies of the readings of one (device, signal, instance), and the courses of their patients."""

    def __init__(self, world, device, signal, instance):
        self.world, self.device, self.signal, self.instance = world, device, signal, instance
        self.name = f"{device}/{instance}" if instance else device
        self.link = f"{device}/{signal}" + (f"/{instance}" if instance else "")
        self.log = []
        self.told = {}
        self.reason = None
        self.conflict_at = None
        self._courses = None
        self._kept = None

    def add(self, copy):
        self.log.append(copy)
        self._courses = self._kept = None

    def change(self, what, patient, reason="limit_changed"):
        """Something about a patient (or everybody) changes at this place."""
        self.log.append((what, patient, self.world.now, self.world.number, reason))
        self._courses = self._kept = None

    def kept(self):
        """The log by identity: what was withdrawn or corrected is gone. # contract §0.1-0.3"""
        if self._kept is None:
            self._kept = [one for one in self._by_identity() if one is not None]
        return self._kept

    def moved(self):
        """Copies belong to somebody else now."""
        self._courses = None

    def _by_identity(self):
        kept, withdrawn, corrected, places = [], set(), set(), {}
        for one in self.log:
            if isinstance(one, tuple):
                kept.append((one, True))
                continue
            same = [i for i in places.get(one.identity, ()) if kept[i] is not None]
            if one.status == "entered-in-error":
                for i in same:
                    kept[i] = None
                withdrawn.add(one.identity)
                continue
            if one.status == "corrected":
                withdrawn.discard(one.identity)
                corrected.add(one.identity)
                rivals = [i for i in same if kept[i][0].status == "corrected" and kept[i][0].step == one.step]
                if rivals and any(not differs(kept[i][0], one) for i in rivals):
                    continue
                if rivals:
                    # Two corrections in one message: neither can be preferred, so neither clears.
                    for i in rivals:
                        kept[i] = kept[i][0], False
                elif same:
                    self._correct(kept, same, one, places)
                    continue
            elif one.identity in withdrawn | corrected or any(not differs(kept[i][0], one) for i in same):
                continue
            else:
                # Two values under one identity: both judged for danger, neither clears. # contract §0.1a
                for i in same:
                    kept[i] = kept[i][0], False
            places.setdefault(one.identity, []).append(len(kept))
            kept.append((one, not same))
        return kept

    def _correct(self, kept, same, one, places):
        kept[same[0]] = one, True
        places[one.identity] = same[:1]
        for i in same[1:]:
            kept[i] = None

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
                (rule, self.world.limits_in_force(rule, person, copy.measured, copy.step), shape(rule, *manner))
                for rule in self.world.rules_for(self.signal, person, copy.step)
            ]
        return copy.plan[key]

    def _feed_copy(self, patient, person, device, copy, sound):
        for rule, limits, how in self._plan(patient, person, device, copy):
            entry = Entry(copy.arrival, copy.measured, copy, copy.certain and sound, limits=limits, shape=how)
            for side in SIDES:
                if any((side, level) in limits for level in LEVELS) or self._known(patient, rule, side):
                    self._course(patient, rule, side, device).feed(entry)

    def _known(self, patient, rule, side):
        return any(k[0] == patient and k[1].id == rule.id and k[2] == side for k in self._courses)

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
                if not self._known(patient, rule, side):
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
        self.told.update({(key, id(copy)): course.level for copy in course.run})

    def newest(self, patient):
        found = [
            c.measured for c, sound in self.kept()
            if not isinstance(c, tuple) and c.live and c.certain and sound and c.patient == patient
        ]
        return max(found, default=None)
