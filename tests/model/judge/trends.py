"""A patient against a figure, or against himself, over days. # contract §5 Trends"""

from statistics import median

from . import units
from .readings import Copy
from .when import HOUR

# Of what is measured within so long from the first of them the last counts. # Trends, 1
ONE = 12 * HOUR


def days_of(source, binding):
    """The values that count of a series, since its device was bound. # Trends, 1"""
    known = []
    for one in source.steps():
        if not isinstance(one, tuple):
            known = [copy for copy in known if copy.identity != one.identity]
        elif isinstance(one[0], Copy) and one[1] and one[0].live and one[0].certain and one[0].value is not None and one[0].comparator is None:
            known.append(one[0])
    found, first = [], None
    for copy in sorted(known, key=lambda copy: copy.at):
        if copy.patient != binding.patient or copy.step <= max(binding.step, binding.corrected) or copy.whose_at < binding.since:
            continue
        if first is None or copy.at - first >= ONE:
            first = copy.at
            found.append(copy)
        else:
            found[-1] = copy
    return found


class Trends:
    """What was usual when each alarm began, and what was looked at last of each series."""

    def __init__(self, world):
        self.world, self.usual, self.looked = world, {}, {}

    def settle(self):
        """Looked at, when a value comes. # Trends, 2"""
        for source in list(self.world.sources.values()) if self.world.rules.trends else ():
            binding = self.world.bindings_of(source.device).now
            if binding is None or binding.patient is None or not self.world.patients[binding.patient].here:
                continue
            for rule in self.world.rules.trends.values():
                if rule.signal == source.signal and (rule.instances is None or source.instance in rule.instances):
                    self.look(rule, source, binding)

    def look(self, rule, source, binding):
        days = days_of(source, binding)
        seen = [(copy.at, copy.value, copy.unit) for copy in days]
        if not days or self.looked.get((rule.id, source.name, binding.step)) == seen:
            return
        self.looked[rule.id, source.name, binding.step] = seen
        key = binding.patient, rule.id, source.name
        alarm = self.world.alarms.open.get(key)
        stands = alarm is not None and alarm.condition in ("present", "unknown")
        now, usual = self.of(rule, days), self.usual.get(key) if stands else None
        usual = usual if usual is not None else self.before(rule, days)
        limit = rule.limit(usual)
        if now is None or limit is None:
            return
        # As a limit says it: the limit itself is inside. # Trends, 3
        beyond = now - limit if rule.side == "high" else limit - now
        if beyond > 0:
            self.hold(rule, source, key, usual)
        elif stands and -beyond >= rule.hysteresis:
            self.usual.pop(key, None)
            self.world.alarms.over(key, self.world.now)

    def of(self, rule, days):
        """The median of the last `over`, of `at_least` values. # Trends, 2"""
        newest = days[-1].at
        found = [self.value(rule, copy) for copy in days if newest - copy.at < rule.over]
        return median(found) if len(found) >= rule.at_least else None

    def before(self, rule, days):
        """*Usual*: the median of the `baseline` before that. # Trends, 2"""
        newest = days[-1].at
        found = [self.value(rule, copy) for copy in days if rule.over <= newest - copy.at < rule.over + rule.baseline]
        return median(found) if found and len(found) >= rule.baseline_at_least else None

    def value(self, rule, copy):
        return units.convert(copy.value, copy.unit, rule.unit or self.world.rules.signals[rule.signal].unit)

    def hold(self, rule, source, key, usual):
        """While it stands, usual is what was usual when it began. # Trends, 3"""
        device = self.world.devices[source.device]
        alarm = self.world.alarms.hold(*key, rule.priority, self.world.now, device=device.id, signal=source.signal, response=rule.response)
        cls = self.world.class_of(device)
        # Trends, 4
        alarm.acknowledge_for = dict(cls.acknowledge_for).get(rule.priority) if cls else None
        self.usual[key] = usual

    def rules_changed(self, before, after):
        """Judged anew by what is known. # Trends, 4; contract row 23"""
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        self.looked = {key: seen for key, seen in self.looked.items() if key[0] not in changed}
        for alarm in [one for one in self.world.alarms.open.values() if one.rule in changed]:
            self.usual.pop(alarm.key, None)
            self.world.alarms.close(alarm, "rule_changed")
