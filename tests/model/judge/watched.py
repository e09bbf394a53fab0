"""Somebody who is to be watched continuously, and whom no device watches. # contract §4"""

from .when import MINUTE

NO_DEVICE = "patient.no_device"
FIND_ONE = 5 * MINUTE


def asked(world, person):
    """Admitted, or flagged anew: a device has some time to come."""
    person.unwatched = None
    key = person.id, NO_DEVICE, "patient"
    if not person.continuous:
        world.alarms.over(key, world.now)
    elif not world.bound(person.id) and key not in world.alarms.open:
        person.unwatched = world.now


def left(world, patient):
    """A device left: where it was the last, that is told at once."""
    person = world.patients.get(patient)
    if person is not None and person.here and not world.bound(patient):
        tell(world, person)


def tell(world, person):
    person.unwatched = None
    if person.continuous:
        world.alarms.hold(person.id, NO_DEVICE, "patient", "medium", world.now, kind="technical", once=True)


def again(world, patient):
    """Something of a device was judged: it watches."""
    world.alarms.over((patient, NO_DEVICE, "patient"), world.now)


def deadlines(world):
    for person in world.patients.values():
        if person.here and person.unwatched is not None:
            yield world.gaps.put_off(person.unwatched + FIND_ONE)


def settle(world):
    for person in world.patients.values():
        if person.here and person.unwatched is not None and world.gaps.put_off(person.unwatched + FIND_ONE) <= world.now:
            tell(world, person)
