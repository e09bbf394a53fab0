"""Points of several signals of one patient, added up, and the alarm of their band. # contract §5 Scores"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, inf

from .rules import ORDER

SOURCE = "score"
BANDS = ("single", "medium", "high")
# What is known of a series: the newest, and the three before it. # contract §2 Same reading
KNOWN = 4
# In the order of the clause: of two that were measured at once that of the signal named first. # Scores, Inputs
INPUTS = {
    "respiration": ("respiratory_rate",),
    "oxygen_saturation": ("spo2",),
    "oxygen": ("supplemental_oxygen",),
    "systolic": ("nibp_sys", "abp_sys"),
    "pulse": ("heart_rate", "pulse_rate"),
    "consciousness": ("consciousness",),
    "temperature": ("temperature",),
}
SIGNALS = {signal: name for name, signals in INPUTS.items() for signal in signals}
# Up to and with how much, and the points; of temperature tenths of a degree. # Scores, Points; clinical §5.1
TABLE = {
    "respiration": ((8, 3), (11, 1), (20, 0), (24, 2), (inf, 3)),
    "systolic": ((90, 3), (100, 2), (110, 1), (219, 0), (inf, 3)),
    "pulse": ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (inf, 3)),
    "temperature": ((350, 3), (360, 1), (380, 0), (390, 1), (inf, 2)),
}
SCALE_1 = ((91, 3), (93, 2), (95, 1), (inf, 0))
SCALE_2 = ((83, 3), (85, 2), (87, 1), (inf, 0))
SCALE_2_WITH_OXYGEN = ((83, 3), (85, 2), (87, 1), (92, 0), (94, 1), (96, 2), (inf, 3))
# Any other word is none. # Scores, Inputs
WORDS = {
    "oxygen": {"air": 0, "oxygen": 2},
    "consciousness": {"A": 0, "C": 3, "V": 3, "P": 3, "U": 3},
}
MM_HG = Fraction("0.133322387415")


# --- Points -------------------------------------------------------------------------------------------


def in_units_of_the_table(copy):
    """The number as it was written, exactly. # Scores, Points"""
    value = Fraction(repr(copy.value))
    if copy.unit == "[degF]":
        return (value - 32) * 5 / 9
    if copy.unit == "K":
        return value - Fraction("273.15")
    return value / MM_HG if copy.unit == "kPa" else value


def steps_of(copy):
    """(least, greatest) of what it may be, rounded half up: to a tenth of a degree, else to a whole number. # Scores, Points"""
    scaled = in_units_of_the_table(copy) * (10 if copy.signal == "temperature" else 1) + Fraction(1, 2)
    if copy.comparator == "<":
        return -inf, ceil(scaled) - 1
    if copy.comparator == "<=":
        return -inf, floor(scaled)
    return floor(scaled), inf if copy.comparator else floor(scaled)


def table(name, scale, with_oxygen):
    """On scale 2, 93 % and more have points only with oxygen: where it is missing they have none. # Scores, Points"""
    if name != "oxygen_saturation":
        return TABLE[name]
    if scale == 1:
        return SCALE_1
    return SCALE_2_WITH_OXYGEN if with_oxygen else SCALE_2


def points(copy, scale=1, with_oxygen=False):
    """Of a reading, or None where it says none: a bound has those that every value it allows has. # Scores, Inputs"""
    name = SIGNALS[copy.signal]
    if name in WORDS:
        return WORDS[name].get(copy.word)
    least, greatest = steps_of(copy)
    found, above = set(), -inf
    for upto, gives in table(name, scale, with_oxygen):
        if least <= upto and greatest > above:
            found.add(gives)
        above = upto
    return found.pop() if len(found) == 1 else None


def band_of(each):
    """Looked for in this order, of the total as far as it is known. # Scores, band"""
    total = sum(each)
    return "high" if total >= 7 else "medium" if total >= 5 else "single" if 3 in each else None


# --- What counts --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    """One input as far as it is known: its reading, its points, and when that will be too old."""

    copy: object
    points: int
    until: int


@dataclass(frozen=True)
class Score:
    """What the inputs of a moment come to."""

    inputs: dict = field(default_factory=dict)

    @property
    def total(self):
        return sum(one.points for one in self.inputs.values())

    @property
    def complete(self):
        """Else the total is a lower bound. # Scores, missing"""
        return len(self.inputs) == len(INPUTS)

    @property
    def band(self):
        return band_of([one.points for one in self.inputs.values()])


def is_for(world, rule, person):
    """Whether there is a score of somebody: of adults, in the wards it names. # Scores"""
    return person.here and person.adult_at(world.number) and (rule.wards is None or person.ward in rule.wards)


def readings_of(world, person, signals):
    """What may count of an input, however old: live, beyond doubt, of a device that is bound to the patient. # Scores, Inputs"""
    for source in world.sources.values():
        if source.signal not in signals:
            continue
        bound = world.bindings_of(source.device).now
        if bound is None or bound.patient != person.id:
            continue
        for copy in reversed(known_of(source)):
            # Nothing of before a binding is a latest value. # contract §4
            since_bound = copy.step > bound.step and copy.whose_at >= bound.since
            if copy.patient == person.id and since_bound and not is_overruled(world, copy):
                yield copy


def known_of(source):
    """The live and certain readings of a series; a withdrawal steps back to one of the three before it. # contract §2 Same reading"""
    known = []
    for one in source.steps():
        if not isinstance(one, tuple):
            withdrawn = one.copy.status == "entered-in-error"
            known = [copy for copy in (known[-KNOWN:] if withdrawn else known) if copy.identity != one.identity]
        elif not isinstance(one[0], str) and one[1] and one[0].live and one[0].certain:
            known = sorted(remembered([*known, one[0]]), key=lambda copy: copy.at)
    return known


def remembered(known):
    """Of the bounds of a series the last four are known. # Scores, Inputs"""
    bounds = sorted((copy for copy in known if copy.comparator is not None), key=lambda copy: copy.step)
    forgotten = {id(copy) for copy in bounds[:-KNOWN]}
    return [copy for copy in known if id(copy) not in forgotten]


def is_overruled(world, copy):
    """Once a reading was corrected nothing else of its instant counts; of two corrections at once neither. # contract §2 Same reading"""
    from .sources import differs
    said = lambda one: one.mode == "real" and (one.quality is None or one.quality >= world.rules.quality_min)
    others = [one for one in world.instants.get(copy.identity, ()) if one.status == "corrected" and one is not copy and not one.gone and said(one)]
    if copy.status != "corrected":
        return bool(others)
    return any(one.step == copy.step and differs(one, copy) for one in others)


def until(world, rule, copy):
    """When it will be too old. # Scores, Inputs"""
    single = world.is_spot(world.devices[copy.device], copy.signal)
    return copy.at + (rule.age_single if single else rule.age)


def counted(world, rule, person, name, with_oxygen):
    """The reading that was measured last, unless it is too old by now. # Scores, Inputs"""
    last, best = None, ()
    for copy in readings_of(world, person, INPUTS[name]):
        # Of two at once that of the signal named first, then the graver, then what counts longer.
        place = copy.at, -INPUTS[name].index(copy.signal)
        gives = points(copy, person.scale, with_oxygen) if place >= best[:2] else None
        if gives is not None and (*place, gives, until(world, rule, copy)) > best:
            last, best = copy, (*place, gives, until(world, rule, copy))
    ends = last and until(world, rule, last)
    # What falls due for want of data waits for the end of a window. # contract §3
    return Counted(last, best[2], ends) if last and world.gaps.put_off(ends) > world.now else None


def add_up(world, rule, person):
    """The score of a moment. Nothing is assumed: oxygen and consciousness are what somebody said. # Scores, Inputs"""
    found = {}
    for name in ("oxygen", *INPUTS):
        oxygen = found.get("oxygen")
        one = counted(world, rule, person, name, oxygen is not None and oxygen.copy.word == "oxygen")
        if one is not None:
            found[name] = one
    return Score(found)


# --- The alarm ----------------------------------------------------------------------------------------


@dataclass(eq=False)
class Course:
    """A score over time: since when it reached or passed each band, since when it is complete and in none."""

    score: Score = field(default_factory=Score)
    reached: dict = field(default_factory=dict)
    clear: int | None = None


class Scores:
    """All scores of all patients, and their alarms; `told` is the band that each alarm told last."""

    source, bands = SOURCE, BANDS

    def __init__(self, world):
        self.world, self.courses, self.told = world, {}, {}

    def rules(self):
        """By their names."""
        return self.world.rules.scores

    def made(self, rule, person):
        """What it comes to at this moment."""
        return add_up(self.world, rule, person)

    def rank(self, band):
        return self.bands.index(band) if band else -1

    def each(self):
        """(patient, rule, course) of all that there are."""
        rules = self.rules()
        for (patient, name), course in self.courses.items():
            if name in rules:
                yield self.world.patients[patient], rules[name], course

    def begin(self, since):
        """Where nothing was taken in for a time both delays begin anew after it. # Scores, Alarm"""
        return max([since, *(end for _, end in self.world.gaps.windows if since < end)])

    def deadlines(self):
        """When a score changes, or has held for its time. # Scores, Alarm"""
        for _, rule, course in self.each():
            for since in course.reached.values():
                yield self.begin(since) + rule.delay
            if course.clear is not None:
                yield self.begin(course.clear) + rule.clear_delay
            for one in course.score.inputs.values():
                yield self.world.gaps.put_off(one.until)

    def settle(self):
        """Every score as it is now."""
        for person in self.world.patients.values():
            for rule in self.rules().values():
                self.settle_one(person, rule)

    def settle_one(self, person, rule):
        key, where = (person.id, rule.id), (person.id, rule.id, self.source)
        if not is_for(self.world, rule, person):
            self.end(key, where)
            return
        course = self.courses.setdefault(key, Course())
        # What had held until now is told before what changes now.
        self.due(where, rule, course)
        self.change(where, rule, course, self.made(rule, person))
        self.due(where, rule, course)

    def end(self, key, where):
        """There is none any more; what is unknown stays. # contract row 23"""
        alarm = self.world.alarms.open.get(where)
        if self.courses.pop(key, None) is not None and alarm is not None and alarm.condition in ("present", "absent"):
            self.world.alarms.close(alarm, "rule_changed")

    def change(self, where, rule, course, score):
        """Rows 6 and 7 are at once; nothing incomplete ends an alarm. # Scores, Alarm"""
        now, band, course.score = self.world.now, score.band, score
        for one in self.bands:
            if self.rank(one) > self.rank(band):
                course.reached.pop(one, None)
            else:
                course.reached.setdefault(one, now)
        is_clear = score.complete and band is None
        course.clear = None if not is_clear else now if course.clear is None else course.clear
        alarm = self.world.alarms.open.get(where)
        if alarm is None:
            return
        if band is None and not score.complete:
            self.world.alarms.unknown(where)
        elif band is not None and alarm.condition == "unknown":
            self.hold(where, rule, band)

    def due(self, where, rule, course):
        """A band that was reached or passed at every moment for `delay` (rows 1, 12, 20); complete and in none for
        `clear_delay` (rows 4, 5, 8). # Scores, Alarm"""
        now = self.world.now
        held = [band for band, since in course.reached.items() if now - self.begin(since) >= rule.delay]
        if held:
            band = max(held, key=self.rank)
            alarm = self.world.alarms.open.get(where)
            # A lower one is row 21: the gravest stands.
            if alarm is None or alarm.condition != "present" or ORDER[rule.priorities[band]] > ORDER[alarm.priority]:
                self.hold(where, rule, band)
            # What held is told by the gravest that stands.
            self.told[where] = max(self.told[where], band, key=self.rank)
        if course.clear is not None and now - self.begin(course.clear) >= rule.clear_delay:
            self.world.alarms.over(where, now)

    def hold(self, where, rule, band):
        """With the priority of its band; all is prompt but the first. # Scores, band"""
        self.world.alarms.hold(*where, rule.priorities[band], self.world.now, response=rule.response(band))
        self.told[where] = band

    def rules_changed(self, before, after):
        """Closed, and what still holds raised anew at once, unknown where it was. # contract row 23"""
        for name in sorted({*before, *after}):
            if before.get(name) == after.get(name):
                continue
            for key in [key for key in self.courses if key[1] == name]:
                del self.courses[key]
            for alarm in [one for one in self.world.alarms.open.values() if (one.rule, one.source) == (name, self.source)]:
                self.world.alarms.close(alarm, "rule_changed")
                if name in after:
                    self.anew(alarm, after[name])

    def anew(self, alarm, rule):
        """By the changed rule."""
        person = self.world.patients[alarm.patient]
        if not is_for(self.world, rule, person) or alarm.condition not in ("present", "unknown"):
            return
        score = self.made(rule, person)
        if score.band is None and score.complete and alarm.condition != "unknown":
            return
        course = self.courses[person.id, rule.id] = Course()
        self.hold(alarm.key, rule, score.band or self.told[alarm.key])
        if score.band is None:
            self.world.alarms.unknown(alarm.key)
        self.change(alarm.key, rule, course, score)

    # --- What is shown --------------------------------------------------------------------------------

    def shown(self):
        """What the scores of each patient come to. # Scores, `GET patients/{id}`"""
        found = {}
        for person, rule, course in self.each():
            score = course.score
            found.setdefault(person.id, []).append({
                "rule": rule.id, "total": score.total, "complete": score.complete, "band": score.band,
                "missing": [name for name in INPUTS if name not in score.inputs]})
        return found
