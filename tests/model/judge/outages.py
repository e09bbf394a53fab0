"""One cause for many: a sender of several patients' devices of which nothing comes any more. # contract §5 One cause for many"""

from . import names
from .rules import ORDER

OUTAGE = "link.outage"
# Fewer patients are no flood, each is told by itself.
MANY = 3
# Such a time ends it for a second time: it hides nobody any more.
ONCE = 2


class Outages:
    """By whom devices came last, what follows from whose outage, and for how long that may go on."""

    def __init__(self, world):
        self.world = world
        self.ways, self.last, self.heard = {}, {}, {}

    # --- Messages ---------------------------------------------------------------------------------------

    def came(self, device, principal, retained):
        """A message of a device: who brought it, if that was somebody else."""
        if retained:
            return
        now = self.world.now
        self.last[device.id], self.heard[principal] = now, now
        self.ways[device.id] = principal if principal != device.id else None
        for alarm in [one for one in self.world.alarms.open.values() if one.rule == OUTAGE and one.device == principal]:
            self.world.alarms.over(alarm.key, now)

    # --- A rung is due ----------------------------------------------------------------------------------

    def due(self, person, device, priority, after):
        """The silence of a device climbs: is its way out, for `after` is the time of that rung?"""
        alarm = self.world.alarms.open.get((person.id, names.SILENCE, device.id))
        way = self.ways.get(device.id)
        if alarm is not None and ORDER[priority] <= ORDER[alarm.priority]:
            return
        if way is not None and self.may_follow(person, device.id, priority, alarm) and self.is_out(way, after):
            self.hold(way, person.ward, min(priority, "medium", key=ORDER.get))

    def is_out(self, way, after):
        """For half the time of the rung nothing came of the sender, and it brought many until then."""
        last, now = self.heard[way], self.world.now
        if now - last < after / 2:
            return False
        return len({whose for device, whose in self.of_patients(way) if last - self.last[device] <= after}) >= MANY

    def of_patients(self, way):
        """(device, patient) of all that this sender brought last."""
        for device in self.last:
            patient = self.world.bindings_of(device).patient_now()
            if self.ways.get(device) == way and patient is not None and self.world.patients[patient].here:
                yield device, patient

    def hold(self, way, ward, priority):
        key = None, OUTAGE, f"{way}/{ward}" if ward else way
        alarm = self.world.alarms.hold(*key, priority, self.world.now, kind="technical", device=way)
        alarm.ward = ward

    # --- Who follows ------------------------------------------------------------------------------------

    def may_follow(self, person, device, priority, alarm):
        """Never what is high, of somebody who is watched continuously, or of whom more is told."""
        others = [one for one in self.world.alarms.open.values() if one.patient == person.id and one is not alarm]
        others = [one for one in others if one.key != (person.id, names.SILENCE, device)]
        alone = all(one.quiet or one.priority == "info" or one.kept_back is not None for one in others)
        return priority != "high" and not person.continuous and alone and not self.hid(device, alarm)

    def hid(self, device, alarm):
        """Whether such a time was over for a second time, with nothing judged of it since."""
        if alarm is None or alarm.outlasted < ONCE:
            return False
        judged = max((at for (of, _), at in self.world.judged.items() if of == device), default=0)
        return judged <= alarm.outlasted_since

    def explains(self, alarm):
        """Whether the silence of a device follows from an outage that is present, as far as that was decided."""
        if alarm.rule != names.SILENCE or alarm.patient is None or self.ways.get(alarm.device) is None:
            return False
        person, way = self.world.patients[alarm.patient], self.ways[alarm.device]
        return any(one.rule == OUTAGE and one.device == way and one.ward == person.ward for one in self.world.alarms.open.values())

    def decides(self, alarm):
        """Whether it follows from one, decided now."""
        if alarm.rule != names.SILENCE or alarm.patient is None:
            return False
        person = self.world.patients[alarm.patient]
        return self.explains(alarm) and self.may_follow(person, alarm.device, alarm.priority, alarm)

    def within(self, alarm):
        """What followed from an outage has as long as the first rung of its class, the longest of its silent signals'."""
        from . import silence
        world, device = self.world, self.world.devices[alarm.device]
        person, signals = world.patients[alarm.patient], world.told_silent.get((alarm.patient, alarm.device)) or {None}
        interval = lambda signal: world.interval_of(device, signal) if signal else None
        ladders = [silence.rungs(world.class_of(device), interval(signal), person.continuous, None) for signal in signals]
        return max((ladder[0][1] for ladder in ladders if ladder), default=0)

    def waited(self, patient):
        """The time is over that silences of a patient had: they follow from another outage that is told by now, or are told."""
        alarms, now = self.world.alarms, self.world.now
        for alarm in sorted(alarms.open.values(), key=lambda one: str(one.key)):
            if (alarm.patient, alarm.rule) != (patient, names.SILENCE) or alarm.unfolds_at is None or alarm.unfolds_at > now:
                continue
            alarm.outlasted, alarm.outlasted_since = alarm.outlasted + 1, alarm.outlasted_since or now
            alarms.stand_alone(alarm, now, alarms.follows(alarm))

    def member(self, alarm):
        """An outage is as grave as the gravest of what follows from it, medium at most."""
        if alarm.rule == names.SILENCE and alarm.quiet and alarm.unfolds_at is None and self.explains(alarm):
            self.hold(self.ways[alarm.device], self.world.patients[alarm.patient].ward, min(alarm.priority, "medium", key=ORDER.get))

    def watched(self, person):
        """Somebody is to be watched continuously from now on: what followed is announced at once."""
        for alarm in list(self.world.alarms.open.values()):
            if alarm.rule == names.SILENCE and alarm.patient == person.id and alarm.quiet:
                self.world.alarms.stand_alone(alarm, self.world.now)
