"""Who answers for an alarm: the ladder, on plain time, until somebody accepts. # contract §5 Responsibility"""

from dataclasses import dataclass, field

from . import responsibility_holes as holes
from .rules import ORDER
from .when import DAY, MINUTE

ACCEPT = {"high": 3 * MINUTE, "medium": 10 * MINUTE}
REPEAT = {"high": 2 * MINUTE, "medium": 10 * MINUTE}
# No pause holds a ladder for longer than the longest of its priority. # contract §5 A pause
HELD = {"high": 2 * MINUTE, "medium": 10 * MINUTE}
ASKED = ("unassigned", "notified", "exhausted")


@dataclass
class Told:
    """One person by one channel; None on the stream."""

    at: int
    result: str


@dataclass
class Ladder:
    """Of one open alarm. `phase` is where it stands, `at` the step that is asked or was last, counted from 1, `due` when its time is
    up and `again` when whoever is asked is told again. `owner_first` is that whoever had it is asked before the ladder goes on."""

    phase: str = "idle"
    at: int = 1
    due: int | None = None
    again: int | None = None
    step_due: int | None = None
    owner_first: bool = False
    nobody: bool = False
    held: bool = False
    had: tuple = ()
    on_duty: bool = False
    by_acknowledging: bool = False
    owned_since: int = 0
    asked_at: int = 0
    # As everybody sees it.
    state: str = "none"
    team: object = None
    step: int | None = None
    role: str | None = None
    person: str | None = None
    deadline: int | None = None
    offered: str | None = None
    told: dict = field(default_factory=dict)

    def of_nobody(self):
        self.step = self.role = self.person = None


class Responsibilities:
    """All of them, and the plan."""

    def __init__(self, world):
        self.world, self.plan = world, None
        self.failing, self.told, self.risen_in = set(), [], {}
        self.holes = holes.Holes(self)

    @property
    def now(self):
        return self.world.now

    def take(self):
        """Who was told since the last time: alarm, whom, by what, when."""
        told, self.told = sorted(self.told, key=str), []
        return told

    def shown(self):
        """Who answers for each open alarm, as everybody sees it."""
        since = lambda at: None if at is None else at - self.world.begin
        return [{
            "patient": alarm.patient, "rule": alarm.rule, "source": alarm.source, "state": one.state, "team": one.team and one.team.id,
            "step": one.step, "role": one.role, "person": one.person, "deadline": since(one.deadline), "offered": one.offered,
            "told": sorted([to, channel or "", since(told.at), told.result] for (to, channel), told in one.told.items()),
        } for alarm, one in sorted(self.ladders(), key=lambda one: str(one[0].key)) if one.state != "none"]

    def ladders(self):
        for alarm in self.world.alarms.open.values():
            if alarm.ladder is not None:
                yield alarm, alarm.ladder

    def ward(self, alarm):
        """Where the patient is; of one who lies nowhere where it was when it was raised."""
        person = self.world.patients.get(alarm.patient)
        ward = person.ward if person is not None else None
        return ward or self.risen_in.get(alarm)

    def team_for(self, alarm):
        return self.plan.team_for(alarm, self.ward(alarm))

    # --- What happens -----------------------------------------------------------------------------------

    def raised(self, alarm):
        self.risen_in[alarm] = self.ward(alarm)

    def news(self, alarm):
        """It is told anew, or would be: whoever had it has it no more, if it is news to them."""
        ladder = alarm.ladder
        if not alarm.is_kept_back:
            alarm.held_since = None
        if ladder is None:
            self.looked_at(alarm)
            return
        if ladder.phase == "owned" and self._is_news(alarm, ladder):
            self.lose(alarm)
        elif ladder.phase in ("waiting", "asking", "exhausted") and self.wanted(alarm) and not ladder.held and ORDER[alarm.priority] > ORDER[ladder.had[0]]:
            self._hasten(alarm, ladder)

    def _is_news(self, alarm, ladder):
        priority, recurrence, acknowledged = ladder.had
        return ORDER[alarm.priority] > ORDER[priority] or alarm.recurrence > recurrence or (acknowledged and alarm.acked_at is None)

    def _hasten(self, alarm, ladder):
        """Whoever is asked has no longer than for what it is now, and hears of it at once."""
        ladder.had = self.seen(alarm)
        if self._team_id(self.team_for(alarm)) != self._team_id(ladder.team):
            # It is another team's now, which is asked from its first step.
            return
        if ladder.phase == "asking":
            ladder.due = ladder.deadline = min(ladder.due, self.now + ACCEPT[alarm.priority])
            ladder.step_due = min(ladder.step_due, self.now + ACCEPT[alarm.priority])
            ladder.again = self.now + REPEAT[alarm.priority]
            self.tell_again(alarm)
        elif ladder.phase == "exhausted":
            self._round(alarm)
        else:
            self.ask(alarm, ladder.at)

    @staticmethod
    def seen(alarm):
        return alarm.priority, alarm.recurrence, alarm.acked_at is not None

    def wanted(self, alarm):
        """Whether somebody is to answer for it: high or medium, not only shown, not a medium one that is over; of the gateway itself
        where a team serves that."""
        over = alarm.latched and alarm.priority == "medium"
        if self.plan is None or over or not self.asks(alarm):
            return False
        return alarm.patient is not None or self.team_for(alarm) is not None

    @staticmethod
    def asks(alarm):
        """High or medium, and not only shown."""
        shown_only = alarm.quiet or alarm.kept_back is not None
        return ORDER[alarm.priority] >= ORDER["medium"] and not shown_only and alarm.rule != holes.EXHAUSTED

    def looked_at(self, alarm):
        """Brings a ladder in line with how its alarm stands."""
        wanted, ladder, first = self.wanted(alarm), alarm.ladder, alarm.ladder is None
        if alarm.is_kept_back and alarm.held_since is None:
            alarm.held_since = self.now
        if ladder is None:
            if not wanted:
                return
            ladder = alarm.ladder = Ladder(had=self.seen(alarm))
        if ladder.phase == "owned":
            return
        held = self.held_until(alarm) if wanted else None
        if held is not None and held > self.now:
            ladder.held = True
            self._nobody(alarm, held, alone=False)
            return
        was_held, ladder.held = ladder.held, False
        if not wanted:
            if ladder.phase != "idle":
                self.rest(ladder)
        elif was_held and ladder.phase == "waiting":
            self.ask(alarm, ladder.at)
        elif first and alarm.acked_at is not None:
            # Somebody had taken note of it before there was a plan.
            self.own(alarm, self.plan.person_of(alarm.acked_by), alarm.acked_by, by_acknowledging=True)
        elif ladder.phase == "idle" or self._team_id(self.team_for(alarm)) != self._team_id(ladder.team):
            ladder.at, ladder.owner_first = 1, False
            self.ask(alarm, 1)

    @staticmethod
    def _team_id(team):
        return team and team.id

    def rest(self, ladder):
        """Nobody need answer for it as it stands."""
        fresh = Ladder(told=ladder.told)
        ladder.__dict__.update(fresh.__dict__)

    # --- The ladder -------------------------------------------------------------------------------------

    def on_ladder(self, team):
        """(step, watch) of all who are on duty now."""
        for number, (role, _) in enumerate(team.steps if team else (), start=1):
            watch = self.plan.on_duty(team.id, role, self.now)
            if watch is not None:
                yield number, watch

    def ask(self, alarm, step, but=None, until=None):
        """Whoever is on duty for this step, or the next that is there and may be called. `until`: the time of the step goes on."""
        ladder, now = alarm.ladder, self.now
        ladder.team, ladder.had = self.team_for(alarm), self.seen(alarm)
        there = [(number, watch, self.plan.waits(watch, alarm.response, now)) for number, watch in self.on_ladder(ladder.team)]
        may = [(number, watch) for number, watch, waits in there if waits is None]
        for number, watch in may:
            if number >= step and watch.person != but:
                self._ask(alarm, number, watch, until if number == step else None)
                return
        opens = min((waits for _, _, waits in there if waits is not None), default=None)
        if may:
            self._round(alarm, but)
            return
        begins = self.plan.next_watch(ladder.team, now) if ladder.team else None
        ladder.at = step
        self._nobody(alarm, min((at for at in (opens, begins) if at is not None), default=None), alone=opens is None)

    def _ask(self, alarm, number, watch, until):
        ladder, now = alarm.ladder, self.now
        ladder.phase, ladder.at, ladder.asked_at = "asking", number, now
        ladder.step, ladder.role, ladder.person = number, watch.role, watch.person
        beside = ladder.team.steps[number - 1][1]
        self.tell(alarm, watch.person, (*self.plan.channels(watch.person)[:1], *beside))
        self._asked(alarm, until, watch.end)

    def _asked(self, alarm, until, off_at):
        """So long to accept, at most until the shift is over."""
        ladder, now = alarm.ladder, self.now
        ladder.step_due = until or now + ACCEPT[alarm.priority]
        ladder.due = min(ladder.step_due, off_at or ladder.step_due)
        ladder.again, ladder.deadline, ladder.nobody = now + self._repeats(alarm), ladder.due, False
        ladder.state = self._heard(ladder)
        if alarm.priority == "high" and self._in_vain(ladder):
            self._elsewhere(alarm)

    def _repeats(self, alarm):
        return DAY if alarm.response in ("same_day", "next_working_day") else REPEAT[alarm.priority]

    @staticmethod
    def _last(ladder):
        """What became of telling whoever is asked the last time."""
        mine = [told for (to, _), told in ladder.told.items() if to == ladder.person]
        newest = max((told.at for told in mine), default=None)
        return [told.result for told in mine if told.at == newest]

    def _heard(self, ladder):
        return "notified" if any(result not in ("waiting", "failed") for result in self._last(ladder)) else "unassigned"

    def _in_vain(self, ladder):
        return "failed" in self._last(ladder)

    def _nobody(self, alarm, due, alone):
        ladder = alarm.ladder
        ladder.phase, ladder.state, ladder.team = "waiting", "unassigned", self.team_for(alarm)
        ladder.of_nobody()
        ladder.due, ladder.again, ladder.nobody, ladder.owner_first = due, None, alone, False
        ladder.deadline = None if alone else due

    def _round(self, alarm, but=None):
        """All are told, again and again."""
        ladder = alarm.ladder
        ladder.phase = ladder.state = "exhausted"
        ladder.of_nobody()
        opens = []
        for number, watch in self.on_ladder(ladder.team):
            waits = self.plan.waits(watch, alarm.response, self.now)
            if waits is not None:
                opens.append(waits)
            elif watch.person != but:
                self.tell(alarm, watch.person, (*self.plan.channels(watch.person), *ladder.team.steps[number - 1][1]))
        ladder.due = ladder.deadline = min([self.now + self._repeats(alarm), *opens])
        ladder.again, ladder.nobody, ladder.owner_first = None, True, False

    def tell(self, alarm, person, channels):
        """By each of these channels; with none it is shown on the stream."""
        for channel in channels or (None,):
            result = "shown" if channel is None else "failed" if channel in self.failing else "waiting"
            alarm.ladder.told[person, channel] = Told(self.now, result)
            self.told.append([*alarm.key, person, channel or "", self.now - self.world.begin])

    def tell_again(self, alarm):
        """By all their channels."""
        ladder = alarm.ladder
        # A plan may have taken the step away, or the team.
        steps = ladder.team.steps if ladder.team else ()
        beside = steps[ladder.at - 1][1] if ladder.at <= len(steps) and not ladder.owner_first else ()
        self.tell(alarm, ladder.person, (*self.plan.channels(ladder.person), *beside))

    # --- Whose it is ------------------------------------------------------------------------------------

    def own(self, alarm, person, actor, by_acknowledging=False):
        """Whoever accepts has it, asked or not. Whoever the plan does not know is on no step, whatever their name."""
        ladder = alarm.ladder or Ladder()
        ladder.by_acknowledging = by_acknowledging
        alarm.ladder = ladder
        is_known = self.plan and any(one.actor == actor for one in self.plan.people)
        here = [one for one in self.on_ladder(self.team_for(alarm)) if one[1].person == person] if is_known else []
        ladder.phase, ladder.state, ladder.person, ladder.offered = "owned", "accepted", person, None
        ladder.again, ladder.nobody, ladder.owner_first, ladder.held = None, False, False, False
        if here:
            ladder.at = ladder.step = here[0][0]
            ladder.role = here[0][1].role
        ladder.had, ladder.owned_since = self.seen(alarm), self.now
        self._until_when(alarm)

    def _until_when(self, alarm):
        """Until the shift is over; who is not on duty has it for as long as an acknowledgement would hold."""
        ladder = alarm.ladder
        off_at = self.plan and self.plan.off_at(ladder.person, self.now)
        ladder.on_duty = off_at is not None
        lent = None
        by_row_10 = ladder.by_acknowledging and alarm.acked_until is not None
        if self.plan and not by_row_10 and alarm.condition != "absent":
            lent = max(ladder.owned_since + alarm.usually_holds, self.now)
        ladder.due = ladder.deadline = off_at if off_at is not None else lent

    def is_lost(self, alarm):
        was = alarm.ladder.on_duty
        self._until_when(alarm)
        ladder = alarm.ladder
        return (was and not ladder.on_duty) or (ladder.due is not None and ladder.due <= self.now)

    def tell_owner(self, alarm):
        self.tell(alarm, alarm.ladder.person, self.plan.channels(alarm.ladder.person)[:1] if self.plan else ())

    def give_back(self, alarm):
        """To others, from the owner's step."""
        ladder = alarm.ladder
        ladder.offered, owner = None, ladder.person
        if self.wanted(alarm):
            ladder.phase = "idle"
            self.ask(alarm, ladder.at, but=owner)
        else:
            self.rest(ladder)

    def lose(self, alarm):
        """It is news: whoever had it is told first, with their whole time, if they are on duty."""
        ladder = alarm.ladder
        self.tell_owner(alarm)
        ladder.offered = None
        if self.plan is None or self.plan.off_at(ladder.person, self.now) is None or not self.wanted(alarm):
            self.give_back(alarm)
            return
        ladder.phase, ladder.owner_first, ladder.asked_at, ladder.had = "asking", True, self.now, self.seen(alarm)
        self._asked(alarm, None, None)

    def shift_over(self, alarm):
        self.tell_owner(alarm)
        self.give_back(alarm)
        # Whoever is asked at once under a pause is asked anew when that is over.
        self.looked_at(alarm)

    # --- Channels ---------------------------------------------------------------------------------------

    def delivered(self, step):
        """A receipt: it is shown, and steers nothing."""
        alarm = self.world.alarms.find(step.get("patient"), step["rule"], step["source"])
        if alarm is None or alarm.ladder is None:
            return
        for (_, channel), told in alarm.ladder.told.items():
            if channel == step["channel"] and told.result in ("waiting", "failed"):
                told.result = "taken"
        if alarm.ladder.phase == "asking":
            alarm.ladder.state = self._heard(alarm.ladder)

    def undelivered(self, channel, waits):
        """# contract §5 `delivery.failing`"""
        alarms, key = self.world.alarms, (None, "delivery.failing", channel)
        if waits is None:
            self.failing.discard(channel)
            alarms.over(key, self.now)
            return
        alarms.hold(*key, waits, self.now, kind="technical")
        self.looked_at(alarms.open[key])
        self.failing.add(channel)
        for alarm, ladder in sorted(self.ladders(), key=lambda one: str(one[0].key)):
            failed = [(to, told) for (to, by), told in ladder.told.items() if by == channel and told.result == "waiting"]
            for _, told in failed:
                told.result = "failed"
            if any(to == ladder.person for to, _ in failed) and ladder.phase == "asking" and alarm.priority == "high":
                self._elsewhere(alarm)

    def _elsewhere(self, alarm):
        """What is high and cannot be delivered goes to the person's next channel, and to the next step, at once."""
        ladder, team = alarm.ladder, self.team_for(alarm)
        if team is None:
            return
        role, of_step = team.steps[ladder.at - 1] if ladder.at <= len(team.steps) else (None, ())
        beside = of_step if not ladder.owner_first else ()
        tried = lambda channel: (ladder.person, channel) in ladder.told and ladder.told[ladder.person, channel].at >= ladder.asked_at
        left = [one for one in (*self.plan.channels(ladder.person), *beside) if one not in self.failing and not tried(one)]
        since = [told.result for (to, _), told in ladder.told.items() if to == ladder.person and told.at >= ladder.asked_at]
        in_vain = not left and all(result == "failed" for result in since)
        if left:
            self.tell(alarm, ladder.person, left[:1])
        watch = self.plan.on_duty(team.id, role, self.now)
        somebody_else = ladder.owner_first and (watch is None or watch.person != ladder.person)
        if somebody_else or ladder.at < len(team.steps) or in_vain:
            self.next_step(alarm)

    def next_step(self, alarm):
        ladder = alarm.ladder
        if ladder.owner_first:
            ladder.owner_first = False
            self.ask(alarm, ladder.at, but=ladder.person)
        else:
            self.ask(alarm, ladder.at + 1)

    # --- Time -------------------------------------------------------------------------------------------

    def held_until(self, alarm):
        """More than a pause of the sound holds it, renewed or not no longer than the longest of its priority."""
        if not alarm.is_kept_back:
            return None
        since = alarm.held_since
        return min(alarm.paused_until, (self.now if since is None else since) + HELD[alarm.priority])

    def deadlines(self):
        for _, ladder in self.ladders():
            yield from (at for at in (ladder.due, ladder.again) if at is not None)
        yield from self.holes.deadlines()

    def put(self, plan):
        """A new plan: whom it takes off duty has no alarm any more."""
        self.plan = plan
        for alarm, ladder in self.ladders() if plan else ():
            # Its team is as the plan of now has it.
            team = self.team_for(alarm)
            ladder.team = team if self._team_id(team) == self._team_id(ladder.team) else ladder.team
        self.holes.settle()
        for alarm in sorted(self.world.alarms.open.values(), key=lambda one: str(one.key)):
            self.looked_at(alarm)
            ladder = alarm.ladder
            if plan is None or ladder is None:
                continue
            if ladder.phase != "owned":
                ladder.team = ladder.team and self.team_for(alarm)
            if ladder.phase == "owned":
                if self.is_lost(alarm):
                    self.shift_over(alarm)
            elif ladder.phase == "waiting" and not ladder.held:
                self.ask(alarm, ladder.at)
            elif ladder.phase == "asking" and not self._is_there(ladder):
                until, ladder.owner_first = None if ladder.owner_first else ladder.step_due, False
                self.ask(alarm, ladder.at, until=until)
            elif ladder.phase == "exhausted":
                told = max((told.at for told in ladder.told.values()), default=0)
                if told + self._repeats(alarm) <= self.now:
                    self._round(alarm)

    def _is_there(self, ladder):
        if ladder.owner_first:
            return self.plan.off_at(ladder.person, self.now) is not None
        watch = self.plan.on_duty(ladder.team.id, ladder.role, self.now)
        return watch is not None and watch.person == ladder.person

    def settle(self):
        self.holes.settle()
        for alarm in sorted(self.world.alarms.open.values(), key=lambda one: str(one.key)):
            self.looked_at(alarm)
            if alarm.ladder is not None:
                self._time(alarm, alarm.ladder)
        self.holes.exhausted()

    def _time(self, alarm, ladder):
        now = self.now
        if ladder.due is not None and ladder.due <= now:
            ladder.due = None
            self._time_is_up(alarm, ladder)
        if ladder.again is not None and ladder.again <= now:
            ladder.again = now + self._repeats(alarm)
            self.tell_again(alarm)

    def _time_is_up(self, alarm, ladder):
        if self.plan is None:
            self.rest(ladder)
        elif ladder.phase == "owned":
            if self.is_lost(alarm):
                self.shift_over(alarm)
        elif ladder.phase == "waiting":
            self.ask(alarm, ladder.at)
        elif ladder.phase == "exhausted":
            self._round(alarm)
        elif ladder.phase == "asking" and self.now < ladder.step_due and not ladder.owner_first and not self._is_there(ladder):
            self.ask(alarm, ladder.at, until=ladder.step_due)
        elif ladder.phase == "asking" and self.now < ladder.step_due:
            # The same person goes on.
            watch = self.plan.on_duty(ladder.team.id, ladder.role, self.now)
            ladder.due = ladder.deadline = min(ladder.step_due, watch.end)
        elif ladder.phase == "asking":
            self.next_step(alarm)
