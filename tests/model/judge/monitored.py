"""Whether an alarm of a patient would be announced."""

from . import commands, silence
from .rules import LEVELS, SIDES


def monitored(world, patient):
    """Whether an alarm would be announced. # contract §6, §0.22a"""
    fresh, limited, switched_off = [], [], False
    for person, device, signal, _, ladder in silence.expected(world):
        if person is not patient:
            continue
        last = silence.last_judged(world, device.id, signal)
        binding = world.bindings[device.id].now
        within = ladder[0][1] if ladder else world.live_window(device, signal)
        fresh.append(last >= binding.told and world.now < world.gaps.put_off(last + within))
        heard = [s for (d, s), at in world.judged.items() if d == device.id and s and at >= binding.told]
        limited.append(any(has_limit(world, person, one) for one in ([signal] if signal else heard)))
        switched_off = switched_off or bool(signal and world.rules.limit_of(signal) and not limited[-1])
    if not any(new and limit for new, limit in zip(fresh, limited)):
        return "not"
    return "monitored" if all(fresh) and not switched_off and not _refused(world, patient) else "partly"


def _refused(world, person):
    """Whether limits for adults are not applied to what its devices send. # contract §4"""
    return not person.adult_at(world.number) and commands.refused(world, person)


def has_limit(world, person, signal):
    """Whether a limit over a signal is in force for a person whose alarm is announced; the floor alone is none."""
    return any(
        limits.get((side, level)) and rule.priority(side, level) != "info"
        for rule in world.rules_for(signal, person, world.number) if not rule.floor
        for limits in [world.limits_in_force(rule, person, world.now, world.number)]
        for side in SIDES for level in LEVELS
    )
