"""Technical findings that have no end."""


def note(world, patient, rule, source):
    """A technical finding that nothing ends: told once, held for a day, to be reset with a reason."""
    is_here = patient is None or world.patients[patient].here
    if is_here and (patient, rule, source) not in world.alarms.open:
        world.alarms.raise_(patient, rule, source, "low", world.now, kind="technical", condition="momentary",
                            resettable=True)
