"""One side of one limit rule over one series: a fold over everything that counts."""

from dataclasses import dataclass, field, replace

from . import units
from .rules import LEVELS, ORDER
from .when import MINUTE, US

APART = 30 * US


@dataclass
class Entry:
    """A reading to be judged, or a change (`judge`, `pause`, `forget`) at its place."""

    arrival: int
    at: int
    copy: object = None
    certain: bool = True
    counts: bool = False
    change: str | None = None
    limits: dict = field(default_factory=dict)
    shape: object = None
    reason: str = "limit_changed"
    told: bool = False
    of_signal: list = field(default_factory=list)


@dataclass(frozen=True)
class Shape:
    """How a series is judged on one side. `delays` by level; `gap` None for single measurements."""

    spot: bool
    delays: tuple
    clear_delay: int
    gap: int | None
    confirm: int | None
    hysteresis: tuple | None
    inclusive: bool


def clear_delay(rule, interval):
    """Slow clear by class, unless the rule says otherwise. # contract §0.14"""
    if rule.clear_delay is not None:
        return rule.clear_delay
    return MINUTE if interval <= 10 * US else 10 * MINUTE if interval <= 2 * MINUTE else 30 * MINUTE


def shape(rule, spot, interval, by_hand=False):
    """Spot rules have no delays and no gap. # contract §3, §0.21"""
    if spot:
        confirm = None if by_hand else rule.confirm
        return Shape(True, (("warning", 0), ("critical", 0)), 0, None, confirm, rule.hysteresis,
                     rule.inclusive_critical)
    gap = max(rule.gap or 0, 2 * interval)
    delays = (("warning", rule.delay), ("critical", rule.critical_delay))
    return Shape(False, delays, clear_delay(rule, interval), gap, None, rule.hysteresis, rule.inclusive_critical)


def limit_in(amounts, unit):
    """The limit in the unit sent, where one is given, without rounding. # contract §2"""
    for value, given in amounts:
        if given == unit:
            return value
    value, given = amounts[0]
    return units.convert(value, given, unit)


def crossed(copy, side, amounts, inclusive):
    """True, False, or None where the comparator allows both. # contract §0.4"""
    limit = limit_in(amounts, copy.unit)
    value = copy.value if side == "low" else -copy.value
    limit = limit if side == "low" else -limit
    comparator = copy.comparator
    if comparator and side == "high":
        comparator = comparator.translate(str.maketrans("<>", "><"))
    if comparator is None:
        return value < limit or (inclusive and value == limit)
    if comparator in ("<", "<="):
        # All allowed values are at most `value`: certain where that is beyond, else ambiguous.
        if value < limit or (value == limit and (inclusive or comparator == "<")):
            return True
        return None
    # At least `value`: certain where that is inside, else ambiguous.
    if value > limit or (value == limit and (not inclusive or comparator == ">")):
        return False
    return None


def clearly_inside(copy, side, amounts, hysteresis, inclusive):
    """Inside by the hysteresis."""
    if crossed(copy, side, amounts, inclusive) is not False:
        return False
    if hysteresis is None:
        return True
    limit = limit_in(amounts, copy.unit)
    by = units.convert_difference(hysteresis[0], hysteresis[1], copy.unit)
    inside = copy.value - limit if side == "low" else limit - copy.value
    return inside >= by - 1e-9


@dataclass
class Level:
    """One limit: clear, pending since, or present (and inside since)."""

    since: int | None = None
    due: int | None = None
    present: bool = False
    inside: int | None = None
    copy: object = None
    last: int | None = None
    ended: tuple | None = None
    by_limits: bool = False


class Course:
    """What follows for one side from the entries so far."""

    def __init__(self, side, shape, gaps):
        self.side, self.shape, self.gaps, self.put_off = side, shape, gaps, gaps.put_off
        self.levels = {level: Level() for level in LEVELS}
        self.unknown = False
        self.lost = self.lost_copy = None
        self.losses = 0
        self.reason = "ended"
        self.newest_arrival = None
        self.newest_at = None
        self.came = self.alive = self.said_at = None
        self.sound = []
        self.doubtful = None
        self.arrived = None
        self.beyond_at = None
        self.spoke = False
        self.left = {}
        self.judged_at, self.rests, self.beyond_by = None, False, {}
        self.run = []
        self.changed_at = self.lifted_at = self.held_at = None
        self.stays = False
        self.heard_since = False
        self.held = []

    @property
    def certain(self):
        """The latest certain entry that still counts."""
        return self.sound[-1] if self.sound else None

    @property
    def level(self):
        """The level that is present, or None."""
        for name in LEVELS:
            if self.levels[name].present:
                return name
        return None

    @property
    def newest_level(self):
        """The worse of the levels that the newest reading beyond lies beyond."""
        known = {name: level.last for name, level in self.levels.items() if level.since is not None and level.last is not None}
        return next((name for name in LEVELS if known and known.get(name) == max(known.values())), None)

    @property
    def pending(self):
        """Whether a delay is running."""
        return any(level.since is not None and not level.present for level in self.levels.values())

    @property
    def repeat_due(self):
        """A first single measurement waits for its repeat. # contract §7"""
        warning = self.levels["warning"]
        return self.shape.confirm is not None and warning.since is not None and not self.level

    def deadlines(self):
        found = [l.due for l in self.levels.values() if l.since is not None and not l.present and l.due is not None]
        found = [self.put_off(due) for due in found]
        if self._known_until() is not None and (not self.unknown or any(
            l.since is not None and not l.present for l in self.levels.values()
        )):
            found.append(self._known_until())
        return found

    def _known_until(self):
        if self.shape.gap is None or self.newest_arrival is None:
            return None
        return self.put_off(self.newest_arrival + self.shape.gap)

    def _is_past(self, entry):
        """Whether the tolerated gap is over, however long a window without intake put it off."""
        return entry.arrival >= self._known_until()

    def advance(self, now):
        """Delays and the tolerated gap run out."""
        until = self._known_until()
        waiting = [level for level in self.levels.values() if level.since is not None and not level.present and level.due is not None]
        # Whichever of the two fell first, however long both were put off.
        waiting = [level for level in waiting if until is None or level.due <= self.newest_arrival + self.shape.gap]
        if any(self.put_off(level.due) <= now for level in waiting):
            # What is due at the same moment is told at once.
            for level in waiting:
                level.present = self.gaps.moment(level.due) <= now
            self.held_at = max(self.gaps.moment(level.due) for level in waiting if level.present)
        if until is not None and now >= until:
            self._gap()

    def _gap(self):
        """# contract rows 3 and 6"""
        if not self.level:
            pending = next((n for n in LEVELS if self.levels[n].since is not None), None)
            copy = self.levels[pending].copy if pending else None
            # Whoever takes over was told of no loss; what his own limits began since is his.
            if copy is not None and not (copy.inherited and not self.levels[pending].by_limits):
                self.lost = pending if self.lost is None else min(pending, self.lost, key=LEVELS.index)
                self.lost_copy = copy
                self.losses += 1
        for level in self.levels.values():
            level.inside = level.ended = None
            if not level.present:
                level.since = level.due = None
        # Delays that ran begin again: what they began with is of nothing that is told later.
        self.run = self.run if self.level else []
        self.unknown, self.heard_since = True, False

    def feed(self, entry):
        """The next entry, in the order of judgement."""
        self.advance(entry.arrival)
        self.shape = entry.shape or self.shape
        if entry.change:
            self._change(entry)
        elif self.shape.spot:
            self._spot(entry)
        else:
            self._stream(entry)

    def hear(self, entry):
        """A reading that this limit does not judge now."""
        self.advance(entry.arrival)
        if not self.shape.spot:
            self._run_on(entry)
        self._note(entry, {})

    def _run_on(self, entry):
        """What is in flight may still say otherwise: a delay runs on from the arrival of the newest."""
        delays = dict(self.shape.delays)
        self.came = max(self.came or entry.at, entry.at)
        if self.arrived is None or not entry.copy.corrects:
            self.arrived = entry.arrival
        for name, level in self.levels.items():
            if level.since is not None:
                # One that began with its limit began when that did.
                rest = max(0, level.since + delays[name] - self.came)
                level.due = level.since + delays[name] if level.since > self.came else self.arrived + rest


    def _amounts(self, entry, name):
        return entry.limits.get((self.side, name))

    def _crossed(self, entry, name, copy=None):
        amounts = self._amounts(entry, name)
        if not amounts:
            return False
        return crossed(copy or entry.copy, self.side, amounts, self.shape.inclusive and name == "critical" and self.side == "low")

    def _clearly(self, entry, name):
        amounts = self._amounts(entry, name)
        if not amounts:
            return True
        inclusive = self.shape.inclusive and name == "critical" and self.side == "low"
        return clearly_inside(entry.copy, self.side, amounts, self.shape.hysteresis, inclusive)

    def _note(self, entry, answers):
        beyond = any(answers.values())
        if beyond or (entry.certain and None not in answers.values() and any(self._amounts(entry, name) for name in answers)):
            self.judged_at, self.rests = entry.arrival, not beyond
        for name in (name for name in answers if answers[name]):
            self.levels[name].last = max(self.levels[name].last or entry.at, entry.at)
        if beyond:
            self.beyond_by[self.newest_level] = entry.arrival
        self.heard_since = self.heard_since or beyond or (entry.certain and not entry.copy.corrects)
        # What corrects an earlier value is no sign of life.
        self.said_at = entry.arrival if self.said_at is None or not entry.copy.corrects else self.said_at
        if entry.certain:
            self.alive = self.said_at
            self.sound.append(entry)
            # What was measured before it says nothing against what is doubtful since.
            self.doubtful = self.doubtful if self.doubtful is not None and self.doubtful.at > entry.at else None
        elif self.doubtful is None or entry.at >= self.doubtful.at:
            self.doubtful = entry
        if beyond:
            self.beyond_at = entry.arrival
            self.run.append(entry.copy)
        elif not self.level and all(level.since is None for level in self.levels.values()):
            self.run = []
        # What is in doubt and beyond nothing is heard of no more than silence.
        self.spoke, self.stays = self.spoke or beyond or entry.certain, False
        if entry.counts:
            self.newest_arrival = entry.arrival
            self.newest_at = entry.at

    def _says(self, entry):
        """Whether a reading says that this side is over: it has a limit, or had one until now."""
        return self.level is not None or any(self._amounts(entry, name) for name in LEVELS)

    def _stream(self, entry):
        says = self._says(entry)
        delays = dict(self.shape.delays)
        answers = {name: self._crossed(entry, name) for name in LEVELS}
        if self.came is not None and entry.certain and entry.at - self.came > self.shape.gap:
            self._gap()
        for name, level in self.levels.items():
            if answers[name]:
                level.inside = None
                self._go_on_from(level, entry)
                if level.since is None:
                    level.since, level.copy, level.by_limits = entry.at, entry.copy, False
                if max(entry.at, self.came or entry.at) - level.since >= delays[name]:
                    level.present = True
            elif answers[name] is False and entry.certain:
                self._inside(level, entry, name)
            elif level.since is not None and not level.present:
                # What says nothing shows that time went on.
                level.present = max(entry.at, self.came or entry.at) - level.since >= delays[name]
        self._run_on(entry)
        beyond = any(answers.values())
        ambiguous = any(answer is None for answer in answers.values())
        if beyond:
            self.unknown = False
            self.lost = None if entry.certain and not ambiguous and self._is_back(entry) else self.lost
        elif entry.certain and not ambiguous:
            self.lost = None if self._is_back(entry) else self.lost
            if not self.level and says:
                self.unknown = False
        self._note(entry, answers)

    @staticmethod
    def _is_back(entry):
        """Whether a reading shows that a signal is not lost: what was another's ends nothing that stood open before."""
        return not entry.copy.corrects and not entry.copy.inherited

    @staticmethod
    def _is_before(entry, level):
        """What was measured before it began does not end it; what is charted ahead counts as measured when it came."""
        measured = lambda copy: min(copy.measured, copy.arrival)
        return level.copy is not None and measured(entry.copy) < measured(level.copy)

    def _inside(self, level, entry, name):
        if level.since is not None and self._is_before(entry, level):
            return
        if not level.present:
            self._end_pending(level, entry, name)
        elif not self._amounts(entry, name):
            self._lifted(level, entry, name)
        elif not self._clearly(entry, name):
            level.inside = None
        elif self._begins_nothing(entry):
            return
        else:
            level.inside = entry.at if level.inside is None else level.inside
            if entry.at - level.inside >= self.shape.clear_delay:
                self._clear(level)

    def _begins_nothing(self, entry):
        """What is unknown begins to be over with a reading of its own. # contract §2 Same reading"""
        return self.unknown and entry.copy.corrects and not self.heard_since

    def _lifted(self, level, entry, name):
        """What no limit judges ends nothing, but for the limit that a person switched off. # contract §4"""
        if (self.side, name) in entry.limits:
            self._clear(level)
            self.lifted_at = entry.arrival

    def _end_pending(self, level, entry, name):
        """A delay that runs is over, until the value that ended it is corrected. # contract §2 Same reading"""
        self.reason = "ended"
        ran = level.since is not None and self._amounts(entry, name)
        level.ended = (entry.copy.identity, level.since, level.copy, level.due, list(self.run)) if ran else None
        level.since = level.due = None

    def _go_on_from(self, level, entry):
        """What ended a delay lies beyond after all."""
        ended, level.ended = level.ended, None
        if ended is not None and level.since is None and entry.copy.corrects and entry.copy.identity == ended[0]:
            _, level.since, level.copy, level.due, run = ended
            self.run = run + [one for one in self.run if one not in run]

    def _clear(self, level, reason="ended"):
        if not self.level:
            return
        level.since = level.due = level.inside = None
        level.present = False
        if not self.level:
            # What begins after it, also where another series or a limit said that it was over, is another excursion.
            self.run = self.run if self.pending else []
            self.reason = "ended_after_gap" if self.unknown and reason == "ended" else reason

    def _spot(self, entry):
        """# contract §7, §0.1a, §0.14"""
        says = self._says(entry)
        answers = {name: self._crossed(entry, name) for name in LEVELS}
        for name, level in self.levels.items():
            if answers[name]:
                self._spot_beyond(level, entry, name, answers)
            elif answers[name] is False and entry.certain:
                self._spot_inside(level, entry, name)
        beyond = any(answers.values())
        if beyond:
            self.unknown = False
        elif entry.certain and not self.level and says:
            self.unknown = False
        self._note(entry, answers)

    def _spot_beyond(self, level, entry, name, answers):
        level.inside = None
        self._go_on_from(level, entry)
        if level.since is None:
            level.since, level.copy = entry.at, entry.copy
            level.due = entry.arrival + self.shape.confirm if name == "warning" and self.shape.confirm else entry.arrival
        confirmed = entry.at - level.since >= APART
        if level.due <= entry.arrival or confirmed or answers["critical"] or self.levels["critical"].present:
            level.present, level.due = True, min(level.due, entry.arrival)

    def _spot_inside(self, level, entry, name):
        if level.since is not None and self._is_before(entry, level):
            return
        if not level.present:
            self._end_pending(level, entry, name)
        elif not self._amounts(entry, name):
            self._lifted(level, entry, name)
        elif not self._clearly(entry, name):
            level.inside = None
        elif level.inside is None:
            level.inside = None if self._begins_nothing(entry) else entry.at
        elif entry.at - level.inside >= APART:
            self._clear(level)

    @property
    def waits_for_a_second(self):
        """A single measurement beyond a critical limit, of which the newest is inside. # contract §5 Over"""
        critical = self.levels["critical"]
        return self.shape.spot and critical.present and critical.inside is not None

    def _confirmed(self, entry):
        """Another series of the signal is inside too."""
        if not self.waits_for_a_second:
            return
        for name, level in self.levels.items():
            inside = level.present and level.inside is not None and level.inside <= entry.copy.at
            if inside and self._amounts(entry, name) and self._clearly(entry, name):
                self._clear(level)
        # As a reading of its own would say.
        self.unknown = self.unknown and self.level is not None

    def _change(self, entry):
        self.changed_at = entry.at
        if entry.change == "forget":
            self.stays, self.run = False, []
            self.levels = {level: Level() for level in LEVELS}
            # Single measurements stand for themselves until their device is silent.
            self.unknown, self.newest_arrival, self.left = self.shape.gap is not None or not self.spoke, None, {}
            # That a signal was lost is told by an alarm of its own.
            self.lost = None if entry.reason == "limit_changed" else self.lost
        elif entry.change == "lost_told":
            self.lost = None
        elif entry.change == "confirmed":
            self._confirmed(entry)
        elif entry.change.startswith("silent"):
            self.spoke = False
            # Of two that are put off to one moment the earlier one counts.
            due = int(entry.change.split()[1])
            # What limits that came told at once was not put off.
            told = any(level.present and (level.by_limits or level.due is None or level.due <= due) for level in self.levels.values())
            # Single measurements stand for themselves, whatever lies between them.
            for level in self.levels.values() if not self.shape.spot else ():
                level.inside = None
            self.unknown = self.unknown or not self.shape.spot or told
        elif entry.change == "pause":
            # Unbound: nothing ends, nothing runs. # contract row 24
            for level in self.levels.values():
                level.inside = level.ended = None
                if not level.present:
                    level.since = level.due = None
            # Nothing that came before is known of whoever it is bound to next.
            self.unknown, self.newest_arrival, self.sound, self.doubtful = True, None, [], None
            self.alive = self.said_at = None
            self.spoke = self.heard_since = False
            self.left = {name: replace(level, inside=None) for name, level in self.levels.items() if level.present}
            self.arrived = self.came = None
            # What is not told by now begins anew.
            self.run = self.run if self.level else []
        elif entry.change == "more":
            told = self.level
            self._at_once(lambda at: entry.limits)
            self._heard_under(entry, told)
        elif entry.change in ("rules", "inherit"):
            # What still holds under the new rule holds at once. # contract row 23
            self.reason = "rule_changed"
            # What stood open of an earlier binding goes on.
            left, told = self.left if entry.change == "inherit" else {}, self.level
            self.levels = {name: left.get(name, Level()) for name in LEVELS}
            self.unknown = self.unknown or bool(left)
            self._at_once(lambda at: entry.limits)
            self.stays = self.stays or (entry.change == "rules" and self.unknown and told is not None and not self.level)
            graver = bool(left) and self.level == "critical" and "critical" not in left
            if entry.change == "inherit" and self.certain is not None:
                # By whose limits it lay beyond one is another's question now.
                self.newest_arrival = self.alive or self.certain.arrival
                self.hear_by(entry)
                self.unknown = (bool(left) and not graver) or (self.shape.gap is not None and self._is_past(entry))
            else:
                self._heard_under(entry, None if graver else told)
        else:
            self._judge_again(entry)

    def _hold(self, copy):
        """It lies beyond limits that came after it."""
        self.run.append(copy)
        self.held.append(copy)

    def _heard_under(self, entry, told):
        """What rules that judge anew find is heard of, by what other limits say of it."""
        self.hear_by(entry)
        # Of what stays open and unknown something must have come.
        heard = self.newest_arrival is not None
        is_known = heard and not (self.stays if self.shape.gap is None else self._is_past(entry))
        self.unknown = self.unknown and not (self.level and not told and is_known)

    def _at_once(self, limits):
        """By level, from what is known last, doubtful or not. # contract §5, conditions are by level"""
        said = self._last_that_says(limits)
        # A bound that says nothing of one limit may lie beyond another.
        bound = self.certain if self.certain is not said else None
        for known in (said, bound, self.doubtful):
            for name, level in self.levels.items():
                amounts = known and limits(known.at).get((self.side, name))
                inclusive = self.shape.inclusive and name == "critical" and self.side == "low"
                if amounts and crossed(known.copy, self.side, amounts, inclusive):
                    self.levels[name] = Level(since=known.at, due=known.at, present=True, copy=known.copy)
                    self._hold(known.copy)

    def _last_that_says(self, limits):
        """The last certain entry that is not a bound that allows both."""
        def answers(entry):
            inclusive = lambda name: self.shape.inclusive and name == "critical" and self.side == "low"
            given = {name: limits(entry.at).get((self.side, name)) for name in LEVELS}
            return [crossed(entry.copy, self.side, amounts, inclusive(name)) for name, amounts in given.items() if amounts]

        return next((entry for entry in self.sound[:-5:-1] if None not in answers(entry)), None)

    def take_back(self, back, instants, present, retracted, limits):
        """A reading does not count any more. # contract row 26"""
        was_latest = self.certain is not None and self.certain.copy.identity == back.identity
        self.sound = [one for one in self.sound if one.copy.identity != back.identity]
        self.run = [one for one in self.run if one.identity != back.identity]
        if self.doubtful is not None and self.doubtful.copy.identity == back.identity:
            self.doubtful = None
        for name, level in self.levels.items():
            begun = level.since is not None and level.copy is not None and level.copy.identity == back.identity
            # It may be what showed first that it was over.
            level.inside = None if level.inside in instants else level.inside
            if retracted and level.present:
                self.levels[name] = Level()
            elif begun and not level.present:
                self.levels[name] = self._began_next(level, name, back, limits)
        self.left = {} if retracted else self.left
        if present and not back.judged and (retracted or (was_latest and not self.level and back.copy.status == "entered-in-error")):
            held = self.level
            self._at_once(limits)
            self.hear_by(Entry(back.at, back.at, limits=limits(back.at)))
            # What is silent stays unknown: nothing came.
            silent = self.shape.gap is None and not self.spoke and self.level and not held
            self.unknown = self.unknown or bool(silent)

    def _began_next(self, level, name, back, limits):
        """A delay began with the next reading beyond, where the first is taken back."""
        inclusive = self.shape.inclusive and name == "critical" and self.side == "low"
        for copy in self.run:
            amounts = limits(copy.at).get((self.side, name))
            came = copy.step > level.copy.step or (copy.step == level.copy.step and copy.at >= level.since)
            if came and amounts and crossed(copy, self.side, amounts, inclusive):
                since, delay = copy.at, dict(self.shape.delays)[name]
                due = level.due if self.shape.spot else self.arrived + max(0, since + delay - self.came)
                return Level(since=since, due=due, copy=copy)
        return Level()

    def late(self, at, copy, limits):
        """What comes late and lies beyond shows that it was not over."""
        self.advance(at)
        for name, level in self.levels.items():
            inclusive = self.shape.inclusive and name == "critical" and self.side == "low"
            amounts = limits.get((self.side, name))
            if amounts and level.inside is not None and copy.at >= level.inside and crossed(copy, self.side, amounts, inclusive):
                level.inside = None

    def hear_by(self, entry):
        """What is known last and certain, or beyond a limit that came later, says where it stands as well. # contract §3"""
        own = [(key, one, self.shape.inclusive) for key, one in entry.limits.items() if key[0] == self.side]
        # Rules that judge anew find what any of them over the signal finds.
        limits = entry.of_signal or own
        inclusive = lambda side, name, rule: rule and name == "critical" and side == "low"
        for one in (self.doubtful, self.certain):
            beyond = one is not None and any(
                amounts and crossed(one.copy, side, amounts, inclusive(side, name, rule)) for (side, name), amounts, rule in limits)
            if one is not None and (beyond or one is self.certain):
                # What corrects an earlier value is no sign of life.
                corrects = one.copy.corrects and one.copy.last_came is not None
                came = one.copy.last_came if corrects else one.arrival
                self.newest_arrival = max(self.newest_arrival or came, came)

    def _judge_again(self, entry):
        """Limits or rules changed: from the newest reading, doubtful ones too. # contract §0.5, row 22"""
        known = [one for one in (self.doubtful, self.certain) if one is not None]
        told = self.level is not None
        self.hear_by(entry)
        heard, gap = self.newest_arrival, self.shape.gap
        # Single measurements are known to the limits that come.
        passed = gap is not None and heard is not None and self._is_past(entry)
        single = gap is None and not self.level and not self.stays
        # A stream of which other limits are told something is heard of.
        of_others = gap is not None and not told and heard is not None and not passed
        limited = any(self._amounts(entry, name) for name in LEVELS)
        unknown = passed or (self.unknown and not (limited and (single or of_others)))
        # What is in doubt ends nothing.
        sound = self.certain is not None and self.doubtful is None
        self.unknown = unknown or (self.unknown and not sound) if gap is None and not self.level else self.unknown
        for name, level in self.levels.items():
            answers = [self._crossed(entry, name, one.copy) for one in known]
            if any(answers):
                if unknown or level.since is not None:
                    continue
                # What is told of, by whatever rule over this side, goes on.
                level.present = told or entry.told
                level.since, level.last, level.copy = entry.at, entry.at, known[answers.index(True)].copy
                level.by_limits = True
                self._hold(level.copy)
                level.due = entry.at + (0 if self.shape.spot else dict(self.shape.delays)[name])
                if level.due <= entry.at:
                    level.present = True
            elif level.present and not unknown and self.certain and self.doubtful is None and answers == [False]:
                self._clear(level, entry.reason)
            elif not level.present and answers and None not in answers:
                self.reason = entry.reason if level.since is not None else self.reason
                level.since = level.due = None
        for name, level in self.levels.items():
            if not self._amounts(entry, name) and not level.present:
                level.since = level.due = None
        # What begins now is heard of; single measurements stand for themselves.
        self.unknown = self.unknown and (told or unknown or not (self.level or self.pending))


def worse(one, other):
    return one if ORDER[one] >= ORDER[other] else other
