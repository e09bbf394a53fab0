"""Events: the same (device, event, id) is the same event, once it was judged for a patient."""

import re
from dataclasses import dataclass

from . import notes, readings, watched
from .intake import believed, suspect
from .readings import Refused
from .rules import lower

_NAME = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")


@dataclass(eq=False)
class Heard:
    """One entry of an event message."""

    device: str
    event: str
    id: tuple
    phase: str
    measured: int | None
    certain: bool
    arrival: int
    past: bool
    boot: int | None = None
    stamp: int | None = None


@dataclass
class Known:
    """An episode under an id, by the device's clock."""

    boot: int | None = None
    began: int | None = None
    ended: int | None = None

    def is_before(self, event):
        """Whether an event of the same id is another one. # contract §2 Events"""
        if event.stamp is None or event.stamp == self.began:
            return False
        restarted = None not in (self.began, self.boot, event.boot) and event.boot > self.boot and event.phase != "update"
        return restarted or (self.ended is not None and event.stamp > self.ended)


class Events:
    """All events, and which of them were judged for whom. # contract §0.2, §2 Events"""

    def __init__(self, world):
        self.world = world
        self.heard = []
        self.used, self.ended_in = set(), {}
        self.known = {}
        self.running = {}

    def message(self, device, head, entries, taken):
        if head.mode != "real":
            return
        for raw in entries:
            try:
                event = self._read(raw, head, device, taken)
            except Refused:
                continue
            self.heard.append(event)
            self.judge(device, event)
        suspect(self.world, device, taken)

    def _read(self, raw, head, device, taken):
        name, phase = raw.get("event"), raw.get("phase") or "single"
        if not isinstance(name, str) or not _NAME.match(name) or phase not in ("single", "start", "update", "end"):
            raise Refused("shape")
        stamp, age = readings.entry_time(raw, head)
        measured, certain, ambiguous = taken.place(stamp, age, taken.is_of_now(stamp))
        if taken.too_old(stamp, measured):
            raise Refused("too_old")
        key = ("id", str(raw["id"])) if raw.get("id") else ("at", stamp)
        event = Heard(device.id, name, key, phase, measured, certain, self.world.now, taken.past, head.boot, stamp)
        event.ambiguous = ambiguous
        return event

    def judge(self, device, event):
        """One event for whom the device was bound to when it happened."""
        world = self.world
        held = world.bindings_of(device.id)
        patient, ambiguous = held.at(event.measured)
        if ambiguous or event.ambiguous:
            return notes.note(world, event.ambiguous or patient, "link.unattributed", device.id)
        if patient is None or not world.patients[patient].here:
            return None
        if event.id[0] == "id":
            event.id = self._which(device, event)
        key = patient, device.id, event.event, event.id
        if (("end", *key) if event.phase == "end" else key) in self.used:
            return None
        event.past = event.past or held.patient_now() != patient
        if event.certain and not event.past and self.age_of(event) <= world.live_window(device):
            believed(world, device, patient)
            world.alarms.over((patient, "link.test_mode", device.id), world.now)
            world.judged[device.id, None] = world.now
            watched.again(world, patient)
        rule = world.rules.event_rule(event.event)
        if event.phase != "end":
            world.counts.came(device, event, patient)
        if rule is None:
            return None
        if event.phase == "end":
            return self._end(device, event, patient, rule)
        return self._begin(device, event, patient, rule, key)

    def _which(self, device, event):
        """Ids are counted anew after a restart, and used again: which of the episodes under one it is. # contract §2 Events"""
        known = self.known.get((device.id, event.event, event.id[1]), [])
        place = max(len(known) - 1, 0)
        if event.phase != "end" and event.stamp is not None:
            # The last one stands under its id, those before it under their begin, or else their end.
            same = [n for n, one in enumerate(known[:-1])
                    if event.stamp == (one.began if one.began is not None else one.ended)]
            if same:
                place = same[0]
            elif known and known[-1].is_before(event):
                place = len(known)
        return "id", event.id[1], place

    def _note(self, device, event, **about):
        if event.id[0] != "id":
            return
        known = self.known.setdefault((device.id, event.event, event.id[1]), [])
        place = event.id[2]
        if place == len(known):
            known.append(Known())
        for name, value in about.items():
            if name != "ended" or value is not None:
                setattr(known[place], name, value)

    def age_of(self, event):
        return self.world.now - event.measured - self.world.gaps.overlap(event.measured, self.world.now)

    def _begin(self, device, event, patient, rule, key):
        world, now = self.world, self.world.now
        age = self.age_of(event)
        is_late = event.past or age > world.live_window(device)
        self.used.add(key)
        self._note(device, event, boot=event.boot, began=event.stamp)
        if (patient, rule.id, device.id) not in world.alarms.open:
            self.running.pop((patient, rule.id, device.id), None)
        if is_late and age > rule.actionable and not rule.always_notify:
            return
        priority = rule.priority
        if is_late and rule.response in ("immediate", "prompt"):
            priority = lower(priority)
        where = patient, rule.id, device.id
        # What has ended has ended, whoever it was told of.
        ended = any(one[0] == "end" and one[2:] == key[1:] for one in self.used)
        if event.phase == "single" or is_late or ended:
            alarm = world.alarms.momentary(*where, priority, now, news="event", late=is_late, device=device.id,
                                           response=rule.response)
            alarm.event = event.event
            alarm.folds, alarm.reported = rule.folds, now
            if event.phase != "single" and not ended:
                self.running.setdefault(where, set()).add(key)
            return
        self.running.setdefault(where, set()).add(key)
        alarm = world.alarms.open.get(where)
        if alarm is None:
            alarm = world.alarms.raise_(*where, priority, now, news="event", device=device.id, response=rule.response)
        else:
            # Every new event id on an open alarm is news. # contract §5
            world.alarms.momentary(*where, priority, now, news="event", device=device.id, response=rule.response)
            alarm.condition, alarm.expires = "present", None
        alarm.event = event.event
        alarm.folds, alarm.reported = rule.folds, now

    def _end(self, device, event, patient, rule):
        """Over when every episode of the rule has ended; what is doubtful ends nothing. # contract §0.2"""
        age = self.age_of(event)
        if event.past or not event.certain or age > self.world.live_window(device):
            return
        where = patient, rule.id, device.id
        key = patient, device.id, event.event, event.id
        self.used.add(("end", *key))
        self.ended_in["end", *key] = self.world.number
        self._note(device, event, ended=event.stamp)
        running = self.running.get(where, set())
        before = len(running)
        if event.id[0] == "id":
            running -= {k for k in running if k[2] == event.event and k[3][:2] == event.id[:2]}
        else:
            running -= {k for k in running if k[2] == event.event and k[3][0] == "at"}
        if before and not running:
            self.world.alarms.over(where, self.world.now)

    def rules_changed(self, before, after):
        """What still holds under another rule is raised by it at once. # contract row 23"""
        world = self.world
        gone = {rule.id for rule in before.events if rule not in after.events}
        for alarm in list(world.alarms.open.values()):
            if alarm.rule not in gone or alarm.condition == "momentary":
                continue
            world.alarms.close(alarm, "rule_changed")
            running = self.running.pop(alarm.key, None)
            rule = after.event_rule(alarm.event)
            if rule is None or alarm.condition == "absent":
                continue
            where = alarm.patient, rule.id, alarm.source
            self._raise_again(alarm, where, rule, alarm.condition)
            if running:
                self.running[where] = running

    def _raise_again(self, alarm, where, rule, condition):
        priority = lower(rule.priority) if alarm.late and rule.response in ("immediate", "prompt") else rule.priority
        alarms, about = self.world.alarms, {"news": "event", "late": alarm.late, "device": alarm.device, "response": rule.response}
        if where not in alarms.open:
            again = alarms.raise_(*where, priority, self.world.now, condition=condition, **about)
        elif condition == "momentary":
            again = alarms.momentary(*where, priority, self.world.now, **about)
        else:
            again = alarms.hold(*where, priority, self.world.now, **about)
        again.event = alarm.event
        again.folds, again.reported = rule.folds, self.world.now

    def inherit_ends(self, device, before, patient, since):
        """What has ended has ended, whoever it was told of; what stands open of an earlier binding has to end yet. # contract §4"""
        heard = {key for key in self.used if key[:3] == ("end", before, device) and self.ended_in.get(key, 0) >= since}
        ended = {("end", patient, *key[2:]) for key in heard}
        ended = {key for key in ended if all(key[1:] not in running for running in self.running.values())}
        self.used |= ended
        self.ended_in.update({key: self.world.number for key in ended})

    def inherit(self, told, patient):
        """Events whose alarms another patient had by mistake are the right one's. # contract §4"""
        rules = {rule.id: rule for rule in self.world.rules.events}
        for alarm in told:
            rule = rules.get(alarm.rule)
            if rule is None:
                continue
            # A repetition of what was told by mistake is no news to the right one.
            for key in list(self.used):
                whose, device, event = key[-4:-1]
                named = self.world.rules.event_rule(event)
                if whose == alarm.patient and device == alarm.source and named is not None and named.id == rule.id:
                    # What was told in error was not told.
                    self.used.discard(key)
                    self.used.add((*key[:-4], patient, *key[-3:]))
            where = patient, alarm.rule, alarm.source
            condition = "momentary" if alarm.condition == "absent" else alarm.condition
            self._raise_again(alarm, where, rule, condition)
            running = {(patient, *key[1:]) for key in self.running.pop((alarm.patient, *where[1:]), ())}
            if running:
                self.running.setdefault(where, set()).update(running)
