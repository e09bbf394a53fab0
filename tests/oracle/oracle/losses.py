"""The sudden loss of a signal whose device goes on.

A signal is lost by readings of other signals of its device, from the first that arrives after its
last value. The time between two of them counts, though half the loss at most, and where it is as
long as the loss everything begins again. What is not judged is no value; after a declared 0 nothing
is lost before the next value. It is told once for each last value.
"""

from itertools import pairwise

from .readings import Reading


class Watch:
    """What is known of the loss of one signal that must be heard every `loss_s`."""

    def __init__(self, loss_s: float) -> None:
        self.loss_s = loss_s
        self.last: Reading | None = None
        self.others: list[float] = []

    def value(self, reading: Reading) -> None:
        """A value: nothing is lost."""
        self.last, self.others = reading, []

    def off(self) -> None:
        """There is no sensor, and that is said."""
        self.last = None

    def other(self, arrived: float) -> tuple[Reading, float] | None:
        """Another signal arrived; the last value and the begin of the loss, if it is one now."""
        if self.last is None or arrived <= self.last.arrived:
            return None
        if self.others and arrived - self.others[-1] >= self.loss_s:
            self.others = []
        self.others.append(arrived)
        lasted = sum(min(later - earlier, self.loss_s / 2) for earlier, later in pairwise(self.others))
        if lasted < self.loss_s:
            return None
        lost, self.last = self.last, None
        return lost, self.others[0]
