"""Offsets of senders' clocks: is it a clock, or a queue? Each hop has its own."""

from dataclasses import dataclass, field

from .when import MINUTE, US, Y2000

NEAR = 30 * US
SLICE = 5 * MINUTE
SLICES = 12
LEAST = 10 * US
JITTER = 4 * US
MOVE = US // 2


@dataclass
class Heard:
    """What one message says of its sender's clock. `offset` is to be added to its stamps."""

    offset: int
    certain: bool
    queue: bool = False
    stepped_from: int | None = None
    implant: int = 0
    behind: object = None


@dataclass
class Clock:
    """Every (arrival, stamp) of one hop, and what follows from them."""

    heard: list = field(default_factory=list)
    offset: int | None = None
    since: int = 0
    run: list = field(default_factory=list)
    queue: bool = False

    def hear(self, arrival, stamp, trusted):
        """# contract §0.11a, §0.11b, §3"""
        heard = self._hear(arrival, stamp)
        return Heard(0, True, heard.queue) if trusted else heard

    def remembered(self, arrival, stamp, trusted):
        """What came from a backlog moves no clock; ahead of it no time is certain. # contract §3"""
        known = self.offset is not None and (stamp is None or arrival - stamp >= self.offset - NEAR)
        return Heard(0 if trusted else self.offset or 0, trusted or known)

    def _hear(self, arrival, stamp):
        if stamp is None:
            return Heard(self.offset or 0, self.offset is not None)
        if stamp < Y2000:
            return Heard(self.offset or 0, False)
        behind = arrival - stamp
        self.heard.append((arrival, stamp))
        predicted = self.offset is not None and abs(behind - self.offset) <= NEAR
        if predicted:
            self._smallest(arrival)
            # A queue goes on beside live messages; what comes between them is no run.
            self.run = []
            return Heard(self.offset, True)
        if abs(behind) <= NEAR:
            stepped = self.offset
            self._start(arrival, behind)
            return Heard(self.offset, True, stepped_from=stepped)
        return self._unknown(arrival, stamp)

    def _unknown(self, arrival, stamp):
        """Neither now nor as remembered: a clock shows itself by its pace."""
        known = self.offset or 0
        # Older than a known clock says is on its way for longer: its time is as it says. # contract §3
        delayed = self.offset is not None and arrival - stamp >= self.offset - NEAR
        if not self.run:
            self.run = [(arrival, stamp)]
            return Heard(known, delayed, queue=self.queue)
        first, begun = self.run[0]
        took, told = arrival - first, stamp - begun
        # A jump of up to 5 s may be the network's.
        faster = told > 1.25 * max(took, JITTER)
        if faster or stamp <= self.run[-1][1]:
            self.run, self.queue = [(arrival, stamp)], stamp > self.run[-1][1]
            return Heard(known, delayed, queue=self.queue)
        self.run.append((arrival, stamp))
        if len(self.run) < 3 or took < LEAST:
            return Heard(known, delayed, queue=self.queue)
        if told < 0.8 * took:
            self.run, self.queue = [(arrival, stamp)], False
            return Heard(known, delayed)
        smallest = min(a - s for a, s in self.run)
        self.heard.append((arrival, arrival - smallest))
        self._start(arrival, smallest)
        return Heard(self.offset, True)

    def _start(self, since, offset):
        self.offset, self.since, self.run, self.queue = offset, since, [], False

    def _smallest(self, arrival):
        """The smallest of the last hour, in slices; moved when more than half a second off. # contract §3"""
        recent = [
            a - s for a, s in self.heard
            if a >= self.since and a // SLICE > arrival // SLICE - SLICES and abs(a - s - self.offset) <= NEAR
        ]
        smallest = min(recent)
        if abs(smallest - self.offset) > MOVE:
            self.offset = smallest
