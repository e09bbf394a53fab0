"""Sudden loss: one signal stops while its device goes on. # contract §3 Loss"""

from itertools import pairwise

from . import silence
from .when import US

MOMENT = US


class Watch:
    """What is known of the loss of one signal of a device for a patient."""

    def __init__(self, loss, gaps):
        self.loss, self.gaps, self.put_off = loss, gaps, gaps.put_off
        self.last = None
        self.others = []
        self.due = self.known = None
        self.lost = self.unknown = self.left = False

    def value(self, arrived):
        """A live value beyond doubt ends it."""
        self.last, self.others, self.due = arrived, [], None
        self.lost = self.unknown = self.left = False

    def off(self):
        """There is no sensor, or its device was another's: not lost before the next value."""
        self.last = self.due = None
        self.others = []

    def leave(self):
        """Its device left: bound to the same patient again, it goes on where it was. # contract §0.16"""
        self.others = [] if self.lost else self.others
        self.due, self.unknown, self.left = None, True, True

    def other(self, arrived):
        """Another signal of the device was judged. A pause counts as half the loss at most."""
        if self.last is None or arrived <= self.last:
            return
        self.known = arrived
        if self.due is not None:
            return
        if self.lost and not self.unknown:
            return
        for begin, end in self.gaps.windows:
            # A window without intake is no pause of the device: what lies before it and after it are two.
            if self.others and self.others[-1] < end <= arrived and begin - self.others[-1] < self.loss:
                self.others.append(end)
        if self.others and arrived - self.others[-1] >= self.loss:
            self.others = []
        self.others.append(arrived)
        lasted = sum(min(later - earlier, self.loss // 2) for earlier, later in pairwise(self.others))
        if lasted + MOMENT >= self.loss:
            self.due = arrived + MOMENT

    def deadline(self):
        return None if self.due is None else self.put_off(self.due)

    def advance(self, now):
        """Whether it is lost now."""
        if self.due is not None and self.put_off(self.due) <= now:
            self.due, self.others = None, []
            self.lost, self.unknown = True, False
        return self.lost

    def silent(self):
        """The device paused as well: the loss is unknown until it lasts again."""
        self.unknown, self.others = True, []


def watches_of(world, device, patient):
    """(signal, watch) of everything that may be lost suddenly."""
    for signal, (rule, loss) in losable(world, device, patient).items():
        key = patient, device.id, signal
        least = max(loss, 2 * world.interval_of(device, signal))
        if key not in world.watches:
            world.watches[key] = Watch(least, world.gaps)
        world.watches[key].loss = least
        yield signal, world.watches[key]


def losable(world, device, patient):
    person = world.patients[patient]
    cls = world.class_of(device)
    if cls and cls.spot_only:
        return {}
    age, _ = person.age_at(world.number)
    adult = person.adult_at(world.number)
    found = {}
    for rule in world.rules.limits.values():
        floor = world.with_floors or not rule.floor
        if rule.loss and floor and rule.judges(age, adult) and (adult or not rule.adults_only):
            found.setdefault(rule.signal, (rule, rule.loss))
    return found


def settle(world):
    for (patient, device, signal), watch in list(world.watches.items()):
        person = world.patients.get(patient)
        if person is None or not person.here or device not in world.bound(patient):
            continue
        named = losable(world, world.devices[device], patient).get(signal)
        if named is None:
            continue
        key = patient, f"{named[0].id}_lost", device
        if watch.advance(world.now):
            alarm = world.alarms.open.get(key)
            if alarm is None or alarm.condition == "absent":
                world.alarms.hold(*key, "high", world.now, device=device, signal=signal, folds=named[0].folds,
                                  known=watch.known or world.now)
                if watch.unknown:
                    world.alarms.unknown(key)
            elif silent_whole(world, device, patient) and not watch.unknown:
                watch.silent()
                world.alarms.unknown(key)
            elif alarm.condition == "unknown" and not watch.unknown:
                world.alarms.hold(*key, "high", world.now, device=device, signal=signal, known=watch.known or world.now)
            if key in world.alarms.open and watch.known is not None and not watch.unknown:
                world.alarms.open[key].known = watch.known
        elif key in world.alarms.open:
            world.alarms.over(key, world.now)


def silent_whole(world, device, patient):
    """Nothing of the device was judged for the first rung: a loss is unknown. # contract row 6"""
    last = max([at for (d, signal), at in world.judged.items() if d == device and signal], default=None)
    if last is None:
        return False
    put_off = world.gaps.moment if device in world.fall else world.gaps.put_off
    for _, one, _, since, ladder in silence.expected(world):
        first = min((after for _, after in ladder), default=None)
        for _, after in ladder if one.id == device else ():
            if put_off(since + after) <= world.now and since + after - last >= first:
                return True
    return False


def forget(world, alarm):
    """What was ended otherwise than by a value must begin anew."""
    for (patient, device, signal), watch in world.watches.items():
        named = losable(world, world.devices[device], patient).get(signal)
        if named is not None and (patient, f"{named[0].id}_lost", device) == alarm.key:
            watch.lost, watch.others = False, []
