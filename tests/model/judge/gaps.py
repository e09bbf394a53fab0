"""Windows in which nobody listened."""

from .when import MINUTE, US

PUT_OFF = 10 * US
ALLOWED = 5 * US
NOT_YET = 10**18


class Gaps:
    """All windows (from, to), in order. Of what is put off to one moment the earlier counts: `put_off_to` are the
    moments that were asked for, each with what falls then, and while `up_to` is said nothing that was due later falls."""

    def __init__(self):
        self.windows = []
        self.put_off_to = {}
        self.up_to = None

    def add(self, begin, end):
        if end > begin:
            self.windows.append((begin, end))

    def put_off(self, due):
        """When a deadline is decided, as far as it falls by what is looked at. # contract §3"""
        moment = self.moment(due)
        return moment if self.up_to is None or due <= self.up_to else NOT_YET

    def moment(self, due):
        """A deadline in a window, or within 10 s after it, waits once until those are over. # contract §0.10, §3"""
        for begin, end in self.windows:
            if begin < due < end + PUT_OFF:
                self.put_off_to.setdefault(end + PUT_OFF, set()).add(due)
                return end + PUT_OFF
        return due

    def overlap(self, begin, end):
        return sum(max(0, min(end, b) - max(begin, a)) for a, b in self.windows)

    def deaf(self, now):
        """More than 5 s without intake in the last minute. # contract §0.10"""
        return self.overlap(now - MINUTE, now) > ALLOWED
