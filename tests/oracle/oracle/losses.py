"""The sudden loss of a signal whose device sends on.

A signal is lost by readings of other signals of its device, from the first that arrives after its
last value. The time between two of them counts, though half the loss at most, and where it is as
long as the loss everything begins again. A moment after a reading with which it will have lasted
long enough it is announced, if nothing of it came, once for each last value. What is not judged is no
value; after a declared 0 nothing is lost before the next value.
"""

from itertools import pairwise

from .readings import Reading

MOMENT_S = 1.0


class Watch:
    """What is known of the loss of one signal that must be observed every `loss_s`."""

    def __init__(self, loss_s: float) -> None:
        self.loss_s = loss_s
        self.last: Reading | None = None
        self.others: list[float] = []
        self.due: float | None = None

    def value(self, reading: Reading) -> None:
        """A value: nothing is lost."""
        self.last, self.others, self.due = reading, [], None

    def off(self) -> None:
        """There is no sensor, and that is known."""
        self.last = self.due = None

    def other(self, arrived: float) -> None:
        """Another signal arrived."""
        if self.last is None or arrived <= self.last.arrived or self.due is not None:
            return
        if self.others and arrived - self.others[-1] >= self.loss_s:
            self.others = []
        self.others.append(arrived)
        lasted = sum(min(later - earlier, self.loss_s / 2) for earlier, later in pairwise(self.others))
        if lasted + MOMENT_S >= self.loss_s:
            self.due = arrived + MOMENT_S

    def advance(self, to: float) -> tuple[Reading, float, float] | None:
        """The last value, the begin of the loss and when it is announced, if that is by `to`."""
        if self.last is None or self.due is None or self.due > to:
            return None
        lost, due = self.last, self.due
        self.off()
        return lost, self.others[0], due
