"""Trends, sentence by sentence of the contract §5: `python3 -m unittest model.test_trends` in the folder above."""

import unittest

from .history import Story
from .judge import rules

DAY, WEIGHT, BURDEN = 86_400, "t.weight", "t.rate"
# As those of the packs, with fewer days.
rules.TEXTS["t"] = """
[[trend]]
id = "t.weight"
signal = "weight"
over = "24h"
at_least = 1
baseline = "72h"
baseline_at_least = 1
rise = "2 kg"
hysteresis = "0.5 kg"
priority = "medium"
response = "next_working_day"

[[trend]]
id = "t.rate"
signal = "mean_heart_rate_24h"
over = "72h"
at_least = 2
above = "100 /min"
hysteresis = "10 /min"
priority = "low"
response = "next_working_day"
"""


class Home(Story):
    """An adult with a scale (d-1)."""

    def __init__(self, signal="weight", unit="kg", **about):
        super().__init__(packs=["t"], cls="spot", signals=[signal], **about)
        self.signal, self.unit = signal, unit

    def say(self, day, value, status=None, now=None, **about):
        at = round(1 + day * DAY)
        reading = {"signal": self.signal, "value": value, "unit": self.unit, "at": at, **({"status": status} if status else {}), **about}
        return self.send(reading, t=at if now is None else round(1 + now * DAY))

    def days(self, *values, begin=0):
        for day, value in enumerate(values, begin):
            self.say(day, value)

    def trend(self, rule=WEIGHT):
        found = self.alarm(rule)
        return (found["state"], found["condition"], found["priority"]) if found else None


class Trends(unittest.TestCase):
    def test_against_himself(self):
        story = Home()
        story.days(80, 80, 81, 82)
        self.assertIsNone(story.trend())
        story.say(4, 84.1)
        self.assertEqual((story.trend(), story.alarm(WEIGHT)["response"]), (("alarming", "present", "medium"), "next_working_day"))

    def test_the_limit_itself_is_inside(self):
        story = Home()
        story.days(80, 80, 80, 82)
        self.assertIsNone(story.trend())

    def test_against_a_figure_by_the_median(self):
        story = Home("mean_heart_rate_24h", "/min")
        story.say(0, 120)
        self.assertIsNone(story.trend(BURDEN))
        story.say(1, 90)
        self.assertEqual(story.trend(BURDEN), ("alarming", "present", "low"))
        story.say(2, 90)
        self.assertEqual(story.closed(BURDEN), ["ended"])

    def test_between_the_two_it_stays_as_it_is(self):
        story = Home("mean_heart_rate_24h", "/min")
        story.days(95, 95)
        self.assertIsNone(story.trend(BURDEN))
        story.days(120, 120, 95, 95, begin=2)
        self.assertEqual(story.trend(BURDEN), ("alarming", "present", "low"))
        story.days(90, 90, begin=6)
        self.assertEqual(story.closed(BURDEN), ["ended"])

    def test_of_what_is_measured_within_half_a_day_the_last(self):
        story = Home()
        story.days(80, 80, 80)
        story.say(3, 90)
        self.assertEqual(story.trend()[1], "present")
        story.say(3.2, 80)
        self.assertEqual(story.trend()[1], "absent")

    def test_with_too_few_nothing_is_said(self):
        story = Home()
        story.say(0, 80)
        story.say(5, 90)
        self.assertIsNone(story.trend())

    def test_nobody_gets_well_by_getting_used_to_it(self):
        story = Home()
        story.days(80, 80, 80, 84, 84, 84, 84, 84)
        self.assertEqual((story.trend(), len(story.told(WEIGHT))), (("alarming", "present", "medium"), 1))
        story.say(8, 81.6)
        self.assertEqual(story.trend()[1], "present")
        story.say(9, 81.5)
        self.assertEqual(story.trend(), ("latched", "absent", "medium"))

    def test_what_is_late_or_in_doubt_does_not_count(self):
        story = Home()
        story.days(80, 80, 80)
        story.say(3, 90, quality=0.1)
        story.say(2.6, 90, now=4.5)
        self.assertIsNone(story.trend())

    def test_corrected_and_withdrawn(self):
        for status, value in (("corrected", 80), ("entered-in-error", 90)):
            story = Home()
            story.days(80, 80, 80, 80)
            story.say(4, 90)
            story.say(4, value, status=status, now=4.1)
            story.say(5, 80)
            self.assertEqual(story.trend(), ("latched", "absent", "medium"), status)

    def test_the_days_go_with_the_binding(self):
        story = Home()
        story.days(80, 80, 80, 84)
        story.do("unbind", device="d-1")
        self.assertEqual(story.trend()[1], "unknown")
        story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=[])
        story.days(84, 84, begin=4)
        self.assertEqual(story.trend()[1], "present")
        story = Home()
        story.do("admit", patient="p-2", age_class="adult")
        story.days(80, 80, 80)
        story.do("correct_binding", device="d-1", patient="p-2", reason="wrong bed")
        story.say(3, 90)
        self.assertEqual([one for one in story.last["alarms"] if one["rule"] == WEIGHT], [])

    def test_an_acknowledgement_holds_for_what_the_class_says(self):
        story = Home()
        story.days(80, 80, 80, 84)
        story.act("acknowledge", WEIGHT)
        story.wait(story.t + 71 * 3600)
        self.assertEqual(story.trend()[0], "acknowledged")
        story.wait(story.t + 3600)
        self.assertEqual(story.trend()[0], "alarming")

    def test_a_trend_that_changed_is_judged_anew(self):
        story = Home()
        story.days(80, 80, 80, 81.8)
        self.assertIsNone(story.trend())
        story.step(reload=[['rise = "2 kg"', 'rise = "1 kg"']])
        self.assertEqual(story.trend(), ("alarming", "present", "medium"))
        story.step(reload=[])
        self.assertEqual((story.closed(WEIGHT), story.trend()), (["rule_changed"], None))


if __name__ == "__main__":
    unittest.main()
