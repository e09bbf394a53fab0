"""Who answers for an alarm: the ladder, on plain time, until somebody accepts. # contract §5 Responsibility"""

from dataclasses import dataclass, field

from . import responsibility_holes as holes
from .rules import ORDER
from .when import DAY, MINUTE

ACCEPT = {"high": 3 * MINUTE, "medium": 10 * MINUTE}
REPEAT = {"high": 2 * MINUTE, "medium": 10 * MINUTE}
# Who is not on duty has an alarm for as long as an acknowledgement would hold.
BORROWED = {"high": 10 * MINUTE, "medium": 60 * MINUTE}
# No pause holds a ladder for longer than the longest of its priority. # contract §5 A pause
HELD = {"high": 2 * MINUTE, "medium": 10 * MINUTE}
ASKED = ("unassigned", "notified", "exhausted")


@dataclass
class Told:
    """One person, or a step as its role, by one channel; None on the stream."""

    at: int
    result: str


@dataclass
class Ladder:
    """Of one open alarm. `step` counts from 1, `again` is when those who are asked are told again, `nobody` that no one
    is there to be asked, `had` what its owner had seen of it: priority, recurrence, whether it was acknowledged."""

    state: str = "none"
    team: object = None
    step: int | None = None
    role: str | None = None
    person: str | None = None
    deadline: int | None = None
    again: int | None = None
    nobody: bool = False
    told: dict = field(default_factory=dict)
    asked_at: int = 0
    step_due: int = 0
    had: tuple = ()
    offered: str | None = None
    held_since: int | None = None


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

    # --- What happens -----------------------------------------------------------------------------------

    def put(self, plan):
        """A new plan: whom it takes off duty has no alarm any more, and what nobody was asked for is somebody's."""
        self.plan = plan
        for alarm in sorted(self.world.alarms.open.values(), key=lambda one: str(one.key)):
            if plan is None:
                alarm.ladder = None
            elif alarm.ladder is None:
                continue
            elif alarm.ladder.state in ASKED and plan.team_for(alarm, self.ward(alarm)) != alarm.ladder.team:
                self.begin(alarm)

    def _found(self, alarm):
        """What was announced and is nobody's: just now, before there was a plan, or as something milder."""
        alarm.ladder = alarm.ladder or Ladder()
        if alarm.acked_at is not None:
            self.own(alarm, self.plan.person_of(alarm.acked_by))
        else:
            self.begin(alarm)

    def announced(self, alarm):
        """Somebody is called."""
        self.risen_in.setdefault(alarm, self.ward(alarm))
        if self.plan is None or ORDER[alarm.priority] < ORDER["medium"]:
            return
        ladder = alarm.ladder
        if ladder is None or ladder.state == "none":
            return
        ladder.held_since = None
        if ladder.state == "accepted":
            if self._is_news(alarm, ladder):
                self.lose(alarm)
        elif ladder.had[0] != alarm.priority:
            self._hasten(alarm, ladder)

    def _is_news(self, alarm, ladder):
        priority, recurrence, acknowledged = ladder.had
        return ORDER[alarm.priority] > ORDER[priority] or alarm.recurrence > recurrence or (acknowledged and alarm.acked_at is None)

    def _hasten(self, alarm, ladder):
        """Whoever is asked has no longer than for what it is now."""
        ladder.had = self._seen(alarm)
        if ladder.state != "exhausted" and ladder.person is not None:
            ladder.deadline = min(ladder.deadline, self.now + ACCEPT[alarm.priority])
            self.tell(alarm, ladder.person, ladder.step, by_all=False)
        elif ladder.state == "exhausted":
            self._round(alarm)

    def _seen(self, alarm):
        return alarm.priority, alarm.recurrence, alarm.acked_at is not None

    @staticmethod
    def _calls(alarm):
        """High or medium, announced, and not a medium one that is over."""
        over = alarm.latched and alarm.priority == "medium"
        shown_only = alarm.quiet or alarm.kept_back is not None
        return ORDER[alarm.priority] >= ORDER["medium"] and not over and not shown_only

    # --- The ladder -------------------------------------------------------------------------------------

    def begin(self, alarm, step=1, but=None):
        alarm.ladder.team = self.plan.team_for(alarm, self.ward(alarm))
        self.ask(alarm, step, but)

    def ask(self, alarm, step, but=None, on=False):
        """Whoever is on duty for this step, or the next that is there and may be called. `on`: at the end of a shift, the
        time of the step goes on."""
        ladder, now = alarm.ladder, self.now
        ladder.offered, ladder.nobody, ladder.had, ladder.asked_at = None, False, self._seen(alarm), now
        for number, watch in self._there(alarm):
            if number < step or watch.person == but:
                continue
            due = ladder.step_due if number == ladder.step and on else now + ACCEPT[alarm.priority]
            ladder.step, ladder.role, ladder.person, ladder.step_due = number, watch.role, watch.person, due
            ladder.deadline, on = min(due, watch.end), False
            if not self.tell(alarm, watch.person, number, by_all=False) and alarm.priority == "high":
                continue
            return
        self._nobody_left(alarm)

    def _there(self, alarm):
        """(step, watch) of all who are on duty and may be called now."""
        team = alarm.ladder.team
        for number, (role, _) in enumerate(team.steps if team else (), start=1):
            watch = self.plan.on_duty(team.id, role, self.now)
            if watch is not None and self.plan.waits(watch, alarm.response, self.now) is None:
                yield number, watch

    def _nobody_left(self, alarm):
        ladder, now = alarm.ladder, self.now
        if any(True for _ in self._there(alarm)):
            self._round(alarm)
            return
        ladder.state, ladder.step, ladder.role, ladder.person, ladder.again = "unassigned", None, None, None, None
        team = ladder.team
        on_duty = [self.plan.on_duty(team.id, role, now) for role, _ in team.steps] if team else []
        waits = [self.plan.waits(one, alarm.response, now) for one in on_duty if one is not None]
        ladder.nobody = not waits
        ladder.deadline = min(waits) if waits else self.plan.next_watch(team, now) if team else None

    def _round(self, alarm):
        """All are told, again and again."""
        ladder = alarm.ladder
        ladder.state, ladder.person, ladder.role, ladder.step = "exhausted", None, None, None
        for number, watch in self._there(alarm):
            self.tell(alarm, watch.person, number, by_all=True)
        ladder.state = "exhausted"
        by_day = alarm.response in ("same_day", "next_working_day")
        ladder.again = None
        ladder.deadline = self.now + (DAY if by_day else REPEAT[alarm.priority])

    def tell(self, alarm, person, step, by_all):
        """By the first channel, or by all; whether one took it, or may yet."""
        ladder, now = alarm.ladder, self.now
        high, own = alarm.priority == "high", self.plan.channels(person)
        role, beside = ladder.team.steps[step - 1] if step is not None else (None, ())
        reached = []
        for channel in own:
            reached.append(self._told(alarm, person, channel))
            if not by_all and not (high and reached[-1] == "failed"):
                break
        if not own:
            reached.append(self._told(alarm, person, None))
        reached += [self._told(alarm, role, channel) for channel in beside]
        ladder.again = now + REPEAT[alarm.priority]
        if ladder.state != "exhausted":
            ladder.state = "notified" if "shown" in reached or (by_all and ladder.state == "notified") else "unassigned"
        return any(result != "failed" for result in reached)

    def _told(self, alarm, to, channel):
        result = "shown" if channel is None else "failed" if channel in self.failing else "waiting"
        alarm.ladder.told[to, channel] = Told(self.now, result)
        self.told.append([*alarm.key, to, channel or "", self.now - self.world.begin])
        return result

    # --- Whose it is ------------------------------------------------------------------------------------

    def own(self, alarm, person):
        """Whoever accepts has it, asked or not."""
        ladder, now = alarm.ladder, self.now
        here = [one for one in self._on_ladder(ladder.team) if one[1].person == person]
        asked = ladder.person == person
        ladder.state, ladder.person, ladder.again, ladder.nobody, ladder.offered = "accepted", person, None, False, None
        if here and not asked:
            ladder.step, ladder.role = here[0][0], here[0][1].role
        ladder.had = self._seen(alarm)
        ladder.deadline = self.plan.off_at(person, now)
        if ladder.deadline is None and alarm.acked_until is None:
            ladder.deadline = now + BORROWED[alarm.priority]

    def _on_ladder(self, team):
        for number, (role, _) in enumerate(team.steps if team else (), start=1):
            watch = self.plan.on_duty(team.id, role, self.now)
            if watch is not None:
                yield number, watch

    def lose(self, alarm):
        """It is news: whoever had it is told first, with their whole time, if they are on duty."""
        ladder = alarm.ladder
        owner, step = ladder.person, ladder.step or 1
        ladder.offered = None
        here = any(watch.person == owner for _, watch in self._there(alarm))
        if not here:
            self.begin(alarm, step)
            return
        ladder.had, ladder.asked_at, ladder.nobody = self._seen(alarm), self.now, False
        ladder.step, ladder.person, ladder.state = step, owner, "unassigned"
        ladder.deadline = self.now + ACCEPT[alarm.priority]
        if not self.tell(alarm, owner, step, by_all=False) and alarm.priority == "high":
            self.ask(alarm, step + 1)

    # --- Channels ---------------------------------------------------------------------------------------

    def delivered(self, step):
        """A receipt: it is shown, and steers nothing."""
        alarm = self.world.alarms.find(step.get("patient"), step["rule"], step["source"])
        if alarm is None or alarm.ladder is None:
            return
        for (to, channel), told in alarm.ladder.told.items():
            if channel == step["channel"] and told.result in ("waiting", "failed"):
                told.result = "taken"
                if alarm.ladder.state == "unassigned" and told.at >= alarm.ladder.asked_at:
                    alarm.ladder.state = "notified"

    def undelivered(self, channel, waits):
        """# contract §5 `delivery.failing`"""
        alarms, key = self.world.alarms, (None, "delivery.failing", channel)
        if waits is None:
            self.failing.discard(channel)
            alarms.over(key, self.now)
            return
        self.failing.add(channel)
        alarms.hold(*key, waits, self.now, kind="technical")
        for alarm, ladder in sorted(self.ladders(), key=lambda one: str(one[0].key)):
            failed = [(key, told) for key, told in ladder.told.items() if key[1] == channel and told.result == "waiting"]
            for _, told in failed:
                told.result = "failed"
            asked = any(told.at >= ladder.asked_at for _, told in failed)
            if asked and alarm.priority == "high" and ladder.state in ("unassigned", "notified") and ladder.person is not None:
                self._elsewhere(alarm)

    def _elsewhere(self, alarm):
        """What is high and cannot be delivered goes to the person's next channel, and to the next step, at once."""
        ladder = alarm.ladder
        for channel in self.plan.channels(ladder.person):
            told = ladder.told.get((ladder.person, channel))
            if told is not None and told.at >= ladder.asked_at:
                if told.result != "failed":
                    return
            elif self._told(alarm, ladder.person, channel) != "failed":
                return
        fresh = [told for told in ladder.told.values() if told.at >= ladder.asked_at]
        if all(told.result == "failed" for told in fresh):
            self.ask(alarm, ladder.step + 1)

    # --- Time -------------------------------------------------------------------------------------------

    def held_until(self, alarm):
        """More than a pause of the sound holds it, renewed or not no longer than the longest of its priority."""
        if not alarm.is_kept_back:
            return None
        since = alarm.ladder.held_since
        return min(alarm.paused_until, self.now if since is None else since + HELD[alarm.priority])

    def _due(self, alarm, at):
        held = self.held_until(alarm)
        return at if held is None or at is None else max(at, held)

    def deadlines(self):
        for alarm, ladder in self.ladders():
            if ladder.state in (*ASKED, "accepted"):
                for at in (ladder.deadline, ladder.again):
                    if at is not None:
                        yield at if ladder.state == "accepted" else self._due(alarm, at)
        yield from self.holes.deadlines()

    def settle(self):
        if self.plan is not None:
            for alarm in sorted(self.world.alarms.open.values(), key=lambda one: str(one.key)):
                nobodys = alarm.ladder is None or alarm.ladder.state == "none"
                if nobodys and alarm in self.risen_in and self._calls(alarm) and not alarm.is_kept_back:
                    self._found(alarm)
                if alarm.ladder is not None:
                    self._settle(alarm, alarm.ladder)
        self.holes.settle()

    def _settle(self, alarm, ladder):
        now = self.now
        if alarm.is_kept_back and ladder.held_since is None:
            ladder.held_since = now
        if not self._calls(alarm) and ladder.state in ASKED:
            ladder.state, ladder.person, ladder.step, ladder.role = "none", None, None, None
            ladder.deadline = ladder.again = None
            ladder.nobody = False
        if ladder.state == "accepted":
            self._shift_over(alarm, ladder)
            return
        due = self._due(alarm, ladder.deadline)
        if ladder.state in ASKED and due is not None and due <= now:
            if ladder.state == "exhausted":
                self._round(alarm)
            elif ladder.person is None:
                self.begin(alarm)
            elif now < ladder.step_due:
                self._relieve(alarm, ladder)
            else:
                self.ask(alarm, ladder.step + 1)
            return
        again = self._due(alarm, ladder.again)
        if ladder.state in ("unassigned", "notified") and again is not None and again <= now:
            self.tell(alarm, ladder.person, ladder.step, by_all=True)

    def _relieve(self, alarm, ladder):
        """The shift of whoever is asked is over: who comes then is asked."""
        watch = self.plan.on_duty(ladder.team.id, ladder.role, self.now)
        if watch is not None and watch.person == ladder.person:
            ladder.deadline = min(ladder.step_due, watch.end)
        else:
            self.ask(alarm, ladder.step, on=True)

    def _shift_over(self, alarm, ladder):
        off_at = self.plan.off_at(ladder.person, self.now)
        borrowed = ladder.deadline is not None and ladder.deadline <= self.now
        if off_at is None and borrowed and alarm.condition != "absent":
            self.begin(alarm, ladder.step or 1)
