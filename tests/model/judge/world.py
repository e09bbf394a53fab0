"""The second judge: takes one step after another and says what must be open and what was announced."""

from dataclasses import replace

from . import (alarms, combinations, commands, counts, events, expiring, gaps, intake, losses, monitored, names, outages, responsibility,
               responsibility_plan, rules, scores, silence, sources, trends, watched)
from .bindings import Bindings
from .rules import ORDER, SIDES
from .when import US, stamp


def part_of(rules, rule, part):
    """What one side of a limit, or its loss, is judged by; None where there is none."""
    if rule is None or (part == "lost" and rule.loss is None):
        return None
    if part == "lost":
        return rule.signal, rule.loss, rule.adults_only, rule.not_adults, rule.ages, rule.folds
    mine = lambda pairs, name: tuple(pair for pair in pairs if name(pair).endswith(part))
    levels = tuple(pair for pair in rule.levels if pair[0][0] == part)
    return levels and (rules.cover(rule, part), replace(
        rule, levels=levels, priorities=mine(rule.priorities, lambda pair: pair[0]), loss=None,
        acknowledge_for=mine(rule.acknowledge_for, lambda pair: pair[0])))


def pairs(raw):
    return tuple(tuple(pair) for pair in raw or ())


class World:
    """Everything that was ever put in, and what follows."""

    def __init__(self, header, with_floors=True):
        self.history = header["history"]
        self.begin = stamp(header["begin"])
        self.now = self.begin
        self.with_floors = with_floors
        self.replaced, self.packs = pairs(header.get("rules")), tuple(header.get("packs") or ())
        self.rules_by_step = [(0, rules.load(self.replaced, self.packs))]
        self.devices, self.patients, self.wards, self.beds = {}, {}, {}, {}
        self.bindings = {}
        self.clocks, self.lags, self.counters = {}, {}, {}
        self.gaps = gaps.Gaps()
        self.alarms = alarms.Alarms()
        self.sources = {}
        self.watches = {}
        self.judged = {}
        self.values = {}
        self.not_judged = {}
        self.zeroed = set()
        self.instants = {}
        self.known, self.named, self.names = {}, {}, {}
        self.silent, self.fall = set(), set()
        self.told_silent = {}
        self.losses, self.lost_of = {}, {}
        self.ran_out = {}
        self.suspects = {}
        self.events = events.Events(self)
        self.duty = self.alarms.duty = responsibility.Responsibilities(self)
        self.outages = self.alarms.outages = outages.Outages(self)
        self.scores = scores.Scores(self)
        self.combinations = combinations.Combinations(self)
        self.counts = counts.Counts(self)
        self.trends = trends.Trends(self)
        self.number = 0

    # --- Steps --------------------------------------------------------------------------------------

    def step(self, step):
        """One line of a history, answered."""
        self.number += 1
        now = self.begin + round(step["t"] * US)
        answer = None
        if "gap" in step:
            begin = max(self.begin + round(step["gap"]["from"] * US), self.now)
            self.until(begin)
            self.gaps.add(begin, now)
        self.until(now)
        if "gap" in step:
            self.settle_gateway()
        if "message" in step:
            intake.message(self, step["message"])
        elif "command" in step:
            answer = commands.carry_out(self, step["command"])
        elif "reload" in step:
            self.reload(pairs(step["reload"]), self.packs)
        elif "packs" in step:
            self.reload(self.replaced, tuple(step["packs"]))
        elif "duty" in step:
            self.duty.put(step["duty"] and responsibility_plan.Plan(step["duty"], self.begin))
        elif "delivered" in step:
            self.duty.delivered(step["delivered"])
        elif "undelivered" in step:
            self.duty.undelivered(**step["undelivered"])
        self.settle()
        return self.answer(answer)

    def answer(self, answer):
        told, closed, told_over, reminded = self.alarms.take()
        return {
            "history": self.history, "step": self.number,
            "alarms": [
                {"patient": a.patient, "rule": a.rule, "source": a.source, "state": a.state,
                 "condition": a.condition, "priority": a.priority, "priority_peak": a.priority, "response": a.response,
                 "late": a.late}
                for a in sorted(self.alarms.open.values(), key=lambda one: str(one.key))
            ],
            "announced": told, "closed": closed, "told_over": told_over, "reminded": reminded, "answer": answer,
            "told": self.duty.take(), "responsible": self.duty.shown(),
            "monitored": {p.id: monitored.monitored(self, p) for p in self.patients.values() if p.here},
            "scores": self.scores.shown(),
            "combinations": self.combinations.shown(),
        }

    def until(self, now):
        """All deadlines up to now, at their own times, in order."""
        while True:
            self.gaps.put_off_to = {}
            due = [d for d in self.deadlines() if self.now < d <= now]
            if not due:
                break
            self.now = min(due)
            for self.gaps.up_to in (*sorted(self.gaps.put_off_to.get(self.now, ())), None):
                self.settle()
        self.now = max(self.now, now)

    def deadlines(self):
        yield from self.alarms.deadlines()
        for _, _, course in self.courses():
            yield from course.deadlines()
        for watch in self.watches.values():
            if watch.deadline() is not None:
                yield watch.deadline()
        yield from silence.deadlines(self)
        yield from watched.deadlines(self)
        yield from self.duty.deadlines()
        yield from expiring.deadlines(self)
        yield from self.scores.deadlines()
        yield from self.combinations.deadlines()

    def settle(self):
        """Judges everything at this moment."""
        # What falls at this moment anyhow comes after what was put off to it.
        last = self.gaps.up_to is None
        if last:
            expiring.due(self)
        self.settle_courses()
        losses.settle(self)
        silence.settle(self)
        losses.settle(self)
        watched.settle(self)
        self.scores.settle()
        self.combinations.settle()
        self.trends.settle()
        if last:
            self.alarms.fire(self.now)
            self.duty.settle()

    # --- Rules --------------------------------------------------------------------------------------

    @property
    def rules(self):
        return self.rules_by_step[-1][1]

    def rules_at(self, step):
        found = self.rules_by_step[0][1]
        for since, one in self.rules_by_step:
            if since <= step:
                found = one
        return found

    def reload(self, replaced, packs):
        """# contract row 23, §0.5"""
        self.replaced, self.packs = replaced, packs
        before, after = self.rules, rules.load(replaced, packs)
        self.rules_by_step.append((self.number, after))
        if before == after:
            return
        changed = {f"{i}_{part}" for i in set(before.limits) | set(after.limits) for part in (*SIDES, "lost")
                   if part_of(before, before.limits.get(i), part) != part_of(after, after.limits.get(i), part)}
        signals = {r.limits[i].signal for r in (before, after) for i in r.limits if any(f"{i}_{side}" in changed for side in SIDES)}
        for source in self.sources.values():
            bound = self.bindings_of(source.device).patient_now()
            for patient in source.patients() if source.signal in signals else ():
                if patient == bound:
                    source.change("rules", patient, tuple(sorted(changed)))
                else:
                    for name in sorted(changed):
                        source.change("forget", patient, name)
        for alarm in list(self.alarms.open.values()):
            if alarm.rule.removesuffix("_repeat_due") in changed and alarm.condition != "momentary":
                self.alarms.close(alarm, "rule_changed")
        self.events.rules_changed(before, after)
        self.scores.rules_changed(before.scores, after.scores)
        self.combinations.rules_changed(before.combinations, after.combinations)
        self.counts.rules_changed(before.counts, after.counts)
        self.trends.rules_changed(before.trends, after.trends)

    def class_of(self, device):
        return self.rules.classes.get(device.cls)

    def interval_of(self, device, signal):
        cls = self.class_of(device)
        return device.expected.get(signal) or (cls.expected_interval if cls else 60 * US)

    def live_window(self, device, signal=None):
        """Expected interval, delay and slack, shifted by the signal's own interval. # contract §3"""
        cls = self.class_of(device)
        if cls is None:
            return names.UNKNOWN_CLASS_WINDOW
        window = cls.expected_interval + cls.max_delay + cls.slack
        if signal is not None:
            window += self.interval_of(device, signal) - cls.expected_interval
        return max(window, US)

    def is_spot(self, device, signal):
        """By the signal's cadence, or a class with spot rules only. # contract §3"""
        cls = self.class_of(device)
        return not self.rules.signals[signal].continuous or bool(cls and cls.spot_only)

    def rules_for(self, signal, patient, step):
        """The limit rules and floors that judge a signal of a patient."""
        age, _ = patient.age_at(step)
        found = [one for one in self.rules_at(step).limits.values() if one.signal == signal and one.judges(age, patient.adult_at(step))]
        return [one for one in found if self.with_floors or not one.floor]

    def has_own(self, person, signal, copy):
        """Limits of a patient's own hold for somebody whom those for adults refuse. # contract §4"""
        return any(key[0] == signal for key in person.own_at(copy.ruled_at, copy.step))

    def limits_in_force(self, rule, patient, measured, step):
        """{(side, level): amounts}: own limits take the place of the shipped ones. # contract §4"""
        shipped = {}
        if not rule.adults_only or patient.adult_at(step):
            shipped = dict(rule.levels)
        if rule.floor:
            own, adult = patient.own_at(measured, step), patient.adult_at(step)
            return {key: one for key, one in shipped.items() if not self.rules_at(step).covers(rule, key[0], own, adult)}
        for (signal, side, level), own in patient.own_at(measured, step).items():
            if signal == rule.signal:
                shipped[side, level] = (own,) if own is not None else ()
        return shipped

    def source(self, device, signal, instance):
        key = device, signal, instance
        if key not in self.sources:
            self.sources[key] = sources.Source(self, *key)
        return self.sources[key]

    def bindings_of(self, device):
        return self.bindings.setdefault(device, Bindings())

    def bound(self, patient):
        """Ids of devices that are the patient's now."""
        return [d for d, b in self.bindings.items() if b.patient_now() == patient]

    # --- Courses ------------------------------------------------------------------------------------

    def courses(self):
        """(source, (patient, rule, side), course) of all series."""
        for source in self.sources.values():
            for key, course in source.courses().items():
                yield source, key, course

    def settle_courses(self):
        lost, times = {}, {}
        # Emergencies first, so that what follows from them is folded. # contract §0.22b
        courses = [(source, *key, course) for source, key, course in self.courses()]
        signals = list(self.rules.signals)
        where = lambda source: (source.device, signals.index(source.signal), source.instance)
        courses.sort(key=lambda one: (-len(one[2].folds), not one[2].floor, where(one[0])))
        for *_, course in courses:
            course.advance(self.now)
        # What has held for its delay is told before the loss of its signal at the same moment.
        for source, patient, rule, side, course in courses:
            alarm = self.alarms.open.get((patient, f"{rule.id}_{side}", source.name))
            one = patient, rule.id, side, source.name
            ran_out, self.ran_out[one] = course.held_at == self.now != self.ran_out.get(one), course.held_at
            if alarm is None and not course.level:
                continue
            graver = course.level and (alarm is None or alarm.condition in ("absent", "momentary")
                                       or ORDER[alarm.priority] < ORDER[rule.priority(side, course.level)])
            # What an emergency explained is told once that is over.
            over = rule.folds and not course.level and not course.unknown and alarm is not None and alarm.condition == "present"
            back = rule.folds and course.level and not course.unknown and alarm is not None and alarm.condition == "unknown"
            if over or back:
                self.settle_course(source, patient, rule, side, course)
            # So is what is back: something came of it, and holds for its delay, as long as that runs out but once.
            held = (course.level and alarm is not None and alarm.condition == "unknown" and course.unknown
                    and ran_out and alarm.told_at != self.now and (course.newest_arrival or 0) > alarm.known)
            if graver or held:
                unknown, course.unknown = course.unknown, False
                self.settle_course(source, patient, rule, side, course)
                course.unknown = unknown
                if unknown and course.changed_at == self.now:
                    # What is lost by now explains nothing that was heard of since.
                    self.settle_course(source, patient, rule, side, course)
        for source, patient, rule, side, course in courses:
            self.settle_course(source, patient, rule, side, course)
        began = {}
        for source in self.sources.values():
            for (patient, rule, side), course in source.courses().items():
                if not course.lost:
                    continue
                where, one = (patient, source.link), (patient, rule.id, side, source.name)
                worse = rule.priority(side, course.lost)
                lost[where] = max(worse, lost.get(where, "low"), key=ORDER.get)
                times[where] = times.get(where, 0) + course.losses
                if course.losses > self.lost_of.get(one, 0):
                    grave = ORDER[worse], len(rule.folds)
                    began.setdefault(where, []).append((grave, source.signal, course.lost_copy.identity))
                self.lost_of[one] = course.losses
        again = {key for key, count in times.items() if count > self.losses.get(key, count)}
        self.losses.update(times)
        before = {key: self.is_known(key[0], "link.lost_while_pending", key[1]) for key in began}
        self.settle_held("link.lost_while_pending", lost, again)
        for (patient, link), found in began.items():
            known = self.is_known(patient, "link.lost_while_pending", link)
            if known and known != before[patient, link]:
                # It stands on what began it, brought it back, or made it graver.
                _, *stands = max(found, key=lambda one: one[0])
                self.alarms.open[patient, "link.lost_while_pending", link].stands = tuple(stands)

    def is_known(self, patient, rule, source):
        """How grave an alarm is that is known to be present."""
        alarm = self.alarms.open.get((patient, rule, source))
        return alarm.priority if alarm is not None and alarm.condition == "present" else None

    def settle_held(self, rule, wanted, again=()):
        """A technical condition that holds for exactly these (patient, source), and of these anew."""
        self.hold_all(rule, wanted, again)
        for alarm in list(self.alarms.open.values()):
            if alarm.rule == rule and (alarm.patient, alarm.source) not in wanted:
                self.alarms.over(alarm.key, self.now)

    def hold_all(self, rule, wanted, again=(), before=lambda key: None):
        """It holds for these. `before`: each of them."""
        for (patient, source), priority in sorted(wanted.items(), key=str):
            before((patient, source))
            known = self.alarms.open.get((patient, rule, source))
            if known is not None and known.condition == "unknown" and (patient, source) not in again:
                continue
            if patient in self.patients and self.patients[patient].here:
                if known is None and rule == names.SILENCE:
                    self.alarms.episodes_unknown(patient, source, self.now)
                device, _, series = source.partition("/")
                self.alarms.hold(patient, rule, source, priority, self.now, kind="technical", once=True, device=device,
                                 signal=series.split("/")[0] or None, resettable=rule == "link.lost_while_pending")

    def settle_course(self, source, patient, rule, side, course):
        key = patient, f"{rule.id}_{side}", source.name
        here = self.patients.get(patient)
        if here is None or not here.here:
            return
        alarm = self.alarms.open.get(key)
        self.settle_repeat(key, source, course)
        if course.level:
            self.settle_present(source, rule, side, course, key, alarm)
        elif alarm is not None and course.unknown and course.lifted_at != self.now:
            # Row 6: what was known to be over is over.
            self.alarms.unknown(key)
        elif alarm is not None and alarm.condition in ("present", "unknown") and not course.pending:
            self.alarms.over(key, self.now, course.reason)

    def settle_present(self, source, rule, side, course, key, alarm):
        told = rule.priority(side, course.level)
        if course.unknown:
            if alarm is not None and alarm.condition == "present":
                self.alarms.unknown(key)
                return
            if alarm is not None and alarm.condition == "unknown":
                return
        told = self.shown_only(source, rule, side, course.level, key[0], told)
        before = alarm and (alarm.condition, alarm.priority)
        heard = course.newest_arrival
        heard = course.levels[course.level].copy.arrival if heard is None else heard
        alarm = self.alarms.hold(*key, told, self.now, device=source.device, signal=rule.signal, folds=rule.folds,
                                 response=rule.response(side, course.level), beyond=(source.link, side), known=heard)
        if before != (alarm.condition, alarm.priority):
            alarm.stands = source.signal, course.levels[course.level].copy.identity
            alarm.acknowledge_for, alarm.rests = self.holds(source, rule, side, course.newest_level or course.level), False
            for leads in self.alarms.grouped_with(alarm):
                # What it finds once its delay is over is news as well. # contract §5 Several devices
                leads.beyond_at, leads.rests = self.now, False
        if course.judged_at == self.now:
            alarm.rests, alarm.known = course.rests, heard
        if course.beyond_at == self.now:
            self.hold_by_level(alarm, source, rule, side, course)
        alarm.beyond_at, alarm.by_reading = max(course.beyond_at or 0, alarm.beyond_at or 0) or None, True
        for leads in self.alarms.grouped_with(alarm) if course.beyond_at == self.now else ():
            # News of those that are announced. # contract row 10, §5 Several devices
            leads.beyond_at, leads.rests = self.now, False
        if course.unknown:
            self.alarms.unknown(key)
        source.tell(key, course)

    def hold_by_level(self, alarm, source, rule, side, course):
        """As the newest reading says, but for what came with it and is told at once. # contract row 10"""
        newest, ends = course.newest_level or course.level, []
        came = [level for level, at in course.beyond_by.items() if at == self.now and level != newest]
        for level in (*came, newest):
            alarm.acknowledge_for = self.holds(source, rule, side, level)
            ends.append(alarm.acked_until and alarm.acked_at + alarm.holds)
        if alarm.acked_until is not None:
            alarm.acked_until = min([end for end in ends if end <= self.now] or ends[-1:])

    def holds(self, source, rule, side, level):
        """How long an acknowledgement holds, where the rule or the class says so. # contract §0.13"""
        cls = self.class_of(self.devices[source.device])
        by_class = dict(cls.acknowledge_for) if cls else {}
        return rule.holds(side, level) or by_class.get(rule.priority(side, level).replace("info", "low"))

    def shown_only(self, source, rule, side, level, patient, priority):
        """Glucose above 180 mg/dL is shown unless a person asks for it. # contract §0.22"""
        own = self.patients[patient].own_at(self.now, self.number)
        if rule.signal == "glucose_cgm" and side == "high" and level == "warning":
            if (rule.signal, side, level) not in own:
                return "info"
        return priority

    def settle_repeat(self, key, source, course):
        """The first cuff pressure beyond its limit asks for a repeat. # contract §7"""
        patient, name, where = key
        due = patient, f"{name}_repeat_due", where
        if course.repeat_due and course.unknown:
            return
        if course.repeat_due:
            alarm = self.alarms.hold(*due, "low", self.now, device=source.device, signal=source.signal)
            alarm.stands = source.signal, course.levels["warning"].copy.identity
        elif due in self.alarms.open:
            changed = not course.level and course.reason in ("limit_changed", "rule_changed")
            self.alarms.over(due, self.now, course.reason if changed else "ended")

    def settle_gateway(self):
        """# contract §0.10"""
        key = None, "gateway.deaf", "gateway"
        if self.gaps.deaf(self.now) and key not in self.alarms.open:
            self.alarms.raise_(*key, "medium", self.now, kind="technical", condition="momentary")
