"""Makes a history smaller while `fails` still holds of it."""

import copy


def shrink(lines, fails, tries=2000):
    """`fails(lines)` says whether the same kind of disagreement is still there."""
    left = [tries]

    def still(candidate):
        if left[0] <= 0:
            return False
        left[0] -= 1
        return fails(candidate)

    header, steps = lines[0], lines[1:]
    before = None
    while before != (len(steps), repr(steps)) and left[0] > 0:
        before = len(steps), repr(steps)
        steps = _drop_steps(header, steps, still)
        steps = _drop_entries(header, steps, still)
        steps = _simplify(header, steps, still)
    return [header, *steps]


def _drop_steps(header, steps, still):
    """Halves, quarters, single steps."""
    size = max(1, len(steps) // 2)
    while True:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size:]
            if still([header, *fewer]):
                steps = fewer
            else:
                at += size
        if size == 1:
            return steps
        size //= 2


def _with(steps, place, change):
    """A copy of the steps with one of them changed."""
    found = steps[:place] + [copy.deepcopy(steps[place])] + steps[place + 1:]
    change(found[place])
    return found


def _drop_entries(header, steps, still):
    """Single readings, events and limits."""
    for place in range(len(steps)):
        for path in (("message", "body", "readings"), ("message", "body", "events"), ("command", "limits")):
            at = 0
            while len(_at(steps[place], path) or []) > at and len(_at(steps[place], path)) > 1:
                fewer = _with(steps, place, lambda step, path=path, at=at: _at(step, path).pop(at))
                if still([header, *fewer]):
                    steps = fewer
                else:
                    at += 1
    return steps


def _at(step, path):
    for key in path:
        step = step.get(key) if isinstance(step, dict) else None
        if step is None:
            return None
    return step


_SPARE_BODY = ("relay", "clock", "boot", "sent_at", "mode")
_SPARE_READING = ("quality", "status", "comparator", "instance")
_SPARE_COMMAND = ("continuous", "pregnant", "bed", "ward", "reason", "until", "what")


def _simplify(header, steps, still):
    """Fields that may be left out, then times to whole seconds, and to those of the step before."""
    for place in range(len(steps)):
        for path, spare in ((("message", "body"), _SPARE_BODY), (("command",), _SPARE_COMMAND), (("message",), ("retain", "dup", "backlog"))):
            for key in spare:
                if key in (_at(steps[place], path) or {}):
                    steps = _try(header, steps, place, lambda step, path=path, key=key: _leave_out(_at(step, path), key), still)
        for at in range(len(_at(steps[place], ("message", "body", "readings")) or [])):
            for key in _SPARE_READING:
                if key in steps[place]["message"]["body"]["readings"][at]:
                    steps = _try(header, steps, place, lambda step, at=at, key=key: step["message"]["body"]["readings"][at].pop(key), still)
    for place in range(len(steps)):
        earlier = steps[place - 1]["t"] if place else 0
        for time in (earlier, float(int(steps[place]["t"]))):
            if earlier <= time < steps[place]["t"] and not _timed(steps[place]):
                steps = _try(header, steps, place, lambda step, time=time: step.update(t=time), still)
    return steps


def _timed(step):
    """Messages keep their times: their bodies say the same."""
    return "message" in step or "gap" in step


def _leave_out(where, key):
    if isinstance(where.get(key), bool):
        where[key] = False
    else:
        where.pop(key)


def _try(header, steps, place, change, still):
    simpler = _with(steps, place, change)
    return simpler if simpler != steps and still([header, *simpler]) else steps
