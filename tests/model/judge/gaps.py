"""Windows in which nobody listened."""

from .when import MINUTE, US

PUT_OFF = 10 * US
ALLOWED = 5 * US


class Gaps:
    """All windows (from, to), in order."""

    def __init__(self):
        self.windows = []

    def add(self, begin, end):
        if end > begin:
            self.windows.append((begin, end))

    def put_off(self, due):
        """A deadline in a window, or within 10 s after it, waits once until those are over. # contract §0.10, §3"""
        for begin, end in self.windows:
            if begin < due < end + PUT_OFF:
                return end + PUT_OFF
        return due

    def overlap(self, begin, end):
        return sum(max(0, min(end, b) - max(begin, a)) for a, b in self.windows)

    def deaf(self, now):
        """More than 5 s without intake in the last minute. # contract §0.10"""
        return self.overlap(now - MINUTE, now) > ALLOWED
