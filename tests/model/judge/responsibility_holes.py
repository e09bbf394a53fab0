"""Nobody is on duty: `duty.hole` before it matters, `duty.exhausted` when it does. # contract §5 Responsibility"""

from .responsibility_plan import WARNED

HOLE, EXHAUSTED = "duty.hole", "duty.exhausted"


class Holes:
    """Alarms of the gateway itself about who is on duty."""

    def __init__(self, duty):
        self.duty = duty
        self.known = {}

    def deadlines(self):
        plan, now = self.duty.plan, self.duty.now
        if plan is None:
            return
        for begin in (*plan.holes(now).values(), plan.until):
            yield from (begin - WARNED, begin)
        yield from (one.begin for one in plan.watches)

    def settle(self):
        """The next of each role, where it is near; what was high stays so while there is one. # contract row 21"""
        plan, now, alarms = self.duty.plan, self.duty.now, self.duty.world.alarms
        found = plan.holes(now) if plan is not None else {}
        # Where the plan itself ends that is one alarm.
        ends = plan is not None and plan.until
        near = {(None, HOLE, f"{team}/{role}"): begin for (team, role), begin in found.items() if begin - WARNED <= now and begin < ends}
        if plan is not None and ends - WARNED <= now:
            near[None, HOLE, "plan"] = ends
        for alarm in [one for one in alarms.open.values() if one.rule == HOLE]:
            if alarm.key not in near:
                alarms.over(alarm.key, now)
        for key, begin in near.items():
            priority = "high" if begin <= now else "medium"
            alarms.hold(*key, priority, now, kind="technical")

    def exhausted(self):
        """One for each team, or ward without one; it asks nobody itself."""
        duty = self.duty
        wanted = {}
        for alarm, ladder in duty.ladders():
            if ladder.nobody:
                ward = duty.ward(alarm)
                source = f"team/{ladder.team.id}" if ladder.team else f"ward/{ward}" if ward else "gateway"
                wanted[None, EXHAUSTED, source] = "high"
        alarms = duty.world.alarms
        for alarm in [one for one in alarms.open.values() if one.rule == EXHAUSTED and one.key not in wanted]:
            alarms.over(alarm.key, duty.now)
        for key, priority in sorted(wanted.items()):
            alarms.hold(*key, priority, duty.now, kind="technical")
