"""Rules and signals, read from their files as data."""

import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from . import names, units
from .when import span

CONFIG = Path(__file__).resolve().parents[3] / "config"
# Where packs are read; the text of one that is given here goes before its file.
PACKS = CONFIG / "packs"
TEXTS = {}
SIDES = ("low", "high")
LEVELS = ("critical", "warning")
ORDER = {"info": 0, "low": 1, "medium": 2, "high": 3}


def lower(priority):
    """One step lower; low stays low."""
    return {"high": "medium", "medium": "low"}.get(priority, priority)


def amount(text):
    """`88 %` as (88.0, "%")."""
    number, unit = text.split(" ", 1)
    return float(number), unit


@dataclass(frozen=True)
class Signal:
    """One line of the signal table."""

    name: str
    unit: str | None
    plausible: tuple | None
    continuous: bool


@dataclass(frozen=True)
class Limit:
    """One `[[limit]]`: `levels[side, level]` is a list of (value, unit)."""

    id: str
    signal: str
    levels: tuple
    delay: int
    critical_delay: int
    hysteresis: tuple | None
    clear_delay: int | None
    gap: int | None
    loss: int | None
    confirm: int | None
    adults_only: bool
    inclusive_critical: bool
    priorities: tuple
    responses: tuple
    actionable: int
    acknowledge_for: tuple = ()
    floor: bool = False
    not_adults: bool = False
    ages: tuple = ()
    folds: tuple = ()
    name: str | None = None

    def judges(self, age, adult):
        """Whom it judges; limits for adults leave others to what a person put. # contract §4"""
        return not (self.not_adults and adult) and (not self.ages or age in self.ages)

    def amounts(self, side, level):
        return dict(self.levels).get((side, level), ())

    def priority(self, side, level):
        """A limit medium, a critical limit high, unless the rule says otherwise. # contract §5"""
        key = side if level == "warning" else f"critical_{side}"
        return dict(self.priorities).get(key, "high" if level == "critical" else "medium")

    def holds(self, side, level):
        """How long an acknowledgement holds, where the rule says so. # contract §0.13"""
        return dict(self.acknowledge_for).get(side if level == "warning" else f"critical_{side}")

    def response(self, side, level):
        """What is high at once, all else promptly, unless the rule says otherwise. # contract §5"""
        usual = "immediate" if self.priority(side, level) == "high" else "prompt"
        return dict(self.responses).get(level, usual)


@dataclass(frozen=True)
class EventRule:
    """One `[[event]]`."""

    id: str
    events: tuple
    priority: str
    response: str
    always_notify: bool
    actionable: int
    folds: tuple = ()


@dataclass(frozen=True)
class Class:
    """One `[class.NAME]`."""

    expected_interval: int
    max_delay: int
    slack: int
    silence: tuple
    spot_only: bool = False
    charted: bool = False
    high_only_if_continuous: bool = False
    high_if_glucose_low: bool = False
    acknowledge_for: tuple = ()


@dataclass(frozen=True)
class Score:
    """One `[[score]]`; without `wards` it is for all. # contract §5 Scores"""

    id: str
    method: str
    age: int
    age_single: int
    delay: int
    clear_delay: int
    priorities: dict = field(hash=False)
    responses: dict = field(hash=False)
    wards: tuple | None = None

    def response(self, band):
        """What is high at once, all else promptly, unless the rule says otherwise. # contract §5"""
        return self.responses.get(band, "immediate" if self.priorities[band] == "high" else "prompt")


@dataclass(frozen=True)
class Count:
    """One `[[count]]`. # contract §5 Counts"""

    id: str
    events: tuple
    times: int
    within: int
    priority: str
    response: str
    always_notify: bool
    actionable: int


TREND_KINDS = ("above", "below", "rise", "fall", "rise_share", "fall_share")


@dataclass(frozen=True)
class Trend:
    """One `[[trend]]`: beyond a figure, or beyond what is usual by `amount`, in `unit`, or None where only shares are given. # contract §5 Trends"""

    id: str
    signal: str
    instances: tuple | None
    over: int
    at_least: int
    baseline: int
    baseline_at_least: int
    kind: str
    amount: float
    unit: str | None
    hysteresis: float
    priority: str
    response: str

    @property
    def side(self):
        return "high" if self.kind in ("above", "rise", "rise_share") else "low"

    def limit(self, usual):
        """The figure, or usual and the difference; None where nothing is usual yet."""
        if self.kind in ("above", "below"):
            return self.amount
        if usual is None:
            return None
        difference = self.amount * usual if self.kind.endswith("share") else self.amount
        return usual + difference if self.side == "high" else usual - difference


@dataclass(frozen=True)
class Condition:
    """One `[[combination.condition]]`: `signal` is below, or else above, the figure."""

    signal: str
    below: bool
    figure: float
    unit: str


@dataclass(frozen=True)
class Combination:
    """One `[[combination]]`; without `at_least` all conditions, without `wards` for all. # contract §5 Combinations"""

    id: str
    conditions: tuple
    at_least: int
    within: int
    delay: int
    clear_delay: int
    priority: str
    said: str | None = None
    wards: tuple | None = None

    @property
    def priorities(self):
        return {"met": self.priority}

    def response(self, _):
        return self.said or ("immediate" if self.priority == "high" else "prompt")


@dataclass(frozen=True)
class Rules:
    """Everything of both files, and of the packs that are named."""

    quality_min: float
    classes: dict = field(hash=False)
    limits: dict = field(hash=False)
    events: tuple = ()
    signals: dict = field(default_factory=dict, hash=False)
    codes: dict = field(default_factory=dict, hash=False)
    scores: dict = field(default_factory=dict, hash=False)
    combinations: dict = field(default_factory=dict, hash=False)
    counts: dict = field(default_factory=dict, hash=False)
    trends: dict = field(default_factory=dict, hash=False)

    def limit_of(self, signal):
        """The rule over a signal whose limits a patient may have otherwise."""
        return next((one for one in self.limits.values() if one.signal == signal and not one.floor), None)

    def cover(self, floor, side):
        """What may say the same as a floor without a name: (shipped critical limit, whose, how grave, how soon)."""
        rule = self.limit_of(floor.signal)
        if not floor.floor or floor.name or rule is None or rule.ages:
            return None
        return rule.amounts(side, "critical"), rule.adults_only, rule.priority(side, "critical"), rule.critical_delay

    def covers(self, floor, side, own, adult):
        """Whether the critical limit in force says all that the floor would, as soon and as gravely. # contract §4"""
        cover, lethal = self.cover(floor, side), floor.amounts(side, "critical")
        if cover is None or not lethal:
            return False
        shipped, adults_only, priority, delay = cover
        key = floor.signal, side, "critical"
        if key in own:
            amounts = (own[key],) if own[key] else ()
        else:
            amounts = () if adults_only and not adult else shipped
        if not amounts or ORDER[priority] < ORDER[floor.priority(side, "critical")]:
            return False
        if self.signals[floor.signal].continuous and delay > floor.critical_delay:
            return False
        value, unit = lethal[0]
        stated = [limit for limit, given in amounts if given == unit] or [units.convert(*amounts[0], unit)]
        return stated[0] >= value if side == "low" else stated[0] <= value

    def stands(self, rule, own, age, adult):
        """Whether a rule judges somebody who has these limits of his own."""
        judged = rule.judges(age, adult) and (adult or not rule.adults_only)
        return judged and not (self.cover(rule, "low") and all(self.covers(rule, side, own, adult) for (side, _), _ in rule.levels))

    def event_rule(self, event):
        """The first rule that names the event, else the one for all."""
        for rule in self.events:
            if event in rule.events:
                return rule
        return next((rule for rule in self.events if "*" in rule.events), None)

    def signal(self, text):
        """(signal, instance) of a name or code, or None. # contract §0.1a, §0.18"""
        if text in self.signals:
            return text, ""
        return self.codes.get(text)


def _limit(raw):
    levels = tuple(
        ((side, level), tuple(amount(one) for one in raw[key]))
        for side in SIDES
        for level in LEVELS
        for key in [side if level == "warning" else f"critical_{side}"]
        if key in raw
    )
    optional = lambda key: span(raw[key]) if key in raw else None
    return Limit(
        id=raw["id"], signal=raw["signal"], levels=levels,
        delay=optional("delay") or 0, critical_delay=optional("critical_delay") or 0,
        hysteresis=amount(raw["hysteresis"]) if "hysteresis" in raw else None,
        clear_delay=optional("clear_delay"), gap=optional("gap"), loss=optional("loss"),
        confirm=optional("confirm"), adults_only=raw.get("adults_only", False),
        inclusive_critical=raw.get("inclusive_critical", False),
        priorities=tuple(raw.get("priorities", {}).items()),
        responses=tuple(raw.get("responses", {}).items()),
        actionable=optional("actionable") or names.ACTIONABLE, acknowledge_for=tuple((key, span(one)) for key, one in raw.get("acknowledge_for", {}).items()),
        floor=raw.get("floor", False), not_adults=raw.get("not_adults", False), name=raw.get("name"),
        ages=tuple(raw.get("ages", ())), folds=tuple(raw.get("folds", ())),
    )


def _score(raw):
    wards = raw.get("wards")
    return Score(raw["id"], raw["method"], *(span(raw[key]) for key in ("age", "age_single", "delay", "clear_delay")),
                 dict(raw["priorities"]), dict(raw.get("responses", {})), tuple(wards) if wards is not None else None)


def _combination(raw):
    wards = raw.get("wards")
    conditions = tuple(Condition(one["signal"], "below" in one, one["below" if "below" in one else "above"], one["unit"]) for one in raw["condition"])
    return Combination(raw["id"], conditions, raw.get("at_least", len(conditions)), *(span(raw[key]) for key in ("within", "delay", "clear_delay")),
                       raw["priority"], raw.get("response"), tuple(wards) if wards is not None else None)


def _count(raw):
    response = raw.get("response", "immediate" if raw["priority"] == "high" else "prompt")
    return Count(raw["id"], tuple(raw["events"]), raw["times"], span(raw["within"]), raw["priority"], response, raw.get("always_notify", False),
                 span(raw["actionable"]) if "actionable" in raw else names.ACTIONABLE)


def _trend(raw):
    kind = next(one for one in TREND_KINDS if one in raw)
    hysteresis, unit = amount(raw["hysteresis"]) if "hysteresis" in raw else (0.0, None)
    difference = (raw[kind], unit) if kind.endswith("share") else amount(raw[kind])
    response = raw.get("response", "immediate" if raw["priority"] == "high" else "prompt")
    instances = tuple(raw["instances"]) if "instances" in raw else None
    return Trend(raw["id"], raw["signal"], instances, span(raw["over"]), raw["at_least"], span(raw.get("baseline", "0s")),
                 raw.get("baseline_at_least", 0), kind, difference[0], difference[1], hysteresis, raw["priority"], response)


def _class(raw):
    return Class(
        expected_interval=span(raw["expected_interval"]), max_delay=span(raw["max_delay"]),
        slack=span(raw.get("slack", "0s")),
        silence=tuple((rung, span(raw["silence"][rung])) for rung in ("low", "medium", "high")
                      if rung in raw.get("silence", {})),
        spot_only=raw.get("spot_only", False), charted=raw.get("charted", False),
        high_only_if_continuous=raw.get("high_only_if_continuous", False),
        high_if_glucose_low=raw.get("high_if_glucose_low", False),
        acknowledge_for=tuple((key, span(one)) for key, one in raw.get("acknowledge_for", {}).items()),
    )


def _signals(raw):
    signals, codes = {}, {}
    for one in raw["signal"]:
        plausible = one.get("plausible")
        # contract §0.22: diastolic and mean cuff pressure are plausible from 5 mm[Hg].
        if one["name"] in ("nibp_dia", "nibp_mean") and plausible:
            plausible = [min(plausible[0], 5), plausible[1]]
        signals[one["name"]] = Signal(
            one["name"], one.get("unit"), tuple(plausible) if plausible else None,
            one["cadence"] == "continuous",
        )
        for kind in ("mdc", "loinc"):
            listed = one.get(kind, [])
            for code in listed:
                # contract §0.1a: different codes of one signal are different instances.
                codes[f"{kind}:{code}"] = (one["name"], f"{kind}:{code}" if len(listed) > 1 else "")
        for lead, listed in one.get("leads", {}).items():
            for code in listed:
                codes[f"mdc:{code}"] = (one["name"], lead)
    return signals, codes


@lru_cache(maxsize=64)
def load(replacements=(), packs=()):
    """The shipped rules and packs with text replaced, as ((old, new), …): in the first of them in which it stands."""
    texts = [(CONFIG / "rules.toml").read_text()]
    texts += [TEXTS[name] if name in TEXTS else (PACKS / f"{name}.toml").read_text() for name in packs]
    for old, new in replacements:
        place = next((place for place, text in enumerate(texts) if old in text), 0)
        texts[place] = texts[place].replace(old, new, 1)
    raw, *others = (tomllib.loads(text) for text in texts)
    all_of = lambda kind: [one for file in (raw, *others) for one in file.get(kind, [])]
    signals, codes = _signals(tomllib.loads((CONFIG / "signals.toml").read_text()))
    optional = lambda one: span(one["actionable"]) if "actionable" in one else names.ACTIONABLE
    return Rules(
        quality_min=raw.get("quality_min", 0.5),
        classes={name: _class(one) for name, one in raw.get("class", {}).items()},
        limits={one["id"]: _limit(one) for one in raw.get("limit", [])},
        events=tuple(
            EventRule(one["id"], tuple(one["events"]), one["priority"], one["response"],
                      one.get("always_notify", False), optional(one), tuple(one.get("folds", ())))
            for one in raw.get("event", [])
        ),
        signals=signals, codes=codes,
        scores={one["id"]: _score(one) for one in all_of("score")},
        combinations={one["id"]: _combination(one) for one in all_of("combination")},
        trends={one["id"]: _trend(one) for one in all_of("trend")},
        counts={one["id"]: _count(one) for one in all_of("count")},
    )
