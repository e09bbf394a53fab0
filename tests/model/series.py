"""Made series, whose truth is known: is every excursion beyond its delay told?

`vitalgate-sim series > series.jsonl`, then `python3 -m model.series --driver PATH --files series.jsonl` gives each
history to the driver twice, with nobody answering and with a person who acknowledges each alarm at the step after it was
announced, and to the second judge with the same answers. Prints one line for each, one for each who measures (announcements
of the patient against plain thresholds, and the most that one technical cause is announced in any 60 minutes of a
history), and what it calls untold or differing.
The truth is in the first line of each history; limits and delays are read from `config/` anew, and nothing is shared with
the judge.
"""

import argparse
import json
import shlex
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from .compare import first_difference, judged, read_histories
from .driver import Driver

CONFIG = Path(__file__).resolve().parents[2] / "config"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
ORDER = ("info", "low", "medium", "high")
# News on an alarm is told at most once a second (contract §5), and time is given to fractions of it.
NEWS_S = 2
# What says on a patient that values were not judged (contract §3), so that nobody takes quiet for health.
NOT_JUDGED = ("link.lost_while_pending", "link.silence", "clock.suspect")
# Rules over a patient's equipment (contract §3).
EQUIPMENT = ("link.", "clock.")
# Told before an age of so much, without a figure of the rule's own (contract §3).
ACTIONABLE_S = 24 * 3600


def seconds(text):
    return float(text[:-1]) * SECONDS[text[-1]]


@dataclass(frozen=True)
class Limit:
    """One level of one side of a rule."""

    rule: str
    side: str
    level: str
    value: float
    inclusive: bool
    delay: float
    gap: float
    actionable: float
    priority: str
    floor: bool = False

    def crossed(self, value):
        if self.inclusive and value == self.value:
            return True
        return value < self.value if self.side == "low" else value > self.value


@dataclass(frozen=True)
class Excursion:
    """Values of one series beyond a limit, as (measured, value, arrived, stamp), the times in seconds."""

    limit: Limit
    values: tuple

    def lasts(self):
        return self.values[-1][0] - self.values[0][0]

    def is_due(self):
        """Beyond for as long as the delay by its own values, whatever came after the last."""
        return self.lasts() >= self.limit.delay

    def arrivals(self):
        times = [value[2] for value in self.values]
        return min(times), max(times)

    def part(self, wanted):
        """The longest run of values that `wanted` holds of, as an excursion; None without any."""
        runs = [tuple(run) for good, run in groupby(self.values, wanted) if good]
        longest = max(runs, key=lambda run: run[-1][0] - run[0][0], default=None)
        return longest and Excursion(self.limit, longest)


class Truth:
    """What a history says was measured, and what follows from the limits."""

    def __init__(self, header):
        truth = header["truth"]
        self.patient, self.source = truth["patient"], truth["source"]
        self.values = [tuple(value) for value in truth["measured"]]
        rules = tomllib.loads((CONFIG / "rules.toml").read_text())
        signals = tomllib.loads((CONFIG / "signals.toml").read_text())["signal"]
        about = next(one for one in signals if one["name"] == truth["signal"])
        cls = rules["class"][truth["class"]]
        spot = about["cadence"] == "spot" or cls.get("spot_only", False)
        wait = seconds(cls["max_delay"]) + seconds(cls.get("slack", "0s"))
        self.live = truth["interval_s"] + wait
        self.charted = cls.get("charted", False)
        self.limits = [limit for entry in rules["limit"] if entry["signal"] == truth["signal"] and judges_adults(entry)
                       for limit in levels(entry, truth, spot)]

    def excursions(self):
        """Those that must be told: beyond their limit for its delay, without a hole longer than the gap."""
        return [one for limit in self.limits if ORDER.index(limit.priority) > 0 for one in self.runs(limit) if one.is_due()]

    def runs(self, limit):
        found = []
        for value in self.values:
            if not limit.crossed(value[1]):
                found.append([])
            elif found and found[-1] and value[0] - found[-1][-1][0] <= limit.gap:
                found[-1].append(value)
            else:
                found.append([value])
        return [Excursion(limit, tuple(run)) for run in found if run]

    def is_late(self, value):
        """By its true age; what people chart is of the time they say (contract §3)."""
        measured, _, arrived, stamp = value
        return arrived - (stamp if self.charted else measured) > self.live

    def repeats(self, excursion):
        """Whether the instants that its device gave were beyond the limit before: one instant, one excursion (contract §2, §3)."""
        first, _ = excursion.arrivals()
        known = {stamp for _, value, arrived, stamp in self.values if arrived < first and excursion.limit.crossed(value)}
        return all(stamp in known for _, _, _, stamp in excursion.values)

    def plain(self):
        """Announcements of a monitor without delay, hysteresis or hold: one a crossing of a limit. It has no floors."""
        return sum(len(self.runs(limit)) for limit in self.limits if ORDER.index(limit.priority) > 0 and not limit.floor)


def judges_adults(entry):
    """A floor without a name says nothing beside the shipped limits for adults (contract §4)."""
    left = entry.get("floor", False) and "name" not in entry
    return "adult" in entry.get("ages", ["adult"]) and not entry.get("not_adults", False) and not left


def levels(entry, truth, spot):
    """Single measurements count at once, and nothing parts them but a value inside."""
    usual = {"warning": "medium", "critical": "high"}
    for side in ("low", "high"):
        for level, prefix in (("warning", ""), ("critical", "critical_")):
            name = prefix + side
            texts = [text for text in entry.get(name, []) if text.split(" ", 1)[1] == truth["unit"]]
            for text in texts:
                yield Limit(
                    rule=f"{entry['id']}_{side}", side=side, level=level, value=float(text.split(" ", 1)[0]),
                    inclusive=entry.get("inclusive_critical", False) and name == "critical_low",
                    delay=0 if spot else seconds(entry.get(f"{prefix}delay", "0s")),
                    gap=float("inf") if spot else max(seconds(entry.get("gap", "1000d")), 2 * truth["interval_s"]),
                    actionable=seconds(entry["actionable"]) if "actionable" in entry else ACTIONABLE_S,
                    priority=entry.get("priorities", {}).get(name, usual[level]), floor=entry.get("floor", False),
                )


# How an excursion may go on, in the order looked for:
#   told        an announcement of its rule, of its priority (one step lower where it came late, contract §3)
#   standing    an alarm of its rule, of that priority, was present or unknown: one condition, told once (§3, §5)
#   historical  what is younger than the rule's actionable age does not last for the delay (§3)
#   lost        `link.lost_while_pending` told it, with the rule's priority (§5, row 3)
#   silent      another alarm said meanwhile that the signal was not judged, or its clock cannot be (§3)
#   repeated    the device gave its values for instants it had said to be beyond the limit before (§2, §3)
#   parted      neither what came live nor what came late lasts for the delay (§3)
#   untold      none of these
class Run:
    """One history given to the driver: its lines, with what the person added, and the answers."""

    def __init__(self, driver, lines, acknowledges):
        self.lines, self.answers = [lines[0]], []
        driver.begin(lines[0])
        for line in lines[1:]:
            self.take(driver, line)
            fresh = self.answers[-1]["announced"] if acknowledges else []
            for patient, rule, source, *_ in fresh:
                command = {"actor": "nurse", "do": "alarm", "patient": patient, "rule": rule, "source": source,
                           "act": "acknowledge", "seen": "now"}
                self.take(driver, {"t": line["t"], "command": command})

    def take(self, driver, line):
        self.lines.append(line)
        self.answers.append(driver.answer(line))

    def window(self, excursion):
        """The answers from its first arrival until the news of its last must be out."""
        first, last = excursion.arrivals()
        for line, answer in zip(self.lines[1:], self.answers):
            if line["t"] >= first:
                yield answer
            if line["t"] >= last + NEWS_S:
                return

    def technical(self):
        """The most announcements of one cause of the equipment in any 60 minutes."""
        times = {}
        for line, answer in zip(self.lines[1:], self.answers):
            for patient, rule, source, *_ in answer["announced"]:
                if rule.startswith(EQUIPMENT):
                    times.setdefault((patient, rule, source), []).append(line["t"])
        return max((sum(0 <= one - first < 3600 for one in all_) for all_ in times.values() for first in all_), default=0)

    def told(self, truth):
        """How many announcements of the rules of this truth there were."""
        rules = {limit.rule for limit in truth.limits}
        return sum(item[1].removesuffix("_repeat_due") in rules for answer in self.answers for item in answer["announced"])

    def verdict(self, truth, excursion):
        """`told`, or why not."""
        limit, window = excursion.limit, list(self.window(excursion))
        live, late = (excursion.part(lambda value, is_late=is_late: truth.is_late(value) == is_late) for is_late in (False, True))
        came_late = late is not None and (live is None or not live.is_due())
        if any(tells(item, limit, came_late) for answer in window for item in answer["announced"]):
            return "told"
        if any(stands(alarm, limit, came_late) for answer in window for alarm in answer["alarms"]):
            return "standing"
        recent = excursion.part(lambda value: value[2] - value[0] <= limit.actionable)
        if recent is None or not recent.is_due():
            return "historical"
        technical = {alarm["rule"] for answer in window for alarm in answer["alarms"] if alarm["rule"] in NOT_JUDGED}
        if "link.lost_while_pending" in technical:
            return "lost"
        if technical:
            return "silent"
        if truth.repeats(excursion):
            return "repeated"
        if live and late and not live.is_due() and not late.is_due():
            return "parted"
        return "untold"


def tells(item, limit, late):
    """A late one is one step lower (contract §3); another measurement may be asked for first."""
    _, rule, _, priority, _ = item
    if rule == f"{limit.rule}_repeat_due":
        return limit.level == "warning"
    return rule == limit.rule and reaches(priority, limit, late)


def reaches(priority, limit, late):
    return ORDER.index(priority) >= ORDER.index(limit.priority) - (1 if late else 0)


def stands(alarm, limit, late):
    """One that is present, or unknown, tells it already (contract §3, §5)."""
    return (alarm["rule"] == limit.rule and alarm["condition"] in ("present", "unknown")
            and reaches(alarm["priority_peak"], limit, late))


class Campaign:
    """What came of all histories with one kind of person."""

    def __init__(self, driver, acknowledges, judge):
        self.driver, self.acknowledges, self.judge = driver, acknowledges, judge
        self.cases = self.announced = self.plain = 0
        self.verdicts, self.untold, self.differing = Counter(), [], []
        self.cohorts = {}

    def history(self, lines):
        truth, run = Truth(lines[0]), Run(self.driver, lines, self.acknowledges)
        name = lines[0]["history"]
        self.cases += 1
        told, plain = run.told(truth), truth.plain()
        self.announced += told
        self.plain += plain
        cases, before, against, technical = self.cohorts.get(name.split("/")[0], (0, 0, 0, 0))
        self.cohorts[name.split("/")[0]] = cases + 1, before + told, against + plain, max(technical, run.technical())
        for excursion in truth.excursions():
            verdict = run.verdict(truth, excursion)
            self.verdicts[verdict] += 1
            if verdict not in ("told", "standing", "historical"):
                limit = excursion.limit
                self.untold.append(f"{verdict}: {name}: {limit.rule} {limit.level} measured "
                                   f"{excursion.values[0][0]}..{excursion.values[-1][0]}, came {excursion.arrivals()}")
        found = self.judge and first_difference(run.lines, judged(run.lines), run.answers)
        if found:
            self.differing.append(f"differs: {name}: step {found[0]}: {'; '.join(sorted(found[1]))}")
        return run

    def by_cohort(self):
        """A line for each who measures."""
        for cohort, (cases, told, plain, technical) in self.cohorts.items():
            yield (f"  {cohort}: {cases} cases, {told} announcements, {plain} by plain thresholds ({told / plain - 1:+.0%}); "
                   f"technical at most {technical} in 60 min")

    def line(self):
        person = "a person who acknowledges at once" if self.acknowledges else "nobody answers"
        verdicts = ", ".join(f"{count} {word}" for word, count in sorted(self.verdicts.items()))
        differing = f"{len(self.differing)} histories differ" if self.judge else "not judged a second time"
        return (f"{person}: {self.cases} cases, {self.verdicts.total()} excursions ({verdicts}), untold "
                f"{self.verdicts['untold']}; {self.announced} announcements, {self.plain} by plain thresholds; {differing}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", required=True, help="the other judge, with its arguments")
    parser.add_argument("--files", nargs="+", required=True, help="series, as `vitalgate-sim series` prints them")
    parser.add_argument("--no-judge", action="store_true", help="the driver alone, which is much quicker")
    args = parser.parse_args()
    driver, histories = Driver(shlex.split(args.driver)), [lines for path in args.files for lines in read_histories(path)]
    campaigns = [Campaign(driver, acknowledges, not args.no_judge) for acknowledges in (False, True)]
    try:
        for campaign in campaigns:
            for lines in histories:
                campaign.history(lines)
    finally:
        driver.close()
    for campaign in campaigns:
        print("\n".join([*campaign.untold, *campaign.differing, campaign.line(), *campaign.by_cohort()]))
    sys.exit(1 if not histories or any(campaign.verdicts["untold"] for campaign in campaigns) else 0)


if __name__ == "__main__":
    main()
