"""What moved in the alarms: those that were raised, came back, or rose in priority."""

from dataclasses import dataclass

from .judge.rules import ORDER
from .judge.world import World


@dataclass(frozen=True)
class Move:
    """One of them. `change` is the word of contract §5; `measured` that of the reading on which the alarm stands, or of
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
        self._known = {key: known for key, known in self._known.items() if open_now.get(key) is known[0]}
        for key, alarm in open_now.items():
            # What is told once a second moves when it is told.
            if alarm.untold:
                continue
            _, recurrence, priority = self._known.get(key, (None, 0, None))
            self._known[key] = alarm, alarm.recurrence, alarm.priority
            if priority is None:
                self._move("raised", alarm)
            elif alarm.recurrence > recurrence:
                self._move("recurred", alarm)
            elif ORDER[alarm.priority] > ORDER[priority]:
                self._move("priority_rose", alarm)

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
