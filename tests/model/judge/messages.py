"""Same message: `boot`, `seq` and what came before, by (device, kind)."""

from dataclasses import dataclass, field

WINDOW = 64


@dataclass
class Counter:
    """What came since the counter began, by number, and the newest time."""

    boot: int | None = None
    highest: int | None = None
    came: dict = field(default_factory=dict)
    newest: int | None = None
    lower: int = 0

    def take(self, boot, seq, digest, time):
        """`new`, `redelivered`, `old`, or `boot_reset`. # contract §2 Same message, §0.7"""
        if seq is None:
            return "new"
        word = self._word(boot, seq, digest, time)
        if word in ("new", "reset", "boot_reset"):
            self.lower = 0
            if self._is_newer(time):
                self.newest = time
        return "new" if word in ("reused", "reset") else word

    def _word(self, boot, seq, digest, time):
        # A device that states no `boot` any more is taken as it is.
        now = self.boot if boot is None else boot
        if self.highest is None or (now is not None and (self.boot is None or now > self.boot)):
            return self._begin(now, seq, digest, "new")
        if now is not None and now < self.boot:
            return self._went_back(now, seq, digest, time)
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
        return again if again == "reused" else self._went_back(now, seq, digest, time)

    def _is_newer(self, time):
        return time is not None and (self.newest is None or time > self.newest)

    def _begin(self, boot, seq, digest, word):
        self.boot, self.highest, self.came = boot, seq, {seq: digest}
        return word

    def _went_back(self, boot, seq, digest, time):
        if not self._is_newer(time):
            self.lower = 0
            return "old"
        self.newest = time
        self.lower += 1
        return "old" if self.lower < 3 else self._begin(boot, seq, digest, "boot_reset")
