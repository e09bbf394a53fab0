"""Same message: `boot`, `seq` and what came before, by (device, kind)."""

from dataclasses import dataclass, field

from .clocks import JITTER, LEAST

WINDOW = 64


@dataclass
class Counter:
    """What came since the counter began, by number, and the newest time."""

    boot: int | None = None
    highest: int | None = None
    came: dict = field(default_factory=dict)
    newest: int | None = None
    lower: int = 0
    back: list = field(default_factory=list)

    def take(self, boot, seq, digest, time, live):
        """`new`, `redelivered`, `old`, or `boot_reset`. # contract §2 Same message, §0.7"""
        if seq is None:
            return "new"
        word = self._word(boot, seq, digest, time, live)
        if word in ("new", "reset", "boot_reset"):
            self.lower, self.back = 0, []
            if word == "boot_reset" or self._is_newer(time):
                self.newest = time
        return "new" if word in ("reused", "reset") else word

    def _word(self, boot, seq, digest, time, live):
        # A device that states no `boot` any more is taken as it is.
        now = self.boot if boot is None else boot
        if self.highest is None or (now is not None and (self.boot is None or now > self.boot)):
            return self._begin(now, seq, digest, "new")
        if now is not None and now < self.boot:
            return self._went_back(now, seq, digest, time, live)
        if seq > self.highest:
            self.highest = seq
        if self.highest - seq < WINDOW:
            if seq not in self.came:
                self.came[seq] = digest
                return "new"
            if self.came[seq] == digest:
                return "redelivered"
            again = "reused"
        else:
            again = "old"
        if boot is None and self._is_newer(time):
            return self._begin(now, seq, digest, "reset")
        return again if again == "reused" else self._went_back(now, seq, digest, time, live)

    def _is_newer(self, time):
        return time is not None and (self.newest is None or time > self.newest)

    def _begin(self, boot, seq, digest, word):
        self.boot, self.highest, self.came = boot, seq, {seq: digest}
        return word

    def _went_back(self, boot, seq, digest, time, live):
        """Three with ever newer times, or live ones as a clock goes. # contract §0.7, §2 Same message"""
        goes = time is not None and live is not None and self._goes_on(live, time)
        if self._is_newer(time):
            self.newest, self.lower = time, self.lower + 1
        else:
            self.lower = 0
        return self._begin(boot, seq, digest, "boot_reset") if goes or self.lower >= 3 else "old"

    def _goes_on(self, arrival, time):
        if not self.back or time <= self.back[-1][1]:
            self.back = [(arrival, time)]
            return False
        self.back.append((arrival, time))
        took, told = arrival - self.back[0][0], time - self.back[0][1]
        enough = took >= LEAST and len(self.back) >= 3
        if told > 1.25 * max(took, JITTER) or (enough and told < 0.8 * took):
            self.back = [(arrival, time)]
            return False
        return enough
