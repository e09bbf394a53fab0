"""Combinations, sentence by sentence of the contract §5: `python3 -m unittest model.test_combinations` in the folder above."""

import unittest

from . import combinations as made
from .history import Story
from .judge import combinations, rules
from .test_scores import of

PACK = "vitals_live"
RULE = "vitals_live.bradycardia_desaturation"
BRADYCARDIA = rules.load((), (PACK,)).combinations[RULE]


class Bed(Story):
    """An adult with a monitor (d-1), of whom a slow heart with a low saturation is told."""

    def __init__(self, *changes, **about):
        signals = ("heart_rate", "spo2", "respiratory_rate")
        super().__init__(packs=(PACK,), signals=signals, rules=[list(one) for one in changes] or None, **about)

    def measured(self, t, heart_rate=None, spo2=None, **other):
        values = {"heart_rate": heart_rate, "spo2": spo2, **other}
        return self.send(*[(signal, value) for signal, value in values.items() if value is not None], t=t)

    def both(self, begin, end, heart_rate=42, spo2=89, every=1):
        for t in range(begin, end + 1, every):
            self.measured(t, heart_rate, spo2)

    def state(self):
        """(state, condition, priority) of its alarm."""
        found = self.alarm(RULE, "combination")
        return (found["state"], found["condition"], found["priority"]) if found else None


class Conditions(unittest.TestCase):
    """**Of each condition**."""

    def test_beyond_the_figure_and_not_at_it(self):
        rate, saturation = BRADYCARDIA.conditions
        self.assertEqual([combinations.holds(rate, of("heart_rate", one)) for one in (49.9, 50, 50.1)], [True, False, False])
        self.assertEqual([combinations.holds(saturation, of("spo2", one)) for one in (89.6, 90)], [True, False])

    def test_in_the_unit_of_the_condition(self):
        fever = rules.Condition("temperature", False, 38.2, "Cel")
        self.assertEqual([combinations.holds(fever, of("temperature", one, unit="[degF]")) for one in (100.7, 100.8)], [False, True])

    def test_bounds_count_where_every_value_they_allow_says_the_same(self):
        rate = BRADYCARDIA.conditions[0]
        for comparator, value, found in (("<", 50, True), ("<", 50.1, None), ("<=", 49, True), ("<=", 50, None), (">", 50, False), (">=", 50, False),
                                         (">", 49, None), (">=", 49.9, None)):
            self.assertEqual(combinations.holds(rate, of("heart_rate", value, comparator)), found, (comparator, value))

    def test_the_named_case(self):
        story = Bed()
        story.both(1, 12)
        self.assertEqual((story.state(), story.told(RULE)), (("alarming", "present", "high"), [("high", "")]))

    def test_one_alone_is_none(self):
        story = Bed()
        story.both(1, 30, heart_rate=55)
        story.both(31, 60, spo2=92)
        self.assertIsNone(story.state())

    def test_it_counts_until_it_is_as_old_as_within(self):
        story = Bed()
        story.measured(1, spo2=89)
        for t in range(2, 51):
            story.measured(t, heart_rate=55)
        story.measured(51, heart_rate=42)
        story.wait(60.9)
        self.assertIsNone(story.state())
        story = Bed()
        story.measured(1, spo2=89)
        story.measured(50, heart_rate=42)
        story.wait(60)
        self.assertEqual(story.state()[1], "present")
        story.wait(61)
        self.assertEqual(story.state()[1], "unknown")

    def test_nothing_measured_before_it_does(self):
        story = Bed()
        story.measured(1, 42, 89)
        story.measured(5, 42, 95)
        story.both(6, 30, spo2=None)
        self.assertIsNone(story.state())

    def test_of_two_at_once_the_one_that_holds(self):
        story = Bed()
        story.do("register", device="d-2", **{"class": "bedside"}, kind="device", via=[], signals=[{"signal": "spo2"}])
        story.do("bind", device="d-2", patient="p-1", zero_means_no_sensor=[])
        for t in range(1, 13):
            story.send(("spo2", 89), t=t, device="d-2")
            story.measured(t, 42, 97)
        self.assertEqual(story.state()[1], "present")

    def test_for_adults_only(self):
        for age in ("paediatric", "unknown"):
            story = Bed(age=age)
            story.both(1, 30)
            self.assertIsNone(story.state(), age)

    def test_in_the_wards_it_names(self):
        change = [made.ADVICE, f'wards = ["w-1"]\n{made.ADVICE}']
        story = Bed(change)
        story.both(1, 30)
        self.assertIsNone(story.state())


class Met(unittest.TestCase):
    """**met**, **not met**, **undecided**, and the alarm, row by row."""

    def test_enough_of_them(self):
        story = Bed(*made.SEVERAL[:2])
        story.measured(1, 70, 89, respiratory_rate=22)
        for t in range(2, 13):
            story.measured(t, 70, 89, respiratory_rate=22)
        self.assertEqual(story.state()[1], "present")

    def test_not_met_when_too_few_could_hold(self):
        rule = rules.Combination("own", (), 2, 0, 0, 0, "low")
        held = lambda *says: combinations.Together(3, rule.at_least, {n: combinations.Held(None, one, 0) for n, one in enumerate(says) if one is not None})
        for says, found in (((True, True, None), ("met", False)), ((True, None, None), (None, False)), ((False, None, True), (None, False)),
                            ((False, False, None), (None, True)), ((True, False, False), (None, True)), ((None, None, None), (None, False))):
            self.assertEqual((held(*says).band, held(*says).complete), found, says)

    def test_row_1_at_the_end_of_the_delay(self):
        story = Bed()
        story.both(1, 10)
        self.assertIsNone(story.state())
        story.measured(11, 42, 89)
        self.assertEqual(story.state()[1], "present")

    def test_at_every_moment(self):
        story = Bed()
        story.both(1, 9)
        story.measured(10, 55, 89)
        story.both(11, 20)
        self.assertIsNone(story.state())

    def test_rows_4_and_5_not_met_for_clear_delay(self):
        for acknowledged, left in ((False, ("latched", "absent", "high")), (True, None)):
            story = Bed()
            story.both(1, 12)
            if acknowledged:
                story.act("acknowledge", RULE, "combination")
            story.both(13, 42, heart_rate=60, spo2=97)
            self.assertEqual(story.state()[1], "present")
            story.measured(43, 60, 97)
            self.assertEqual(story.state(), left)

    def test_row_6_undecided_is_unknown_at_once_and_row_7_back(self):
        story = Bed()
        story.both(1, 12)
        for t in range(13, 80):
            story.measured(t, heart_rate=42)
        self.assertEqual(story.state()[1], "unknown")
        story.measured(80, 42, 89)
        self.assertEqual(story.state()[1], "present")

    def test_row_8_not_met_is_unknown_until_it_is_over(self):
        story = Bed()
        story.both(1, 12)
        story.wait(80)
        self.assertEqual(story.state()[1], "unknown")
        story.both(81, 110, heart_rate=60, spo2=97)
        self.assertEqual(story.state()[1], "unknown")
        story.measured(111, 60, 97)
        self.assertEqual(story.state(), ("latched", "absent", "high"))

    def test_one_condition_that_fails_decides_though_the_other_is_open(self):
        story = Bed()
        story.both(1, 12)
        for t in range(13, 130):
            story.measured(t, heart_rate=60)
        self.assertEqual(story.state(), ("latched", "absent", "high"))

    def test_row_20_a_latched_one_recurs_after_delay(self):
        story = Bed()
        story.both(1, 12)
        story.both(13, 50, heart_rate=60, spo2=97)
        story.both(51, 60)
        self.assertEqual(story.state()[0], "latched")
        story.measured(61, 42, 89)
        self.assertEqual((story.state()[0], story.told(RULE)), ("alarming", [("high", ""), ("high", "")]))

    def test_row_23_a_rule_that_changed_begins_anew(self):
        story = Bed()
        story.both(1, 12)
        story.step(reload=[[made.ALL, made.RELOADS[0][1]]])
        self.assertEqual((story.closed(RULE), story.state()[1]), (["rule_changed"], "present"))
        story.step(reload=[["below = 50\n", "below = 40\n"]])
        self.assertEqual((story.closed(RULE), story.state()), (["rule_changed", "rule_changed"], None))

    def test_a_stay_that_ends(self):
        story = Bed()
        story.both(1, 12)
        story.do("discharge", patient="p-1", reason="moved")
        self.assertEqual((story.closed(RULE), story.state()), (["discharged"], None))


class Made(unittest.TestCase):
    """What the made histories hold."""

    def test_every_row_occurs(self):
        rows = set()
        for seed in range(20):
            for answer in made.history(seed, 150)[1]:
                rows |= {row[3] for row in answer["closed"] if row[1] == RULE}
                rows |= {f"{one['state']} {one['condition']}" for one in answer["alarms"] if one["rule"] == RULE}
        for row in ("alarming present", "alarming unknown", "acknowledged present", "latched absent", "rule_changed", "reset"):
            self.assertIn(row, rows)


if __name__ == "__main__":
    unittest.main()
