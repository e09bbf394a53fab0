"""Laws that hold of every history, whoever judges it: `python3 -m model.laws [--seed N] [--histories 50]`.

Doubt ends nothing and adds nothing up, a copy changes nothing, the order inside a message changes nothing, a pause hides nothing that is worse,
tells at its end what is still true, and is never longer than it may be; of what is high somebody is told until somebody has it.
"""

import argparse
import copy
import random

from . import duties, generator, scores
from .judge.alarms import LONGEST_PAUSE
from .judge.pauses import LONGEST
from .judge.rules import ORDER
from .judge.world import World


def _open(answer):
    return {(a["patient"], a["rule"], a["source"]): a for a in answer["alarms"]}


def _doubtful(message, kind):
    """The readings of a message, good values, with a doubt."""
    found = copy.deepcopy(message)
    body = found["body"]
    body.pop("seq", None)
    body.pop("boot", None)
    good = []
    for reading in body["readings"]:
        if reading["signal"] not in generator.VALUES or "value" not in reading:
            continue
        reading.update(value=generator.VALUES[reading["signal"]][0][0], unit=generator.UNITS[reading["signal"]], status="final")
        reading.pop("comparator", None)
        if kind == "quality":
            reading["quality"] = 0.1
        elif kind == "untimed":
            reading.pop("at", None)
            reading.pop("age_ms", None)
        good.append(reading)
    body["readings"] = good
    if kind == "test":
        body["mode"] = "test"
    if kind == "untimed":
        body.pop("sent_at", None)
        body.pop("relay", None)
        body.pop("at", None)
        found["backlog"] = True
    return found


def doubt_ends_nothing(lines, chance):
    """A reading in doubt closes nothing and makes nothing absent."""
    world = World(lines[0])
    for line in lines[1:]:
        before = _open(world.step(line))
        message = line.get("message")
        if not message or message["kind"] != "telemetry" or message["body"].get("mode") == "probe" or chance.random() > 0.3:
            continue
        kind = chance.choice(["quality", "test", "untimed"])
        answer = world.step({"t": line["t"], "message": _doubtful(message, kind)})
        after = _open(answer)
        gone = [key for key in before if key not in after]
        calmer = [key for key in before if key in after and after[key]["condition"] == "absent" != before[key]["condition"]]
        if gone or calmer:
            return f"{kind} at {line['t']}: {gone} {calmer}"
    return None


def a_copy_changes_nothing(lines, chance):
    """The same message again, at once."""
    world = World(lines[0])
    for line in lines[1:]:
        before = world.step(line)
        if "message" not in line or chance.random() > 0.3:
            continue
        again = world.step(line)
        if again["alarms"] != before["alarms"] or again["announced"] or again["closed"]:
            return f"at {line['t']}: {again['announced']} {again['closed']}"
    return None


def order_inside_a_message_is_nothing(lines, chance):
    """Readings of a message in any order; with two values at one instant too."""
    turned = copy.deepcopy(lines)
    for line in turned[1:]:
        readings = line.get("message", {}).get("body", {}).get("readings")
        if readings:
            chance.shuffle(readings)
    one, other = World(lines[0]), World(lines[0])
    for line, mixed in zip(lines[1:], turned[1:]):
        left, right = one.step(line), other.step(mixed)
        if left != right:
            return f"at {line['t']}"
    return None


def a_pause_keeps_its_word(lines, chance):
    """Nothing worse is hidden by it, what is still true at its end is announced then, and none is longer than it may be."""
    world, since = World(lines[0]), {}
    for line in lines[1:]:
        before = {key: (a, a.paused_how, ORDER[a.priority], a.recurrence) for key, a in world.alarms.open.items()}
        answer = world.step(line)
        why = _broken_word(world, line, before, {tuple(one[:3]) for one in answer["announced"]}, since)
        if why:
            return f"at {line['t']}: {why}"
        since = {key: since.get(key, world.now) for key, a in world.alarms.open.items() if a.paused_how}
        alarms = sorted(world.alarms.open.values(), key=lambda a: str(a.key))
        if alarms and chance.random() < 0.2:
            one = chance.choice(alarms)
            pause = {"do": "alarm", "actor": "nurse", "patient": one.patient, "rule": one.rule, "source": one.source, "act": "pause"}
            world.step({"t": line["t"], "command": pause})
            since[one.key] = world.now
    return None


def _broken_word(world, line, before, told, since):
    acted = line.get("command", {}).get("do") == "alarm" and line["command"].get("act")
    acted = acted and (line["command"].get("patient"), line["command"]["rule"], line["command"]["source"])
    for key, (alarm, how, priority, recurrence) in before.items():
        if how is None or world.alarms.open.get(key) is not alarm or key == acted:
            continue
        worse = ORDER[alarm.priority] > priority or alarm.recurrence > recurrence
        if worse and alarm.paused_how and not alarm.untold:
            return f"{key} is worse and paused"
        longest = LONGEST if how == "off" else LONGEST_PAUSE[alarm.priority]
        if alarm.paused_how == how and world.now - since.get(key, world.now) > longest:
            return f"{key} is {how} for longer than it may be"
        shown_only = alarm.quiet or alarm.priority == "info" or alarm.kept_back is not None
        if not alarm.paused_how and alarm.condition != "absent" and not shown_only and key not in told:
            return f"{key} is not told at the end of its pause"
    return None


def _unattended(world):
    """High alarms that are not closed and have neither somebody nor a running timer, where a plan says who is on duty."""
    duty = world.duty
    for alarm in world.alarms.open.values():
        if duty.plan is None or alarm.priority != "high" or not duty.wanted(alarm):
            continue
        ladder = alarm.ladder
        # Nobody is there at all: that is told, and whoever comes is asked.
        told = ladder is not None and ladder.nobody
        if ladder is None or (ladder.phase != "owned" and ladder.due is None and not told):
            yield alarm


def somebody_has_it_or_a_timer_runs(lines, _):
    """No high alarm that is not closed is without an owner or a running timer, or else it is said that nobody is there."""
    world = World(lines[0])
    for line in lines[1:]:
        answer = world.step(line)
        for alarm in _unattended(world):
            return f"at {line['t']}: nobody has {alarm.key}"
        said = any(one["rule"] == "duty.exhausted" for one in answer["alarms"])
        if any(ladder.nobody for _, ladder in world.duty.ladders()) and not said:
            return f"at {line['t']}: nobody is there, and nothing says so"
    return None


def nothing_is_never_told(lines, _):
    """Where somebody is asked, somebody was told."""
    world = World(lines[0])
    for line in lines[1:]:
        world.step(line)
        for alarm in world.alarms.open.values():
            ladder = alarm.ladder
            asked = ladder is not None and ladder.phase in ("asking", "exhausted") and world.duty.wanted(alarm)
            if asked and not ladder.told:
                return f"at {line['t']}: nobody was ever told of {alarm.key}"
    return None


def doubt_adds_nothing_up(lines, chance):
    """A reading in doubt leaves every score as it is."""
    world = World(lines[0])
    for line in lines[1:]:
        before = world.step(line)
        message = line.get("message")
        if not message or message["kind"] != "telemetry" or chance.random() > 0.4:
            continue
        kind = chance.choice(["quality", "test", "untimed"])
        after = world.step({"t": line["t"], "message": _doubtful(message, kind)})
        if after["scores"] != before["scores"]:
            return f"{kind} at {line['t']}: {before['scores']} {after['scores']}"
    return None


LAWS = (doubt_ends_nothing, a_copy_changes_nothing, order_inside_a_message_is_nothing, a_pause_keeps_its_word)
OF_DUTY = (somebody_has_it_or_a_timer_runs, nothing_is_never_told)
OF_SCORES = (doubt_adds_nothing_up, *LAWS)
USUAL = ((generator, LAWS), (duties, OF_DUTY))
ALL = (*USUAL, (scores, OF_SCORES))


def broken(seed, steps=120, made_by=USUAL):
    """The laws that histories of a seed break."""
    found = []
    for made, laws in made_by:
        lines, _ = made.history(seed, steps)
        for law in laws:
            why = law(lines, random.Random(seed))
            if why:
                found.append(f"seed {seed}: {law.__name__} {why}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--histories", type=int, default=50)
    args = parser.parse_args()
    found = [why for seed in range(args.seed, args.seed + args.histories) for why in broken(seed, made_by=ALL)]
    print("\n".join(found) or "no law broken")


if __name__ == "__main__":
    main()
