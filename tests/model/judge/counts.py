"""So many of a device's own events within a span. # contract §5 Counts"""

from .rules import lower


class Counts:
    """The episodes that are counted: by rule and binding, each by where it happened."""

    def __init__(self, world):
        self.world, self.episodes = world, {}

    def came(self, device, event, patient):
        """An episode that begins, or is all of it: once, live or late, its time in doubt or not. # Counts, 1 and 2"""
        binding = self.world.bindings_of(device.id).binding_at(event.measured)
        for rule in self.world.rules.counts.values():
            if event.event not in rule.events:
                continue
            key = rule.id, device.id, binding.step
            # Older than twice the span before the newest they are forgotten. # Counts, 3
            known = [*self.episodes.get(key, ()), event.measured]
            self.episodes[key] = known = [at for at in known if max(known) - at <= 2 * rule.within]
            if event.measured in known and self.is_enough(rule, known, event.measured):
                self.tell(rule, device, event, patient)

    @staticmethod
    def is_enough(rule, known, at):
        """Over those that lie within such a span with it, both ends of it. # Counts, 2"""
        begins = [begin for begin in known if begin <= at <= begin + rule.within]
        return any(sum(begin <= one <= begin + rule.within for one in known) >= rule.times for begin in begins)

    def tell(self, rule, device, event, patient):
        """Like an event that is `single`; late as events are, older than `actionable` a note. # Counts, 2"""
        world = self.world
        age = world.events.age_of(event)
        is_late = event.past or age > world.live_window(device)
        if is_late and age > rule.actionable and not rule.always_notify:
            return
        priority = lower(rule.priority) if is_late and rule.response in ("immediate", "prompt") else rule.priority
        world.alarms.momentary(patient, rule.id, device.id, priority, world.now, news="event", late=is_late, device=device.id,
                               response=rule.response)

    def rules_changed(self, before, after):
        """A count that changed begins anew, and ends nothing. # Counts, 3"""
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        self.episodes = {key: known for key, known in self.episodes.items() if key[0] not in changed}
