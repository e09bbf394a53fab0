"""The lethal floor, for every age and for whoever's age is not known. # contract §0.22a, §0.22b"""

from . import names
from .rules import Limit
from .when import US

NAMES = (names.ASYSTOLE, names.APNOEA, names.BRADYCARDIA, names.SPO2_FLOOR)


def rank(rule):
    """Emergencies in the order in which one folds another, then all else."""
    return NAMES.index(rule) if rule in NAMES else len(NAMES)


def _floor(rule, signal, value, unit, delay, inclusive):
    return Limit(
        id=rule, signal=signal, levels=((("low", "critical"), ((value, unit),)),), delay=delay,
        critical_delay=delay, hysteresis=None, clear_delay=10 * US, gap=15 * US, loss=None, confirm=None,
        adults_only=False, inclusive_critical=inclusive, priorities=(), responses=(), actionable=names.ACTIONABLE,
    )


def breath_delay(age):
    """No breath for 20 s, 15 s in neonates."""
    return (15 if age == "neonatal" else 20) * US


def of(signal, age, adult):
    """The floors of a signal. An adult's critical limits stand for all but asystole and apnoea."""
    if signal == "heart_rate":
        found = [_floor(names.ASYSTOLE, signal, 0.0, "/min", names.FLOOR_DELAY, True)]
        if not adult:
            below = names.BRADYCARDIA_BELOW.get(age, 30.0)
            found.append(_floor(names.BRADYCARDIA, signal, below, "/min", names.FLOOR_DELAY, False))
        return found
    if signal == "respiratory_rate":
        return [_floor(names.APNOEA, signal, 0.0, "/min", breath_delay(age), True)]
    if signal == "spo2" and not adult:
        return [_floor(names.SPO2_FLOOR, signal, names.SPO2_BELOW, "%", names.FLOOR_DELAY, False)]
    return []


# What follows from an emergency on the same patient is shown, not announced.
FOLDED = {
    names.ASYSTOLE: ("heart_rate", "pulse_rate", "respiratory_rate", "spo2", "etco2", "abp_sys", names.APNOEA,
                     names.BRADYCARDIA, names.SPO2_FLOOR),
    names.APNOEA: ("respiratory_rate",),
    names.BRADYCARDIA: (),
    names.SPO2_FLOOR: (),
}


def folded(rule, open_alarms, patient):
    """Whether a present emergency of the patient says this already."""
    for emergency, what in FOLDED.items():
        if emergency == rule:
            continue
        present = any(a.patient == patient and a.rule == emergency and a.condition == "present" for a in open_alarms)
        if present and any(rule == one or rule.startswith(f"vitals_live.{one}_") for one in what):
            return True
    return False
