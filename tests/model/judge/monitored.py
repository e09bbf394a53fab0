"""Whether an alarm of a patient would be announced."""

from . import silence


def monitored(world, patient):
    """Whether an alarm would be announced. # contract §6, §0.22a"""
    fresh = []
    for person, device, signal, _, ladder in silence.expected(world):
        if person is not patient:
            continue
        last = silence.last_judged(world, device.id, signal)
        binding = world.bindings[device.id].now
        within = ladder[0][1] if ladder else world.live_window(device, signal)
        fresh.append(last >= binding.told and world.now < world.gaps.put_off(last + within))
    if not any(fresh):
        return "not"
    return "monitored" if all(fresh) else "partly"
