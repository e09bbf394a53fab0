"""A message from its bytes to the readings in it: who may speak, whose clock it is, when it was."""

from . import judging, losses, notes, readings
from .clocks import Clock, Heard
from .lags import KEPT, Lag
from .messages import Counter
from .names import OLDEST, RETENTION, SUSPECT_HELD
from .readings import Refused
from .sources import differs
from .when import DAY, HOUR, MINUTE, US, Y2000

STOPPED = 2 * MINUTE
KNOWN = 16


def message(world, raw):
    """One message as it arrived."""
    device = world.devices.get(raw["device"])
    principal = raw["principal"]
    if device is None or (principal != device.id and principal not in device.via):
        return refused(world, principal)
    world.outages.came(device, principal, raw.get("retain"))
    body = raw["body"]
    try:
        head = readings.header(body)
    except Refused:
        return None
    if head.mode == "probe":
        return None
    entries = body.get(raw["kind"] if raw["kind"] == "events" else "readings") or []
    entries = [one for one in entries if isinstance(one, dict)]
    taken = [one for one in entries if understood(world, raw["kind"], one, head, device)]
    newest = readings.newest_time(head, taken)
    counter = world.counters.setdefault((device.id, raw["kind"]), Counter())
    waited = bool(raw.get("retain") or raw.get("dup") or raw.get("backlog"))
    word = counter.take(head.boot, head.seq, readings.digest(body), newest, None if waited else world.now)
    if word == "redelivered":
        return None
    bound = world.bindings_of(device.id).patient_now()
    if word == "boot_reset" and bound is not None:
        notes.note(world, bound, "link.boot_reset", device.id)
    if head.mode != "real" and bound is not None:
        world.alarms.hold(bound, "link.test_mode", device.id, "medium", world.now, kind="technical")
    if head.clock:
        device.trusted = head.source in ("network", "ntp")
    could_live = not waited and word != "old"
    heard = hear(world, device, principal, head, newest, could_live)
    if could_live:
        heard.behind = lag(world, device, principal, head, raw["kind"], taken, heard)
    if heard.stepped_from is not None and bound is not None:
        notes.note(world, bound, "clock.stepped", device.id)
    taken = Taken(world, device, head, heard, could_live, word == "old", raw.get("retain", False), waited)
    if raw["kind"] == "telemetry":
        telemetry(world, device, head, entries, taken)
    elif raw["kind"] == "events":
        world.events.message(device, head, entries, taken)
    elif raw["kind"] == "info":
        info(world, device, head, body, word)
    return None


def understood(world, kind, entry, head, device):
    """Whether an entry is taken, so that its time counts."""
    try:
        if kind == "telemetry":
            readings.reading(entry, head, device.id, world.rules, 0)
        else:
            readings.entry_time(entry, head)
    except (Refused, TypeError, KeyError):
        return False
    return True


def refused(world, principal):
    """# contract §0.11d"""
    notes.note(world, None, "link.refused", principal)


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
    believed = {signal: every and min(every, longest(world, device, signal)) for signal, every in told.items()}
    device.told = believed
    bound = world.bindings_of(device.id).patient_now()
    if bound is not None and any(believed[s] != told[s] for s in told if world.rules.signals[s].continuous):
        notes.note(world, bound, "link.interval", device.id)


def longest(world, device, signal):
    """The longest interval that a device alone is believed. # contract §3"""
    cls = world.class_of(device)
    usual = cls.expected_interval if cls else 0
    if world.rules.limit_of(signal) is not None and world.rules.signals[signal].continuous:
        return max(MINUTE, usual)
    return max(DAY, 4 * usual)


def hear(world, device, principal, head, newest, could_live):
    """The offset to add to stamps of this message, by hop. # contract §0.8, §3"""
    relay = head.relay
    trusted = device.trusted
    told = relay and (relay["sent_at"] or relay["received_at"])
    clock = world.clocks.setdefault((principal, device.id, principal != device.id or bool(told)), Clock())
    sent = told or newest
    heard = clock.hear(world.now, sent, trusted) if could_live else clock.remembered(world.now, sent, trusted)
    if relay is None:
        return heard
    if relay["device_clock"] is None:
        return heard
    reference = relay["received_at"] or relay["sent_at"]
    if reference is None:
        return Heard(world.now - relay["device_clock"], False)
    first = reference - relay["device_clock"]
    stepped = None if heard.stepped_from is None else heard.stepped_from + first
    return Heard(heard.offset + first, heard.certain, heard.queue, stepped, first)


def lag(world, device, principal, head, kind, entries, heard):
    """What a message shows of its clock by its newest stamp, corrected. # contract §3 A clock that lags"""
    stamps = [readings.entry_time(one, head)[0] for one in entries
              if (one.get("status") or "final") in ("final", "preliminary")]
    stamps = [stamp for stamp in stamps if stamp is not None]
    relay = head.relay
    kept = relay and relay["sent_at"] and relay["received_at"] and relay["sent_at"] - relay["received_at"] > KEPT
    if not stamps or kept or kind not in ("telemetry", "events"):
        return None
    told = relay and (relay["sent_at"] or relay["received_at"])
    known = world.lags.setdefault((principal, device.id, principal != device.id or bool(told)), Lag())
    newest = max(stamps) + heard.offset
    if kind == "events":
        return known.of(world.now, newest)
    return known.hear(world.now, newest, head.sent_at, head.seq is not None)


class Taken:
    """How the times of one message are taken."""

    def __init__(self, world, device, head, heard, could_live, old, retained, waited):
        self.world, self.device, self.head, self.heard = world, device, head, heard
        self.could_live, self.old, self.retained, self.waited = could_live, old, retained, waited
        self.by_arrival = False
        self.suspect = False
        timeline = head.timeline
        self.old_timeline = timeline is not None and device.timeline is not None and timeline < device.timeline
        if timeline is not None and not self.old_timeline:
            device.timeline = timeline

    def is_of_now(self, stamp, signal=None):
        """Too old by its stamp, and not by the newest of its message: its clock lags. # contract §3 A clock that lags"""
        behind, cls = self.heard.behind, self.world.class_of(self.device)
        if behind is None or stamp is None or (cls and cls.charted):
            return False
        window, at = self.world.live_window(self.device, signal), stamp + self.heard.offset
        return behind.lag > window and self.world.now - at > window and behind.newest - at <= window

    def place(self, stamp, age=None, stopped=False):
        """(measured, certain, ambiguous) of one stamp. # contract §3, §0.11aa, §0.11b, §0.21"""
        now, heard = self.world.now, self.heard
        self.by_arrival = False
        if stamp is None:
            return (now - (age or 0), True, False) if self.could_live else self._by_arrival()
        at = stamp + heard.offset
        if self.is_charted(at):
            return at, not self.past, False
        first = self.device.registered - DAY
        impossible = at > now + 5 * MINUTE or min(at, stamp + heard.implant) < Y2000 or self.old_timeline or (stopped and self.could_live)
        too_early = (at < now - OLDEST or (at < first and not heard.queue)) and self.could_live
        if impossible or too_early:
            self.suspect = True
            return *self._by_arrival()[:2], self._by_old_clock(stamp, now, True)
        at = min(at, now)
        if heard.stepped_from is not None and abs(now - stamp - heard.implant) > 30 * US:
            return at, self._is_of_people() and not self.past, self._by_old_clock(stamp, at, False)
        return at, (heard.certain or self._is_of_people()) and not self.past, False

    def _is_of_people(self):
        """What they chart has no doubtful time. # contract §3"""
        cls = self.world.class_of(self.device)
        return bool(cls and cls.charted)

    def _by_arrival(self):
        """Nothing is known of its time but that it came. # contract §3"""
        self.by_arrival = True
        return self.world.now, False, False

    def too_old(self, stamp, measured):
        """What of a backlog is a dead letter for its age, by the stamp and by its corrected time. # contract §3, §0.8"""
        kept_from = self.world.now - RETENTION
        return (self.waited and not self.by_arrival and stamp is not None
                and Y2000 <= stamp < kept_from and measured < kept_from)

    def is_charted(self, at):
        """What people chart up to 2 h ahead. # contract §0.21"""
        cls = self.world.class_of(self.device)
        return bool(cls and cls.charted) and self.world.now < at <= self.world.now + 2 * HOUR

    @property
    def past(self):
        """Never live. # contract §0.7, §3"""
        return self.old or (self.retained and not self.by_arrival)

    def _by_old_clock(self, stamp, after, suspect):
        """Who is told that nobody knows whose it is, where the old clock says another. # contract §0.11b

        A stamp that cannot be is of now, where nobody was bound to then.
        """
        heard, held = self.heard, self.world.bindings_of(self.device.id)
        if heard.stepped_from is None or abs(self.world.now - stamp - heard.implant) <= 30 * US:
            return None
        then, now = held.at(stamp + heard.stepped_from)[0], held.at(after)[0]
        if suspect and then is None:
            return None
        return None if then == now else now or then


def telemetry(world, device, head, entries, taken):
    """Readings in the order of their measured times. # contract §0.6

    Of one instant those come first that may name an emergency, so that what follows from it is folded wherever it
    stands in the message. # contract §0.22b
    """
    copies, peers = [], peers_of(world, device, head, entries)
    for index, raw in enumerate(entries):
        try:
            copy, age = readings.reading(raw, head, device.id, world.rules, index)
        except Refused as why:
            named = world.rules.signal(raw.get("signal", "")) if isinstance(raw.get("signal"), str) else None
            if named:
                world.not_judged.setdefault((device.id, named[0]), {}).setdefault(f"rejected: {why}", []).append(world.now)
            continue
        copy.arrival, copy.step = world.now, world.number
        if copy.stamp is not None:
            timeline = head.timeline if head.timeline is not None else device.timeline or 0
            identity = device.id, copy.signal, copy.instance, copy.stamp, timeline
            # An alarm knows what it stands on, however long ago that was.
            withdraws = copy.status == "entered-in-error"
            copy.identity = world.named.get(identity, identity) if withdraws else known_as(world, copy, identity)
        came = world.instants.setdefault(copy.identity, []) if copy.stamp is not None else []
        before = [c for c in came if not c.gone]
        lags = taken.is_of_now(copy.stamp, copy.signal)
        corrected = any(c.status == "corrected" for c in before)
        stands = lags and taken.heard.behind.stands and copy.status == "final" and not corrected
        stopped = stands or stands_still(world, device, head, copy, came, peers)
        # What was withdrawn came, whichever of the two was first.
        withdrawn = world.source(device.id, copy.signal, copy.instance).taken_back(copy.identity)
        copy.anew = stopped and any(not differs(c, copy) for c in (*came, *withdrawn))
        if judging.is_known_copy(world, copy):
            continue
        suspected = taken.suspect
        copy.measured, copy.certain, copy.ambiguous_time = taken.place(copy.stamp, age, stopped or lags)
        if judging.is_unfit_again(world, copy) or judging.is_nobodys_again(world, copy, came):
            continue
        if copy.status == "entered-in-error":
            # It names a reading of before, and says nothing of the clock now.
            taken.suspect = suspected
        copy.past, copy.timeless = taken.past, taken.by_arrival and not taken.could_live
        if copy.stamp is not None and taken.is_charted(copy.stamp + taken.heard.offset):
            copy.judged_at = world.now
        # Where nothing of it counts any more, that of the last.
        first = before or (last_withdrawn(world, copy, came) if copy.status == "corrected" else [])
        if first and (copy.status == "corrected" or not taken.by_arrival):
            # One instant has one time, whatever clocks did since.
            # What people chart ahead is judged when it comes.
            ahead = copy.stamp is not None and taken.is_charted(copy.stamp + taken.heard.offset)
            # By the limits of its arrival where the time of its instant is ahead as well.
            copy.judged_at, copy.charted = world.now if ahead else first[0].at, ahead and first[0].measured > world.now
            copy.measured, copy.settled, copy.first_came = first[0].measured, True, first[0].arrival
            copy.last_came = max((c.arrival for c in first if c.status != "corrected"), default=copy.first_came)
            copy.ambiguous_time = False
        if taken.too_old(copy.stamp, copy.measured):
            world.not_judged.setdefault((device.id, copy.signal), {}).setdefault("rejected: too_old", []).append(world.now)
            continue
        if copy.status != "entered-in-error":
            came.append(copy)
            if copy.stamp is not None:
                remember(world, copy)
        elif copy.mode == "real" and copy.stamp is not None:
            # What was withdrawn before it came is known as well.
            remember(world, copy)
        copy.young = not was_judged(world, copy) and judging.is_young(world, device, copy)
        copy.timed = copy.certain
        if copy.unit_doubtful:
            copy.certain = False
        copies.append(copy)
    if taken.suspect:
        # What shows that the clock is wrong is known before what the same message says else.
        world.suspects[device.id] = world.now
    in_conflict(world, copies)
    ordered = sorted(copies, key=lambda c: (c.stamp is not None, c.stamp or 0, -folded(world, c.signal)))
    for copy in ordered:
        judging.take(world, device, copy)
        world.settle_courses()
        losses.settle(world)
        world.alarms.fire(world.now)
    suspect(world, device, taken)


def folded(world, signal):
    """How much follows from an emergency that a signal may name."""
    return max((len(rule.folds) for rule in world.rules.limits.values() if rule.signal == signal), default=0)


def peers_of(world, device, head, entries):
    """The values of one message by what they are of."""
    found = {}
    for raw in entries:
        try:
            copy, _ = readings.reading(raw, head, device.id, world.rules, 0)
        except (Refused, TypeError, KeyError):
            continue
        if not copy.absent and copy.status not in ("entered-in-error", "corrected") and judging.fit(world, copy):
            found.setdefault((copy.signal, copy.instance, copy.stamp), []).append(copy)
    return found


def last_withdrawn(world, copy, came):
    """Of the values of an instant that were withdrawn the one that came last, as it came first. # contract §2 Same reading"""
    before, firsts = world.source(copy.device, copy.signal, copy.instance).withdrawals(copy.identity)[-2:-1], []
    for one in came:
        if all(step < one.step for step in before) and all(differs(one, other) for other in firsts):
            firsts.append(one)
    return sorted(firsts or came[-1:], key=lambda c: c.arrival)[-1:]


def stands_still(world, device, head, copy, came, peers):
    """A clock that still gives the time it gave two minutes before, for another value, or for one of several that only
    came late. # contract §0.1a
    """
    cls = world.class_of(device)
    if copy.stamp is None or copy.status != "final" or (cls and cls.charted):
        return False
    if head.sent_at not in (None, copy.stamp):
        return False
    before = [c for c in came if not c.gone]
    if any(c.status == "corrected" for c in before):
        # No other value of what was corrected counts.
        return False
    same = [c for c in came if not differs(c, copy)]
    others = any(differs(c, copy) and was_judged(world, c) for c in before)
    others = others or any(differs(c, copy) for c in peers.get((copy.signal, copy.instance, copy.stamp), ()))
    if same and not (came_late(world, same) and others):
        return False
    return any(world.now - c.arrival > STOPPED for c in before)


def was_judged(world, copy):
    """For whomever; what is implausible is no value."""
    return copy.fresh and judging.fit(world, copy)


def came_late(world, same):
    """Whether copies of one value were judged, and the last of them for the past only; or withdrawn, and the first was."""
    judged = [c for c in same if was_judged(world, c)]
    gone = [c for c in same if c.gone]
    return not judged[-1].came_live if judged else bool(gone) and not gone[0].young


def known_as(world, copy, identity):
    """One that is older than the last 16 of its series, and comes again, is another. # contract §2 Same reading"""
    name = world.named.get(identity, identity)
    known = world.known.get((copy.device, copy.signal, copy.instance), ())
    if name in world.instants and all(one[0] != name for one in known):
        world.names.setdefault(identity, []).append(name)
        name = world.named[identity] = *identity, world.number
    return name


def remember(world, copy):
    """The last 16 of a series are known. # contract §2 Same reading"""
    known = world.known.setdefault((copy.device, copy.signal, copy.instance), [])
    one = copy.identity, copy.value, copy.unit, copy.comparator, copy.word
    if one not in known:
        known.append(one)
        del known[:-KNOWN]


def in_conflict(world, copies):
    """Two values under one identity in one message: neither refreshes. # contract §0.1a"""
    # One that says it corrects takes the place of the others.
    measured = [c for c in copies if not c.absent and c.status in ("final", "preliminary") and judging.contradicts(world, c)]
    for copy in measured:
        if any(c.identity == copy.identity and differs(c, copy) for c in measured):
            copy.contradicted = True


def believed(world, device, patient):
    """A certain live reading or event, long enough after the last suspect stamp."""
    if world.now - world.suspects.get(device.id, 0) >= SUSPECT_HELD:
        world.alarms.over((patient, "clock.suspect", device.id), world.now)


def suspect(world, device, taken):
    """# contract §3, issue: one good and one absurd stamp in turn"""
    patient = world.bindings_of(device.id).patient_now()
    key = patient, "clock.suspect", device.id
    if taken.suspect:
        world.suspects[device.id] = world.now
        if patient is not None:
            world.alarms.hold(*key, "medium", world.now, kind="technical", resettable=True)
