"""What moved in the alarms: those that were raised, came back, rose in priority, became unknown, or were over."""

from dataclasses import dataclass

from .judge.rules import ORDER
from .judge.world import World


@dataclass(frozen=True)
class Move:
    """One of them. `change` is the word of contract §5, `over` for all of its ends; `measured` that of the reading on which the alarm stands, or of
    the last value of what was lost; None where there is none."""

    change: str
    rule: str
    source: str
    kind: str
    priority: str
    late: bool
    signal: str | None
    measured: int | None
    at: int


class Watched(World):
    """A world that keeps every move."""

    def __init__(self, header):
        super().__init__(header)
        self.moves = []
        self._known = {}

    def settle_courses(self):
        super().settle_courses()
        self._look()

    def settle(self):
        super().settle()
        self._look()

    def _look(self):
        open_now = self.alarms.open
        for key, (alarm, _, _, condition, _) in list(self._known.items()):
            if open_now.get(key) is not alarm:
                del self._known[key]
                if condition != "absent":
                    self._move("over", alarm)
        for key, alarm in open_now.items():
            # What is told once a second moves when it is told.
            if not alarm.untold:
                change = self._change(alarm, self._known.get(key))
                self._known[key] = alarm, alarm.recurrence, alarm.priority, alarm.condition, alarm.told_at
                if change:
                    self._move(change, alarm)

    def _change(self, alarm, known):
        if known is None:
            return "raised"
        _, recurrence, priority, condition, told_at = known
        if alarm.recurrence > recurrence:
            return "recurred"
        # The priority of one loss moves without being told again. # contract §3 One loss
        if ORDER[alarm.priority] > ORDER[priority] and (alarm.kind == "physiological" or alarm.told_at != told_at):
            return "priority_rose"
        if alarm.condition == condition:
            return None
        return {"present": "back_present", "unknown": "unknown", "absent": "over"}[alarm.condition]

    def _move(self, change, alarm):
        signal, measured = self._stands_on(alarm)
        self.moves.append(Move(change, alarm.rule, alarm.source, alarm.kind, alarm.priority, alarm.late, signal, measured, self.now))

    def _stands_on(self, alarm):
        if alarm.stands is not None:
            signal, identity = alarm.stands
            came = self.instants.get(identity)
            return signal, came[0].measured if came else identity[2]
        if alarm.rule.endswith("_lost"):
            return alarm.signal, self.values[alarm.device, alarm.signal, ""][-1][0]
        return None, None
