"""Where two answers differ, as kinds, so that one cause does not fill the list."""

FIELDS = ("state", "condition", "priority", "priority_peak", "response", "late")


def rule_kind(rule):
    """`limit`, `loss`, `repeat` and `event` for rules of that kind; technical ones by their name."""
    if rule.startswith(("link.", "clock.", "gateway.", "rules.", "store.")):
        return rule
    if rule.startswith("news2"):
        return "score"
    if rule == "vitals_live.bradycardia_desaturation":
        return "combination"
    if rule.endswith("_repeat_due"):
        return "repeat"
    if rule.endswith("_lost"):
        return "loss"
    if rule.endswith(("_low", "_high")):
        return "limit"
    if rule.split(".")[-1] in ("asystole", "apnoea", "extreme_bradycardia", "spo2_floor"):
        return "floor"
    return "event"


def device_of(source):
    return source.split("/")[0]


def _told_elsewhere(rule):
    """The listener refuses what may not be published, and is left out of the driver."""
    return rule == "link.refused"


def _pairs(model, driver, key):
    """Items of both sides by key; what is left is paired by its device, for sources named otherwise."""
    left, right = [one for one in model if not _told_elsewhere(key(one)[1])], list(driver)
    pairs, loose = [], []
    for one in left:
        other = next((o for o in right if key(o) == key(one)), None)
        if other is None:
            loose.append(one)
        else:
            right.remove(other)
            pairs.append((one, other, True))
    for one in loose:
        wide = lambda item: (item[0], item[1], device_of(item[2]))
        other = next((o for o in right if wide(key(o)) == wide(key(one))), None)
        if other is not None:
            right.remove(other)
        pairs.append((one, other, False))
    return pairs + [(None, other, False) for other in right]


def differences(step, model, driver):
    """The kinds in which two answers to one step differ."""
    found = set()
    _alarms(found, model.get("alarms", []), driver.get("alarms", []))
    _lists(found, "announced", model, driver, 3)
    _lists(found, "closed", model, driver, 3)
    _lists(found, "told_over", model, driver, 3)
    _lists(found, "reminded", model, driver, 3)
    if model.get("answer") != driver.get("answer"):
        command = step.get("command", {})
        found.add(f"answer {command.get('act') or command.get('do')}: model {model.get('answer')}, driver {driver.get('answer')}")
    _responsible(found, model, driver)
    _scores(found, model.get("scores", {}), driver.get("scores", {}))
    if model.get("combinations", {}) != driver.get("combinations", {}):
        found.add("whether a combination is met")
    if driver.get("monitored") is None:
        return found
    left, right = model.get("monitored", {}), driver["monitored"]
    for patient in sorted(set(left) | set(right)):
        if left.get(patient) != right.get(patient):
            found.add(f"monitored: model {left.get(patient)}, driver {right.get(patient)}")
    return found


def _alarms(found, left, right):
    for one, other, same in _pairs(left, right, lambda a: (a["patient"], a["rule"], a["source"])):
        if one is None or other is None:
            side = "model" if other is None else "driver"
            found.add(f"open {rule_kind((one or other)['rule'])}: only {side}")
            continue
        if not same:
            found.add(f"source {rule_kind(one['rule'])}")
        for field in FIELDS:
            if one.get(field) != other.get(field):
                found.add(f"{field} {rule_kind(one['rule'])}: model {one.get(field)}, driver {other.get(field)}")


def _scores(found, left, right):
    """What a score comes to at the end of a step."""
    by_rule = lambda shown: {(patient, one["rule"]): one for patient, scores in shown.items() for one in scores}
    left, right = by_rule(left), by_rule(right)
    for one in sorted(set(left) | set(right)):
        if one not in left or one not in right:
            found.add(f"shown score: only {'driver' if one not in left else 'model'}")
            continue
        for field in ("total", "complete", "band", "missing"):
            if left[one][field] != right[one][field]:
                found.add(f"{field} of score")


RESPONSIBLE = ("state", "team", "step", "role", "person", "deadline", "offered", "told")


def _responsible(found, model, driver):
    """Who answers for what, until when, and who was told at which moment."""
    if "told" not in driver:
        return
    key = lambda one: (one["patient"], one["rule"], one["source"])
    left, right = ({key(one): one for one in answer["responsible"]} for answer in (model, driver))
    for one in sorted(set(left) | set(right), key=str):
        mine, theirs = left.get(one), right.get(one)
        if mine is None or theirs is None:
            found.add(f"responsible {rule_kind(one[1])} {(mine or theirs)['state']}: only {'model' if theirs is None else 'driver'}")
            continue
        if mine["state"] != theirs["state"]:
            found.add(f"responsible: model {mine['state']}, driver {theirs['state']}")
            continue
        for field in RESPONSIBLE[1:]:
            if _plain(mine[field]) != _plain(theirs[field]):
                found.add(f"{field} of {mine['state']}")
    left, right = ({tuple(map(str, one)) for one in answer["told"]} for answer in (model, driver))
    for side, more in (("model", left - right), ("driver", right - left)):
        if more:
            found.add(f"told: only {side}")


def _plain(value):
    return sorted(map(list, value)) if isinstance(value, list) else value


def _once(items):
    """What is told twice in one step is told."""
    return [one for place, one in enumerate(items) if one not in items[:place]]


def _lists(found, name, model, driver, extra):
    """`announced` and `closed`: what follows (patient, rule, source) must agree."""
    left, right = _once(model.get(name, [])), _once(driver.get(name, []))
    for one, other, _ in _pairs(left, right, lambda item: tuple(item[:3])):
        if one is None or other is None:
            item = one or other
            side = "model" if other is None else "driver"
            last = f" {item[4]}" if name == "announced" and item[4] else f" {item[3]}" if name == "closed" else ""
            found.add(f"{name} {rule_kind(item[1])}{last}: only {side}")
        elif one[extra:] != other[extra:]:
            found.add(f"{name} {rule_kind(one[1])}: model {' '.join(one[extra:])}, driver {' '.join(other[extra:])}")
