"""The figures of a case against the rules the gateway ships, so that these are said twice."""

from .judge import losses
from .judge.limits import APART, shape
from .judge.rules import SIDES
from .judge.when import US
from .judge.world import World

# What a case leaves out. A critical limit, a floor or a loss that it does not name is none.
LEFT_OUT = {"limits": [None, None], "critical": [None, None], "hysteresis": 0, "delay_s": 0, "critical_delay_s": 0, "gap_s": None,
            "confirm_s": None, "critical_low_inclusive": False, "floor_s": None, "loss_s": None}


def differences(case):
    """Lines that say where a case and the shipped rules differ; none if they agree."""
    world = World(case.header())
    for command in case.admission():
        world.step({"t": 0, "command": command})
    found = []
    for signal, said in case.raw["rules"].items():
        said = {**LEFT_OUT, "live_window_s": case.raw["live_window_s"], "actionable_s": case.raw["actionable_window_s"], **said}
        said.pop("zero_means_no_sensor", None)
        shipped = _shipped(world, case, signal)
        for figure in sorted(set(said) | set(shipped)):
            if said.get(figure) != shipped.get(figure):
                found.append(f"{case.name}: {signal} {figure}: {said.get(figure)}, shipped {shipped.get(figure)}")
    return found


def _shipped(world, case, signal):
    """How a signal of this patient and device is judged, in the words of the case."""
    person, device = world.patients[case.patient], world.devices[case.device]
    rule, interval = world.rules.limit_of(signal), world.interval_of(device, signal)
    spot = world.is_spot(device, signal)
    how = shape(rule, spot, interval, bool(world.class_of(device).charted))
    limits = world.limits_in_force(rule, person, world.now, world.number)
    pair = lambda level: [limits[side, level][0][0] if limits.get((side, level)) else None for side in SIDES]
    judged = lambda one: world.limits_in_force(one, person, world.now, world.number)
    floor = next((one for one in world.rules_for(signal, person, world.number) if one.floor and judged(one)), None)
    loss = losses.losable(world, device, case.patient).get(signal)
    delays = dict(how.delays)
    seconds = lambda span: None if span is None else span / US
    return {
        "limits": pair("warning"), "critical": pair("critical"), "plausible": list(world.rules.signals[signal].plausible),
        "hysteresis": rule.hysteresis[0] if rule.hysteresis else 0, "delay_s": seconds(delays["warning"]),
        "critical_delay_s": seconds(delays["critical"]), "clear_delay_s": seconds(APART if spot else how.clear_delay),
        "gap_s": seconds(how.gap), "confirm_s": seconds(how.confirm), "critical_low_inclusive": how.inclusive,
        "floor_s": floor and (0 if spot else seconds(floor.critical_delay)),
        "loss_s": loss and seconds(max(loss[1], 2 * interval)),
        "live_window_s": seconds(world.live_window(device, signal)), "actionable_s": seconds(rule.actionable),
    }
