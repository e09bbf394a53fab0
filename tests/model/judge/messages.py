"""Same message: `boot`, `seq` and what came before, by (device, kind)."""

from dataclasses import dataclass, field

WINDOW = 64


@dataclass
class Counter:
    """All (boot, seq, hash) that came, and the newest time."""

    seen: dict = field(default_factory=dict)
    boot: int | None = None
    highest: int | None = None
    newest: int | None = None
    lower: list = field(default_factory=list)

    def take(self, boot, seq, digest, time):
        """`new`, `redelivered`, `old` or `boot_reset`. # contract §2 Same message, §0.7"""
        word = self._word(boot, seq, digest, time)
        if word in ("new", "boot_reset"):
            if time is not None and (self.newest is None or time > self.newest):
                self.newest = time
        if seq is not None and word != "old":
            self.seen.setdefault((boot, seq), set()).add(digest)
        return word

    def _word(self, boot, seq, digest, time):
        if boot is not None and self.boot is not None and boot < self.boot:
            return self._earlier(boot, seq, digest, time)
        self.lower = []
        if boot != self.boot:
            # A device that stops sending `boot` is taken as it is. # contract §0.7
            self.boot, self.highest = boot, None
        if seq is None:
            return "new"
        if digest in self.seen.get((boot, seq), ()):
            return "redelivered"
        if self.highest is None or seq > self.highest:
            self.highest = seq
            return "new"
        if seq > self.highest - WINDOW and boot is not None:
            return "new"
        if boot is None and time is not None and self.newest is not None and time > self.newest:
            if seq <= self.highest - WINDOW or (boot, seq) in self.seen:
                self.highest = seq
                self.seen = {}
            return "new"
        return "old" if seq <= self.highest - WINDOW else "new"

    def _earlier(self, boot, seq, digest, time):
        if self.lower and self.lower[-1][0] != boot:
            self.lower = []
        last = max([t for _, t in self.lower] + [self.newest or 0])
        if time is None or time <= last:
            self.lower = []
            return "old"
        self.lower.append((boot, time))
        if len(self.lower) < 3:
            return "old"
        self.boot, self.highest, self.lower = boot, seq, []
        return "boot_reset"
