"""Alarms: the table of transitions, and nothing of why a condition holds."""

from dataclasses import dataclass

from . import names, pauses, responsibility_acts
from .names import MOMENTARY_HELD
from .rules import ORDER
from .when import MINUTE, US

HOLDS = {"high": 10 * MINUTE, "medium": 60 * MINUTE, "low": 60 * MINUTE, "info": 60 * MINUTE}
LONGEST_PAUSE = {"high": 2 * MINUTE, "medium": 10 * MINUTE, "low": 60 * MINUTE, "info": 60 * MINUTE}
COALESCE = US
HOUR = 60 * MINUTE
OUTLASTS = 2 * US
EPISODE_KNOWN = 10 * MINUTE
COMMENT = 1000
RESPONSES = ("immediate", "prompt", "same_day", "next_working_day")


def more_urgent(one, other):
    return min(one, other, key=RESPONSES.index)


def usual(priority):
    """What is not said: of equipment high at once, anything else within minutes."""
    return "immediate" if priority == "high" else "prompt"


@dataclass(eq=False)
class Alarm:
    """One episode for (patient, rule, source), from raised to closed."""

    patient: str | None
    rule: str
    source: str
    kind: str
    priority: str
    condition: str
    raised_at: int
    response: str
    late: bool = False
    device: str | None = None
    first_priority: str = ""
    latched: bool = False
    acked_at: int | None = None
    acked_until: int | None = None
    paused_until: int | None = None
    paused_how: str | None = None
    remind_at: int | None = None
    sound_only: bool = False
    scope: object = None
    recurrence: int = 0
    news_kind: str = "condition"
    first_news: str = "condition"
    told_at: int = 0
    untold: bool = False
    beyond_at: int | None = None
    rests: bool = False
    expires: int | None = None
    quiet: bool = False
    kept_back: int | None = None
    unfolds_at: int | None = None
    signal: str | None = None
    resettable: bool = False
    folds: tuple = ()
    reported: int | None = None
    by_reading: bool = False
    stands: tuple | None = None
    rose: bool = False
    event: str | None = None
    acknowledge_for: int | None = None
    beyond: tuple | None = None
    known: int = 0
    forgotten: bool = False
    acked_by: str | None = None
    ladder: object = None
    ends: int | None = None
    held_since: int | None = None
    ward: str | None = None
    outlasted: int = 0
    outlasted_since: int = 0

    @property
    def key(self):
        return self.patient, self.rule, self.source

    @property
    def state(self):
        """By precedence: off, paused, acknowledged, then latched or alarming. # contract §5"""
        if self.paused_how:
            return self.paused_how
        if self.acked_at is not None:
            return "acknowledged"
        return "latched" if self.latched else "alarming"

    def resume(self):
        """No pause of it any more."""
        self.paused_how = self.paused_until = self.scope = None
        self.sound_only, self.remind_at = False, None

    @property
    def is_kept_back(self):
        """Nobody is called: a pause of sound delays nothing of that. # contract row 14"""
        return self.paused_how is not None and not self.sound_only

    @property
    def holds(self):
        """How long an acknowledgement holds: what the rule or the class says, else by priority. # contract §5, §0.13"""
        return self.acknowledge_for or self.usually_holds

    @property
    def usually_holds(self):
        """By its priority alone."""
        equipment = self.kind == "technical" and self.patient is not None
        return max(HOLDS[self.priority], 30 * MINUTE if equipment else 0)

    @property
    def latches(self):
        """Physiological with a peak of high or medium. # contract §5"""
        return self.kind == "physiological" and ORDER[self.priority] >= ORDER["medium"]


class Alarms:
    """All open alarms, and what was said since the last answer."""

    def __init__(self):
        self.open = {}
        self.ever = {}
        self.announced = []
        self.closed = []
        self.heard = []
        self.scopes = []
        self.ended, self.told_over, self.reminded = {}, [], []
        self.duty = self.outages = None

    def take(self):
        """What was said since the last time."""
        said = [sorted(one, key=str) for one in (self.announced, self.closed, self.told_over, self.reminded)]
        self.announced, self.closed, self.told_over, self.reminded = [], [], [], []
        return said

    def announce(self, alarm, now):
        """Information is shown, not announced. # contract §0.22"""
        alarm.told_at, alarm.untold = now, False
        silent = alarm.priority == "info" or alarm.quiet or alarm.is_kept_back or self._twice_an_hour(alarm, now)
        if self.duty is not None and self.open.get(alarm.key) is alarm:
            self.duty.news(alarm)
        if silent:
            return
        self.announced.append([alarm.patient, alarm.rule, alarm.source, alarm.priority, "late" if alarm.late else ""])

    def _twice_an_hour(self, alarm, now):
        """A patient's equipment is announced twice an hour for one cause, or graver than before. # contract §5"""
        alarm.kept_back = None
        if alarm.kind != "technical" or alarm.patient is None:
            return False
        hour = [(at, priority) for key, at, priority in self.heard if key == alarm.key and now - at < HOUR]
        if len(hour) >= 2 and ORDER[alarm.priority] <= max(ORDER[priority] for _, priority in hour):
            alarm.kept_back = hour[-2][0] + HOUR
            return True
        self.heard.append((alarm.key, now, alarm.priority))
        return False

    def raise_(self, patient, rule, source, priority, now, *, kind="physiological", condition="present",
               late=False, device=None, news="condition", signal=None, resettable=False, response=None,
               folds=(), beyond=None, known=None):
        """Row 1."""
        alarm = Alarm(patient, rule, source, kind, priority, condition, now, response or usual(priority), late, device, signal=signal,
                      first_priority=priority, news_kind=news, first_news=news, resettable=resettable, folds=folds, beyond=beyond,
                      known=now if known is None else known)
        alarm.quiet = self.follows(alarm)
        alarm.scope = pauses.over(self.scopes, alarm, now)
        if alarm.scope is not None:
            # Row 2: no longer than any alarm of its priority.
            alarm.paused_how, alarm.paused_until = "paused", min(alarm.scope.until, now + LONGEST_PAUSE[priority])
        self.open[alarm.key] = alarm
        self._hold(alarm, now)
        if self.duty is not None:
            self.duty.raised(alarm)
        self.announce(alarm, now)
        return alarm

    def follows(self, alarm):
        """Whether a present emergency of the patient, or the outage of a sender, says this already. # contract §0.22b, §5"""
        return self.outages.decides(alarm) or self._follows_present(alarm)

    def _follows_present(self, alarm):
        return any(one.patient == alarm.patient and one.key != alarm.key and self._explains(one, alarm) for one in self.open.values())

    def _explains(self, one, alarm):
        """Known to be present, or it was when the other was last heard of. # contract §5 Emergencies"""
        if one.quiet or not (self._names(one, alarm) or self._graver(one, alarm) or self.groups(one, alarm)):
            return False
        if one.condition == "present" and not one.forgotten:
            return True
        return one.condition in ("present", "unknown") and alarm.known - one.known < OUTLASTS

    def _names(self, one, alarm):
        """Over one of its signals, no graver, not of other equipment, no emergency from which more follows. # contract §5"""
        if alarm.signal not in one.folds:
            return False
        ours = alarm.kind != "technical" or one.source.split("/")[0] == alarm.source.split("/")[0]
        return ours and set(alarm.folds) <= set(one.folds) and ORDER[one.priority] >= ORDER[alarm.priority]

    def _graver(self, one, alarm):
        """The same series beyond the same side, and graver. # contract §5 Emergencies"""
        return alarm.beyond is not None and one.beyond == alarm.beyond and ORDER[one.priority] > ORDER[alarm.priority]

    @staticmethod
    def groups(one, alarm):
        """The same limit rule over another device of the same patient, no graver. # contract §5 Several devices"""
        limits = one.beyond is not None and alarm.beyond is not None and (one.patient, one.rule) == (alarm.patient, alarm.rule)
        return limits and one.device != alarm.device and ORDER[one.priority] >= ORDER[alarm.priority]

    def grouped_with(self, alarm):
        """The alarms of the same rule that are announced for this one as well, of another device or other sensors."""
        same = [one for one in self.open.values() if alarm.quiet and one is not alarm and one.rule == alarm.rule and one.beyond is not None]
        return [one for one in same if one.patient == alarm.patient and self._explains(one, alarm)]

    def _known_until(self, alarm):
        """An episode that nobody ended is known to go on for a while. # contract §5"""
        known = alarm.reported is not None and alarm.folds and alarm.condition == "present" and not alarm.forgotten
        return alarm.reported + EPISODE_KNOWN if known else None

    def episodes_unknown(self, patient, device, now):
        """The device is silent: nobody knows whether an episode of it goes on. # contract §5"""
        for alarm in self.open.values():
            if alarm.patient == patient and alarm.device == device and self._known_until(alarm) is not None:
                alarm.forgotten, alarm.known = True, now

    def _hold(self, alarm, now):
        """Low and info ones that are momentary are held 24 h; technical ones too. # contract §5"""
        held = alarm.condition == "momentary" and (ORDER[alarm.priority] <= 1 or alarm.kind == "technical")
        alarm.expires = now + MOMENTARY_HELD if held else None

    def _void(self, alarm):
        alarm.acked_at = alarm.acked_until = None

    def hold(self, patient, rule, source, priority, now, *, once=False, **about):
        """The condition is present: rows 1, 7, 12, 17, 20. `once`: a rise is not news. # contract §0.15"""
        alarm = self.open.get((patient, rule, source))
        if alarm is None:
            return self.raise_(patient, rule, source, priority, now, **about)
        before, latched = alarm.condition, alarm.latched
        alarm.folds, alarm.beyond = about.get("folds", alarm.folds), about.get("beyond", alarm.beyond)
        rose = ORDER[priority] > ORDER[alarm.priority]
        alarm.response = more_urgent(alarm.response, about.get("response") or usual(priority))
        once = once and alarm.acked_at is None and not alarm.paused_how and alarm.kept_back is None and priority != "high"
        if rose:
            alarm.priority = priority
            alarm.rose = alarm.rose or not once
        if rose or before != "present":
            alarm.known = about.get("known", now)
        if (rose or before == "absent") and not (alarm.quiet and rule == names.SILENCE and priority != "high"):
            alarm.quiet, alarm.unfolds_at = self.follows(alarm), None
        alarm.condition, alarm.expires = "present", None
        if latched or before == "momentary":
            self._recur(alarm, now, late=False)
        elif before == "unknown" and not rose and alarm.is_kept_back:
            # Data that come back are told at the end of the pause. # contract row 7
            pass
        elif before == "unknown":
            if rose:
                alarm.resume()
            self._news(alarm, now)
        elif rose and not once:
            alarm.resume()
            alarm.rose = True
            self._news(alarm, now)
        return alarm

    def _news(self, alarm, now):
        self._void(alarm)
        self.announce(alarm, now)

    def again(self, alarm, now):
        """The same goes on, and more of it."""
        alarm.recurrence += 1
        alarm.resume()
        self._news(alarm, now)

    def _recur(self, alarm, now, late):
        """# contract row 20, §0.12"""
        alarm.latched, alarm.late = False, late
        alarm.recurrence += 1
        alarm.news_kind = "condition"
        self.ended.pop(alarm.key, None)
        alarm.resume()
        self._news(alarm, now)

    def momentary(self, patient, rule, source, priority, now, *, news="condition", **about):
        """What has no end: a single event, a late excursion. Every one is news. # contract §5, §0.12"""
        alarm = self.open.get((patient, rule, source))
        if alarm is None:
            return self.raise_(patient, rule, source, priority, now, condition="momentary", news=news, **about)
        over = alarm.condition == "absent"
        alarm.rose = alarm.rose or over
        rose = ORDER[priority] > ORDER[alarm.priority]
        alarm.known, alarm.forgotten, alarm.beyond = now, False, None
        alarm.response = more_urgent(alarm.response, about.get("response") or usual(priority))
        alarm.priority, alarm.rose = (priority, True) if rose else (alarm.priority, alarm.rose)
        if rose or over:
            alarm.quiet, alarm.unfolds_at = self.follows(alarm), None
        alarm.recurrence += 1
        alarm.latched = False
        alarm.news_kind = news
        alarm.late = about.get("late", False)
        if alarm.condition not in ("present", "unknown"):
            alarm.condition = "momentary"
        self._hold(alarm, now)
        # News is coalesced to one transition a second. # contract §0.17
        if now - alarm.told_at >= COALESCE or rose or over:
            self._void(alarm)
            alarm.resume()
            self.announce(alarm, now)
        else:
            alarm.untold = True
        return alarm

    def over(self, key, now, reason="ended"):
        """The condition is absent: rows 4, 5, 8, 11, 16, 22."""
        alarm = self.open.get(key)
        if alarm is None or alarm.condition not in ("present", "unknown"):
            return
        if reason == "ended" and alarm.condition == "unknown":
            reason = "ended_after_gap"
        if alarm.paused_how:
            if alarm.latches or reason != "limit_changed":
                # Told at the end of the pause, of several of one rule and source the last. # contract row 16
                unheard = alarm.latches and alarm.scope is not None and alarm.priority == "high"
                self.ended[alarm.key] = alarm.paused_until, alarm.scope, unheard
            alarm.resume()
            self._void(alarm)
            if not alarm.latches:
                return self.close(alarm, reason if reason == "limit_changed" else "ended_while_paused")
        elif reason == "limit_changed":
            # contract row 22: what a person changed is no answer to what was.
            self._void(alarm)
        elif alarm.acked_at is not None:
            return self.close(alarm, reason)
        if not alarm.latches:
            return self.close(alarm, reason)
        alarm.condition, alarm.latched = "absent", True

    def unknown(self, key):
        """Row 6: as it was, nothing ends."""
        alarm = self.open.get(key)
        if alarm is not None and alarm.condition == "present":
            alarm.condition = "unknown"

    def close(self, alarm, reason):
        self.open.pop(alarm.key, None)
        if alarm.latched and alarm.key in self.ended:
            until, scope, _ = self.ended.pop(alarm.key)
            if reason != "retracted":
                # It was over; what was told in error was nothing.
                self.ended[alarm.key] = until, scope, False
        self.ever[alarm.key] = self.ever.get(alarm.key, 0) + 1
        self.closed.append([alarm.patient, alarm.rule, alarm.source, reason])

    # --- Time -------------------------------------------------------------------------------------

    def deadlines(self):
        for alarm in self.open.values():
            for due in (alarm.acked_until, alarm.paused_until, alarm.expires, alarm.remind_at):
                if due is not None:
                    yield due
            if alarm.untold:
                yield alarm.told_at + COALESCE
            if alarm.unfolds_at is not None:
                yield alarm.unfolds_at
            if alarm.kept_back is not None:
                yield alarm.kept_back
            if self._known_until(alarm) is not None:
                yield self._known_until(alarm)
        yield from (until for until, *_ in self.ended.values())

    def fire(self, now):
        """Acknowledgements, pauses and held alarms that run out: rows 10, 15."""
        for alarm in self.open.values():
            if (self._known_until(alarm) or now + 1) <= now:
                alarm.forgotten, alarm.known = True, now
        # What is graver first, from which the others may follow.
        for alarm in sorted(self.open.values(), key=lambda one: (-len(one.folds), -ORDER[one.priority], str(one.key))):
            self._unfold(alarm, now)
        for alarm in sorted(self.open.values(), key=lambda one: str(one.key)):
            if alarm.kept_back is not None and alarm.kept_back <= now and not alarm.is_kept_back:
                alarm.kept_back = None
                if not alarm.quiet:
                    self._news(alarm, now)
            if alarm.expires is not None and alarm.expires <= now:
                self.close(alarm, "expired")
                continue
            if alarm.paused_until is not None and alarm.paused_until <= now:
                self._end_pause(alarm, now)
            if alarm.remind_at is not None and alarm.remind_at <= now:
                # What is off is recalled each time a pause would be over.
                self.reminded.append(list(alarm.key))
                alarm.remind_at = now + LONGEST_PAUSE[alarm.priority]
            runs_out = alarm.acked_until is not None and alarm.acked_until <= now
            # What runs out meanwhile waits for the end of the pause. # contract row 15
            if runs_out and not alarm.is_kept_back and self._has_news(alarm):
                self._news(alarm, now)
            if alarm.untold and alarm.told_at + COALESCE <= now:
                alarm.resume()
                self._news(alarm, now)
        self._tell_ended(lambda until, _: until <= now, now)

    def _end_pause(self, alarm, now):
        """Row 15: what is not known to be over is announced now, and what was high and over before anybody heard of it."""
        unheard = alarm.scope is not None and alarm.priority == "high"
        alarm.resume()
        if alarm.condition != "absent":
            self._news(alarm, now)
        elif unheard:
            self.announce(alarm, now)

    def _tell_ended(self, is_due, now):
        """What was over while it was paused is told once more, and calls nobody, but for what is high, latched and was never
        heard of. # contract row 16"""
        for key in [key for key, (until, scope, _) in self.ended.items() if is_due(until, scope)]:
            *_, unheard = self.ended.pop(key)
            if unheard and key in self.open:
                self.announce(self.open[key], now)
            else:
                self.told_over.append(list(key))

    def end_stay(self, patient):
        """Every pause of somebody ends with the stay."""
        for key in [key for key in self.ended if key[0] == patient]:
            del self.ended[key]
            self.told_over.append(list(key))

    def end_scope(self, scope, now):
        """What began under a pause comes back with its end. # contract §5 Pauses"""
        self.scopes.remove(scope)
        for alarm in sorted(self.open.values(), key=lambda one: str(one.key)):
            if alarm.scope is scope:
                self._end_pause(alarm, now)
        self._tell_ended(lambda _, of: of is scope, now)

    def _unfold(self, alarm, now):
        """Told where it outlasts the emergency by 2 s, as far as that is known. # contract §5 Emergencies"""
        if not alarm.quiet:
            return
        if alarm.unfolds_at is None and not self.outages.explains(alarm) and not self._follows_present(alarm):
            alarm.unfolds_at = now + (self.outages.within(alarm) if alarm.rule == names.SILENCE else OUTLASTS)
        elif alarm.unfolds_at is not None and alarm.unfolds_at <= now and alarm.rule != names.SILENCE:
            self.stand_alone(alarm, now, self.follows(alarm))

    def stand_alone(self, alarm, now, quiet=False):
        """What followed from another is announced, but for what is answered, or follows from yet another."""
        alarm.unfolds_at, alarm.quiet = None, quiet
        told = alarm.acked_at is None and not alarm.latched and not alarm.is_kept_back
        if not quiet and told and alarm.condition != "unknown":
            self.announce(alarm, now)

    def _has_news(self, alarm):
        """Row 10 asks that the newest reading since lies beyond the limit, or for silence. # contract §0.13"""
        if alarm.condition == "unknown" or not alarm.by_reading:
            return True
        if alarm.beyond_at is None or alarm.beyond_at <= alarm.acked_at:
            return False
        return not alarm.rests or alarm.beyond_at >= alarm.acked_until

    # --- Commands ---------------------------------------------------------------------------------

    def find(self, patient, rule, source):
        return self.open.get((patient, rule, source))

    def act(self, command, now, until):
        """# contract rows 9, 13, 14, 18, 19, 27"""
        alarm = self.find(command.get("patient"), command["rule"], command["source"])
        if alarm is None:
            closed = (command.get("patient"), command["rule"], command["source"]) in self.ever
            return "conflict" if closed else "not_found"
        if not command.get("actor"):
            return "invalid"
        act = command["act"]
        if act not in ("comment", "received") and command.get("seen") == "first" and self._rose(alarm):
            return "conflict"
        if act in responsibility_acts.ACTS:
            return responsibility_acts.ACTS[act](self.duty, alarm, command["actor"])
        return getattr(self, "_" + act)(alarm, command, now, until)

    def _rose(self, alarm):
        """Valid for the priority and kind of news its sender saw. # contract §0.17"""
        if alarm.rose:
            return True
        return alarm.recurrence > 0 and not (alarm.news_kind == alarm.first_news == "event")

    def _acknowledge(self, alarm, command, now, until):
        if alarm.latched:
            self._reset_now(alarm)
            return "done"
        if alarm.acked_at is not None and not alarm.paused_how:
            return "already_so"
        alarm.resume()
        alarm.acked_at, alarm.kept_back = now, None
        alarm.acked_until = None if alarm.condition == "momentary" else now + alarm.holds
        alarm.acked_by = command["actor"]
        if self.duty is not None:
            responsibility_acts.acknowledged(self.duty, alarm, command["actor"])
        return "done"

    def _unacknowledge(self, alarm, command, now, until):
        if alarm.acked_at is None:
            return "already_so"
        self._news(alarm, now)
        return "done"

    def taken_back(self, alarm):
        """By who gives it back: that announces nothing."""
        self._void(alarm)

    def _reset(self, alarm, command, now, until):
        reason = command.get("reason")
        if alarm.untold:
            return "conflict"
        if alarm.condition == "unknown":
            return self._closed(alarm, reason)
        if alarm.condition == "present":
            return self._closed(alarm, reason) if alarm.resettable else "conflict"
        return self._closed(alarm, True)

    def _closed(self, alarm, reason):
        if not reason:
            return "conflict"
        self._reset_now(alarm)
        return "done"

    def _reset_now(self, alarm):
        """Who resets what is latched knows that it is over."""
        self.ended.pop(alarm.key, None)
        self.close(alarm, "reset")

    def _pause(self, alarm, command, now, until):
        longest = now + LONGEST_PAUSE[alarm.priority]
        if until is not None and not now < until <= longest:
            return "invalid"
        ends, scope = self._unheard(alarm)
        self._inactivate(alarm, "paused", min(until or longest, ends or longest), command, now)
        # What nobody has heard of is announced when it would have been, however often it is paused anew.
        alarm.scope = scope
        return "done"

    def _unheard(self, alarm):
        """When what is high and began under a pause of a scope is announced, and that pause. # contract §5 Pauses"""
        if alarm.latched and not alarm.paused_how:
            until, scope, unheard = self.ended.get(alarm.key, (None, None, False))
            return (until, scope) if unheard else (None, None)
        if alarm.scope is None or alarm.priority != "high":
            return None, None
        return alarm.paused_until, alarm.scope

    def _off(self, alarm, command, now, until):
        if not command.get("reason") or until is None or not now < until <= now + pauses.LONGEST:
            return "invalid"
        return self._inactivate(alarm, "off", until, command, now)

    def _inactivate(self, alarm, how, until, command, now):
        """An acknowledgement stands beside it; what was over and is paused again has a pause that ends later. # contract row 14"""
        # Whoever switches it off has heard of it, and says why and until when.
        alarm.resume()
        if alarm.latched:
            self.ended.pop(alarm.key, None)
        alarm.sound_only = command.get("what") == "audio"
        if not alarm.sound_only:
            alarm.kept_back = None
        alarm.paused_how, alarm.paused_until = how, until
        alarm.remind_at = now + LONGEST_PAUSE[alarm.priority] if how == "off" else None
        return "done"

    def _resume(self, alarm, command, now, until):
        if not alarm.paused_how:
            return "already_so"
        self._end_pause(alarm, now)
        return "done"

    def _comment(self, alarm, command, now, until):
        return "done" if 0 < len(command.get("text", "").encode()) <= COMMENT else "invalid"
