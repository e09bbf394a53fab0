"""Times and spans, in whole microseconds."""

import re
from datetime import datetime, timedelta, timezone

US = 1_000_000
MINUTE = 60 * US
HOUR = 3600 * US
DAY = 86400 * US
Y2000 = 946_684_800 * US

_UNITS = {"ms": 1000, "s": US, "m": MINUTE, "h": HOUR, "d": DAY}
_SPAN = re.compile(r"^(\d+)(ms|s|m|h|d)$")
_STAMP = re.compile(r"^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def span(text):
    """`15s` and the like."""
    found = _SPAN.match(text)
    if not found:
        raise ValueError(f"not a span: {text}")
    return int(found[1]) * _UNITS[found[2]]


def stamp(text):
    """RFC 3339 with zone, no laxer. # contract §0.11"""
    found = _STAMP.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError("not a time")
    year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
    at = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    fraction = int((found[7] or ".0")[1:7].ljust(6, "0"))
    zone = found[8]
    shift = 0
    if zone not in "Zz":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            raise ValueError("not a zone")
        shift = (hours * 60 + minutes) * MINUTE * (-1 if zone[0] == "-" else 1)
    return (at - _EPOCH) // timedelta(microseconds=1) + fraction - shift


def write(at):
    """The same as text, in UTC."""
    return (_EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
