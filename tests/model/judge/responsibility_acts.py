"""What people do about whose an alarm is. # contract §5 Responsibility, §6"""



def accept(duty, alarm, actor):
    """Whoever accepts, asked or not, has it."""
    person = name_of(duty, actor)
    if alarm.ladder is not None and alarm.ladder.phase == "owned" and alarm.ladder.person == person:
        return "already_so"
    duty.own(alarm, person, actor)
    return "done"


def name_of(duty, actor):
    return duty.plan.person_of(actor) if duty.plan else actor


def reject(duty, alarm, actor):
    """To the next step at once; who had it before, and is asked first, to the step they were."""
    ladder = alarm.ladder
    if ladder is None or ladder.phase == "owned" or ladder.person is None or ladder.person != name_of(duty, actor):
        return "conflict"
    duty.next_step(alarm)
    return "done"


def release(duty, alarm, actor):
    """Back to others from the owner's step; an acknowledgement is taken back, and that announces nothing."""
    ladder = alarm.ladder
    if ladder is None or ladder.phase != "owned" or ladder.person != name_of(duty, actor):
        return "conflict"
    duty.world.alarms.taken_back(alarm)
    duty.give_back(alarm)
    return "done"


def received(duty, alarm, actor):
    ladder = alarm.ladder
    mine = [told for (to, _), told in ladder.told.items() if to == name_of(duty, actor)] if ladder else []
    if not mine:
        return "conflict"
    for told in mine:
        told.result = "received"
    return "done"


def acknowledged(duty, alarm, actor):
    """To acknowledge is also to accept."""
    if duty.asks(alarm) and (duty.plan is not None or alarm.ladder is not None):
        duty.own(alarm, name_of(duty, actor), actor, by_acknowledging=True)


ACTS = {"accept": accept, "reject": reject, "release": release, "received": received}


def hand_over(world, command):
    """All alarms of whoever sends it, to somebody who must take them."""
    duty = world.duty
    mine, to = name_of(duty, command["actor"]), name_of(duty, command["to"])
    theirs = [(alarm, ladder) for alarm, ladder in duty.ladders() if ladder.phase == "owned" and ladder.person == mine]
    if to == mine:
        return "invalid"
    if duty.plan and all(one.id != to for one in duty.plan.people):
        return "invalid"
    if not theirs:
        return "already_so"
    for alarm, ladder in sorted(theirs, key=lambda one: str(one[0].key)):
        ladder.offered = to
        duty.tell(alarm, to, duty.plan.channels(to)[:1] if duty.plan else ())
    return "done"


def take_over(world, command):
    """All that is handed over to whoever sends it, or nothing."""
    duty = world.duty
    me, before = name_of(duty, command["actor"]), name_of(duty, command["from"])
    offered = {alarm.key: alarm for alarm, ladder in duty.ladders()
               if ladder.phase == "owned" and ladder.offered == me and ladder.person == before}
    named = [tuple(one) for one in command["alarms"]]
    if not offered:
        return "not_found"
    if set(named) != set(offered):
        return "conflict"
    for key in sorted(offered, key=str):
        duty.own(offered[key], me, command["actor"])
    return "done"
