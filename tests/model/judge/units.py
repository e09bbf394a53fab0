"""Units of one quantity, as a factor and a shift to the first of it."""

# unit: (quantity, factor, shift); base = value * factor + shift
_UNITS = {
    "/min": ("rate", 1, 0), "1/min": ("rate", 1, 0), "{beats}/min": ("rate", 1, 0),
    "%": ("share", 1, 0),
    "mm[Hg]": ("pressure", 1, 0), "kPa": ("pressure", 1 / 0.133322387415, 0),
    "Cel": ("temperature", 1, 0), "[degF]": ("temperature", 5 / 9, -160 / 9), "K": ("temperature", 1, -273.15),
    "mg/dL": ("glucose", 1, 0), "mmol/L": ("glucose", 18.0182, 0),
    "Ohm": ("resistance", 1, 0), "kOhm": ("resistance", 1000, 0),
    "L/min": ("flow", 1, 0), "kg": ("mass", 1, 0), "g": ("mass", 0.001, 0), "cm": ("length", 1, 0),
    "m": ("length", 100, 0), "kg/m2": ("bmi", 1, 0), "ms": ("time", 0.001, 0), "s": ("time", 1, 0),
    "1": ("count", 1, 0), "mA": ("current", 1, 0), "mV": ("voltage", 0.001, 0), "V": ("voltage", 1, 0),
    "mo": ("months", 1, 0), "J": ("energy", 1, 0), "h/d": ("activity", 1, 0), "/h": ("hourly", 1, 0),
}


def same_quantity(one, other):
    """Whether a value in one unit may be written in the other."""
    return one in _UNITS and other in _UNITS and _UNITS[one][0] == _UNITS[other][0]


def convert(value, unit, to):
    """A value in another unit of its quantity."""
    if unit == to:
        return value
    _, factor, shift = _UNITS[unit]
    _, into, back = _UNITS[to]
    return (value * factor + shift - back) / into


def convert_difference(value, unit, to):
    """A difference (hysteresis) in another unit."""
    return value if unit == to else value * _UNITS[unit][1] / _UNITS[to][1]
