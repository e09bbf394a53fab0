"""The entries of a message, as copies of readings with everything that is known of them."""

import json
import math
from dataclasses import dataclass, field

from . import units
from .when import stamp

QUALITIES = {"low": 0.25, "medium": 0.6, "high": 0.9}
COMPARATORS = ("<", "<=", ">=", ">")
STATUSES = ("final", "preliminary", "corrected", "entered-in-error")
MODES = ("real", "test", "demo", "probe")
FORMS = ("value", "code", "time", "text", "absent")


class Refused(ValueError):
    """A message or reading that cannot be used, with the reason."""


@dataclass(eq=False)
class Copy:
    """One reading as it came once. `identity` is what makes it the same reading. # contract §0.1"""

    device: str
    signal: str
    instance: str
    identity: tuple
    stamp: int | None
    status: str = "final"
    value: float | None = None
    unit: str | None = None
    comparator: str | None = None
    absent: bool = False
    plain: bool = False
    word: str | None = None
    quality: float | None = None
    period: int = 0
    mode: str = "real"
    unit_doubtful: bool = False
    arrival: int = 0
    step: int = 0
    measured: int | None = None
    certain: bool = True
    timed: bool = True
    live: bool = False
    came_live: bool = False
    first_came: int | None = None
    last_came: int | None = None
    patient: str | None = None
    ambiguous_time: bool = False
    contradicted: bool = False
    sure: bool = True
    past: bool = False
    timeless: bool = False
    settled: bool = False
    anew: bool = False
    index: int = 0
    corrects: bool = False
    gone: bool = False
    inherited: str = ""
    counts: bool = False
    bound_only: bool = False
    fresh: bool = False
    young: bool = False
    charted: bool = False
    judged_at: int | None = None
    flags: set = field(default_factory=set)
    plan: dict = field(default_factory=dict)

    @property
    def whose_at(self):
        """By when it is somebody's: none later than when the first of its instant came. # contract §2, §4"""
        return min(self.measured, self.arrival if self.first_came is None else self.first_came)

    @property
    def ruled_at(self):
        """Limits in force then judge it: what came of its instant before has settled when that was; what people chart
        ahead is judged by those of its arrival. # contract §2, §4"""
        return self.measured if self.settled and not self.charted else self.at

    @property
    def at(self):
        """When it counts as measured: what people chart ahead is judged at its arrival. # contract §0.21"""
        return self.measured if self.judged_at is None else self.judged_at


@dataclass
class Header:
    """The fields of every message."""

    boot: int | None
    seq: int | None
    sent_at: int | None
    at: int | None
    mode: str
    source: str | None
    timeline: int | None
    relay: dict | None
    clock: bool = False


def whole(raw, name):
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise Refused("shape")
    if not 0 <= value < 2**53:
        raise Refused("shape")
    return int(value)


def time(raw, name):
    value = raw.get(name)
    if value is None:
        return None
    try:
        return stamp(value)
    except ValueError as error:
        raise Refused("time") from error


def header(body):
    """If one of these is wrong, the whole message is refused. # contract wire, Every message"""
    if not isinstance(body, dict):
        raise Refused("syntax")
    clock = body.get("clock") or {}
    relay = body.get("relay")
    if relay is not None:
        if not relay.get("id"):
            raise Refused("shape")
        relay = {"id": relay["id"], **{key: time(relay, key) for key in ("device_clock", "received_at", "sent_at")}}
    mode = body.get("mode") or "real"
    if mode not in MODES:
        raise Refused("shape")
    return Header(
        whole(body, "boot"), whole(body, "seq"), time(body, "sent_at"), time(body, "at"), mode,
        clock.get("source"), whole(clock, "timeline"), relay, bool(clock),
    )


def digest(body):
    return json.dumps(body, sort_keys=True, default=str)


def newest_time(head, entries):
    """`sent_at`, else the newest `at`."""
    if head.sent_at is not None:
        return head.sent_at
    found = [head.at] if head.at is not None else []
    for one in entries:
        for key in ("at", "to"):
            try:
                found.append(stamp(one[key]))
            except (KeyError, ValueError, TypeError):
                continue
    return max(found, default=None)


def entry_time(raw, head):
    """(stamp by the device's clock or None, age in microseconds or None)."""
    if raw.get("at") is not None:
        return time(raw, "at"), None
    if raw.get("to") is not None or raw.get("from") is not None:
        begin, end = time(raw, "from"), time(raw, "to")
        if begin is None or end is None or begin > end:
            raise Refused("time")
        return end, None
    if raw.get("age_ms") is not None:
        age = raw["age_ms"]
        if not isinstance(age, (int, float)) or isinstance(age, bool) or not age >= 0:
            raise Refused("time")
        age = round(age * 1000)
        return (None, age) if head.sent_at is None else (head.sent_at - age, None)
    return head.at, None


def reading(raw, head, device, rules, index):
    """One entry of `readings`, or why not. # contract wire, telemetry"""
    named = rules.signal(raw.get("signal", ""))
    if named is None:
        raise Refused("unknown_signal")
    signal, instance = named
    instance = raw.get("instance") or instance
    at, age = entry_time(raw, head)
    if [key in raw and raw[key] is not None for key in FORMS].count(True) != 1:
        raise Refused("shape")
    if sum(raw.get(key) is not None for key in ("at", "age_ms")) + (raw.get("from") is not None) > 1:
        raise Refused("shape")
    identity = (signal, instance, at, head.timeline) if at is not None else (signal, instance, object())
    copy = Copy(device, signal, instance, identity, at, index=index, mode=head.mode)
    copy.status = raw.get("status") or "final"
    if copy.status not in STATUSES:
        raise Refused("shape")
    copy.quality = _quality(raw.get("quality"))
    if raw.get("from") is not None:
        copy.period = at - time(raw, "from")
    if raw.get("absent") is not None:
        copy.absent = True
    elif raw.get("value") is not None:
        _value(raw, copy, rules.signals[signal])
    else:
        if rules.signals[signal].unit:
            raise Refused("shape")
        copy.plain, copy.word = True, next(raw[key] for key in ("code", "text", "time") if raw.get(key) is not None)
    return copy, age


def _quality(raw):
    if raw is None:
        return None
    if isinstance(raw, str):
        if raw not in QUALITIES:
            raise Refused("value")
        return QUALITIES[raw]
    if isinstance(raw, bool) or not 0 <= raw <= 1:
        raise Refused("value")
    return float(raw)


def _value(raw, copy, signal):
    value, unit = raw["value"], raw.get("unit")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Refused("value")
    if not signal.unit or not unit or not units.same_quantity(unit, signal.unit):
        raise Refused("unit")
    if raw.get("comparator") is not None and raw["comparator"] not in COMPARATORS:
        raise Refused("shape")
    copy.value, copy.unit, copy.comparator = float(value), unit, raw.get("comparator")
    if copy.signal == "spo2" and unit == "%" and 0.5 <= value <= 1.0:
        # A fraction where per cent is expected. # contract §0.11g
        copy.value, copy.unit_doubtful = value * 100, True
    if copy.signal.startswith("glucose"):
        # contract §2: 10 to below 34 mg/dL is an urgent low with the unit in doubt.
        if unit == "mg/dL" and 10 <= value < 34:
            copy.unit_doubtful = True
        if unit == "mmol/L" and value >= 40:
            copy.flags.add("implausible")
    low, high = signal.plausible or (-math.inf, math.inf)
    base = units.convert(copy.value, unit, signal.unit)
    if not low - 1e-9 <= base <= high + 1e-9:
        copy.flags.add("implausible")
