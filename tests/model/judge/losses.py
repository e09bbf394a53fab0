"""Sudden loss: one signal stops while its device goes on. # contract §3 Loss"""

from itertools import pairwise

from .when import US

MOMENT = US


class Watch:
    """What is known of the loss of one signal of a device for a patient."""

    def __init__(self, loss, put_off):
        self.loss, self.put_off = loss, put_off
        self.last = None
        self.others = []
        self.due = None
        self.lost = False

    def value(self, arrived):
        """A live value beyond doubt ends it."""
        self.last, self.others, self.due, self.lost = arrived, [], None, False

    def off(self):
        """There is no sensor, or the device left: not lost before the next value."""
        self.last = self.due = None
        self.others = []

    def other(self, arrived):
        """Another signal of the device was judged. A pause counts as half the loss at most."""
        if self.last is None or arrived <= self.last or self.due is not None or self.lost:
            return
        if self.others and arrived - self.others[-1] >= self.loss:
            self.others = []
        self.others.append(arrived)
        lasted = sum(min(later - earlier, self.loss // 2) for earlier, later in pairwise(self.others))
        if lasted + MOMENT >= self.loss:
            self.due = arrived + MOMENT

    def deadline(self):
        return None if self.due is None else self.put_off(self.due)

    def advance(self, now):
        """Whether it is lost now."""
        if self.due is not None and self.put_off(self.due) <= now:
            self.off()
            self.lost = True
        return self.lost
