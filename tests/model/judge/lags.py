"""Stamps that lag behind their arrival by a steady amount, or stand still: a wrong clock, not old readings."""

from dataclasses import dataclass, field

from .clocks import JITTER, LEAST, NEAR
from .when import MINUTE

STANDS = 2 * MINUTE
KEPT = NEAR


@dataclass
class Behind:
    """One message of such a clock: its newest stamp, corrected, and by how much the clock lags."""

    newest: int
    lag: int
    stands: bool


@dataclass
class Lag:
    """The newest stamps of one hop, corrected: what is known, and [(arrival, stamp, sent_at)] in a row that say otherwise."""

    known: tuple | None = None
    row: list = field(default_factory=list)

    def hear(self, arrival, stamp, sent_at, numbered):
        """# contract §3 A clock that lags"""
        behind = arrival - stamp
        if abs(behind) <= NEAR:
            self.known, self.row = None, []
            return None
        known = self._known(arrival, stamp)
        if known is not None:
            self.row = []
            if self._pace(self.known, arrival, stamp) == "clock":
                self.known = arrival, stamp
            return Behind(stamp, known, False)
        came = arrival, stamp, sent_at
        if not self.row:
            self.row = [came]
            return None
        if all(one[1] == stamp for one in self.row) and self.row[-1][2] == sent_at:
            if numbered:
                self.row.append(came)
            return self._standing(arrival, stamp)
        took, told = arrival - self.row[0][0], stamp - self.row[0][1]
        pace = self._pace(self.row[0][:2], arrival, stamp)
        if stamp < self.row[-1][1] or abs(took - told) > NEAR or pace == "queue":
            self.row = [came]
            return None
        self.row.append(came)
        if len(self.row) < 3 or took < LEAST:
            return None
        if pace != "clock":
            self.row = [came]
            return None
        self.known, self.row = (arrival, stamp), []
        return Behind(stamp, behind, False)

    def of(self, arrival, stamp):
        """An event is taken by what readings showed."""
        known = self._known(arrival, stamp)
        return Behind(stamp, known, False) if known is not None else self._standing(arrival, stamp)

    def _known(self, arrival, stamp):
        if self.known is None:
            return None
        lag = self.known[0] - self.known[1]
        return lag if abs(arrival - stamp - lag) <= NEAR else None

    def _standing(self, arrival, stamp):
        stands = len(self.row) >= 3 and all(one[1] == stamp for one in self.row)
        if stands and arrival - self.row[0][0] >= LEAST and arrival - stamp > STANDS:
            return Behind(stamp, arrival - stamp, True)
        return None

    @staticmethod
    def _pace(first, arrival, stamp):
        took, told = arrival - first[0], stamp - first[1]
        if told > 1.25 * max(took, JITTER):
            return "queue"
        return "clock" if took >= LEAST and told >= 0.8 * took else "slow"
