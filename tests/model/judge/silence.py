"""Silence: a signal of a bound device that was not judged for as long as its class allows."""

from . import names


def rungs(cls, interval, continuous, reason):
    """[(priority, after)] on the base of the live window. # contract §3, §0.15"""
    if cls is None:
        return [("medium", names.UNKNOWN_CLASS_WINDOW)]
    shift = interval - cls.expected_interval if interval else 0
    found = []
    for place, (priority, after) in enumerate(cls.silence):
        if priority == "high" and cls.high_only_if_continuous and not continuous:
            continue
        after = max(after + shift, 1)
        if place == 0 and reason == "quality":
            after *= names.QUALITY_RUNG
        found.append((priority, after))
    return found


def falling(values):
    """Under 80 mg/dL, or falling faster than 1 mg/dL a minute. # contract §7"""
    if not values:
        return False
    (at, value) = values[-1]
    if value < 80:
        return True
    if len(values) < 2:
        return False
    before, earlier = values[-2]
    return at > before and (earlier - value) * 60e6 / (at - before) > 1


def priority(ladder, since, now, put_off):
    """The rung reached, or None."""
    reached = [name for name, after in ladder if put_off(since + after) <= now]
    return reached[-1] if reached else None
