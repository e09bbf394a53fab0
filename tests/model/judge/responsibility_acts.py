"""What people do about whose an alarm is. # contract §5 Responsibility, §6"""

from .responsibility import ASKED


def accept(duty, alarm, actor):
    """Whoever accepts, asked or not, has it."""
    ladder = alarm.ladder
    if ladder is None or ladder.state == "none":
        return "conflict"
    person = duty.plan.person_of(actor)
    if ladder.state == "accepted" and ladder.person == person:
        return "already_so"
    duty.own(alarm, person)
    return "done"


def reject(duty, alarm, actor):
    """To the next step at once."""
    ladder = alarm.ladder
    if ladder is None or ladder.state not in ASKED or ladder.person != duty.plan.person_of(actor):
        return "conflict"
    duty.ask(alarm, ladder.step + 1)
    return "done"


def release(duty, alarm, actor):
    """Back to others from the owner's step; an acknowledgement is taken back."""
    ladder = alarm.ladder
    if ladder is None or ladder.state != "accepted" or ladder.person != duty.plan.person_of(actor):
        return "conflict"
    ladder.state = "unassigned"
    if alarm.acked_at is not None:
        duty.world.alarms.taken_back(alarm, duty.now)
    duty.begin(alarm, ladder.step or 1, but=ladder.person)
    return "done"


def received(duty, alarm, actor):
    ladder = alarm.ladder
    if ladder is None or duty.plan is None:
        return "conflict"
    person = duty.plan.person_of(actor)
    mine = [told for (to, _), told in ladder.told.items() if to == person]
    if not mine:
        return "conflict"
    for told in mine:
        told.result = "received"
    return "done"


def acknowledged(duty, alarm, actor):
    """To acknowledge is also to accept."""
    if alarm.ladder is not None and alarm.ladder.state != "none":
        duty.own(alarm, duty.plan.person_of(actor))


ACTS = {"accept": accept, "reject": reject, "release": release, "received": received}


def hand_over(world, command):
    """All alarms of whoever sends it, to somebody who must take them."""
    duty = world.duty
    if duty.plan is None:
        return "already_so"
    mine = duty.plan.person_of(command["actor"])
    theirs = [(alarm, ladder) for alarm, ladder in duty.ladders() if ladder.state == "accepted" and ladder.person == mine]
    if command["to"] == mine:
        return "invalid"
    if not theirs:
        return "already_so"
    for alarm, ladder in sorted(theirs, key=lambda one: str(one[0].key)):
        ladder.offered = command["to"]
        for channel in duty.plan.channels(command["to"])[:1] or (None,):
            duty._told(alarm, command["to"], channel)
    return "done"


def take_over(world, command):
    """All that is handed over to whoever sends it, or nothing."""
    duty = world.duty
    if duty.plan is None:
        return "conflict"
    me = duty.plan.person_of(command["actor"])
    offered = {alarm.key: alarm for alarm, ladder in duty.ladders()
               if ladder.state == "accepted" and ladder.offered == me and ladder.person == command["from"]}
    named = [tuple(one) for one in command["alarms"]]
    if not offered or set(named) != set(offered):
        return "conflict"
    for key in sorted(offered, key=str):
        duty.own(offered[key], me)
    return "done"
