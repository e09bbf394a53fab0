"""The oracle's own tests: `python3 -m unittest` in this folder, with the recordings at
VITALGATE_RECORDINGS or ../../../shared/data/recordings."""

import os
import unittest
from pathlib import Path

from oracle import crossings
from oracle.case import Case
from oracle.judge import Rule, Series, Window, judge
from oracle.limits import History, Pair
from oracle.readings import Reading

HERE = Path(__file__).resolve().parent
RECORDINGS = Path(os.environ.get("VITALGATE_RECORDINGS", HERE.parents[2] / "shared/data/recordings"))
SPO2 = Rule("spo2", Pair(88, None), Pair(80, None), (0, 100), 2, 15, 5, 10, gap_s=60)
SPOT = Rule("nibp_sys", Pair(90, 180), Pair(80, 220), (20, 300), 5)
WINDOW = Window(live_s=120, actionable_s=1000)


def run(rule, points, history=None):
    """`points` are (measured, value) or (measured, value, arrived); the last advances time."""
    series, out = Series(rule, history, WINDOW), []
    for measured, value, *arrived in points:
        out += series.step(Reading(rule.signal, measured, arrived[0] if arrived else measured, value))
    return [(o.what, o.side, o.level, o.began, o.raised) for o in out]


class Limits(unittest.TestCase):
    def test_a_single_measurement_in_the_medium_band_waits_to_be_confirmed(self):
        rule = Rule("nibp_sys", Pair(90, 180), Pair(80, 220), (20, 300), 5, confirm_s=300)
        self.assertEqual(run(rule, [(0, 85), (60, 84)]), [("opened", "low", "limit", 0, 60)])
        self.assertEqual(run(rule, [(0, 85), (60, 120), (400, 120)]), [])
        self.assertEqual(run(rule, [(0, 85), (400, 120)]), [("opened", "low", "limit", 0, 300)])
        self.assertEqual(run(rule, [(0, 70), (60, 85)]), [("opened", "low", "critical", 0, 0)])

    def test_a_limit_raises_after_its_delay_and_the_critical_one_after_its_own(self):
        self.assertEqual(run(SPO2, [(0, 87), (14, 87)]), [])
        self.assertEqual(run(SPO2, [(0, 87), (20, 87)]), [("opened", "low", "limit", 0, 15)])
        self.assertEqual(run(SPO2, [(0, 79), (20, 79)]), [("opened", "low", "critical", 0, 5)])
        self.assertEqual(
            run(SPO2, [(0, 87), (20, 79), (30, 79)]),
            [("opened", "low", "limit", 0, 15), ("rose", "low", "critical", 20, 25)],
        )

    def test_the_limit_itself_is_inside_unless_it_is_said_to_count(self):
        self.assertEqual(run(SPOT, [(0, 90), (1, 180)]), [])
        low = Rule("glucose_cgm", Pair(70, 180), Pair(55, 250), (20, 600), critical_low_inclusive=True)
        self.assertEqual(run(low, [(0, 55)]), [("opened", "low", "critical", 0, 0)])
        self.assertEqual(run(low, [(0, 56)]), [("opened", "low", "limit", 0, 0)])

    def test_a_short_crossing_raises_nothing(self):
        self.assertEqual(run(SPO2, [(0, 87), (10, 88), (30, 87), (44, 90)]), [])

    def test_clearing_needs_the_hysteresis_and_a_second_reading_after_the_clear_delay(self):
        opened = ("opened", "low", "limit", 0, 15)
        again = lambda t: ("opened", "low", "limit", t, t + 15)
        self.assertEqual(run(SPO2, [(0, 87), (20, 89), (40, 89), (50, 87), (70, 87)]), [opened])
        self.assertEqual(run(SPO2, [(0, 87), (20, 91), (40, 87), (60, 87)]), [opened])
        self.assertEqual(run(SPO2, [(0, 87), (20, 91), (30, 91), (40, 87), (60, 87)]), [opened, again(40)])

    def test_silence_starts_a_running_delay_again_and_clears_nothing(self):
        slow = Rule("spo2", Pair(88, None), Pair(None, None), (0, 100), 2, 90, 0, 10, gap_s=60)
        self.assertEqual(run(slow, [(0, 87), (80, 87), (100, 87)]), [])
        self.assertEqual(run(slow, [(0, 87), (50, 87), (95, 87)]), [("opened", "low", "limit", 0, 90)])
        self.assertEqual(run(SPO2, [(0, 87), (20, 91), (200, 91), (205, 87), (230, 87)]), [("opened", "low", "limit", 0, 15)])

    def test_a_spot_reading_counts_at_once(self):
        self.assertEqual(
            run(SPOT, [(0, 85), (10, 120), (20, 75)]),
            [("opened", "low", "limit", 0, 0), ("opened", "low", "critical", 20, 20)],
        )

    def test_one_unset_side_leaves_the_other_working(self):
        only_high = Rule("nibp_sys", Pair(None, 180), Pair(None, None), (20, 300))
        self.assertEqual(run(only_high, [(0, 30), (1, 181)]), [("opened", "high", "limit", 1, 1)])

    def test_readings_are_judged_by_the_limits_valid_when_they_were_measured(self):
        history = History([0, 100], [Pair(90, None), Pair(70, None)])
        points = [(0, 95), (99, 85, 101)]
        self.assertEqual(run(SPOT, points, history), [("opened", "low", "limit", 99, 99)])
        self.assertEqual(run(SPOT, [(0, 95), (101, 85)], history), [])
        self.assertEqual(run(SPOT, [(0, 95), (101, 85, 99)], history), [])


class Doubt(unittest.TestCase):
    def test_late_raises_and_clears_nothing(self):
        self.assertEqual(run(SPOT, [(0, 85, 121)]), [("late", "low", "limit", 0, 121)])
        self.assertEqual(run(SPOT, [(0, 85, 1001)]), [])
        self.assertEqual(run(SPOT, [(10, 120), (5, 85, 11)]), [("late", "low", "limit", 5, 11)])
        self.assertEqual(
            run(SPOT, [(10, 85), (5, 120, 11), (12, 84)]), [("opened", "low", "limit", 10, 10)]
        )

    def test_a_stamp_ahead_is_judged_by_arrival_and_clears_nothing(self):
        self.assertEqual(run(SPOT, [(900, 85, 10)]), [("opened", "low", "limit", 10, 10)])
        self.assertEqual(
            run(SPOT, [(0, 85), (900, 120, 10), (20, 85)]), [("opened", "low", "limit", 0, 0)]
        )

    def test_a_declared_zero_is_lost_once_and_no_reading(self):
        declared = Rule("heart_rate", Pair(40, 130), Pair(30, 160), (0, 350), zero_means_no_sensor=True)
        lost = ("lost", "low", "critical", 60, 60)
        self.assertEqual(run(declared, [(0, 0), (60, 0)]), [])
        self.assertEqual(run(declared, [(0, 70), (60, 0), (61, 0), (120, 0)]), [lost])
        self.assertEqual(run(declared, [(0, 70), (61, 0)]), [])
        asystole = Rule("heart_rate", Pair(40, 130), Pair(30, 160), (0, 350))
        self.assertEqual(run(asystole, [(0, 0)]), [("opened", "low", "critical", 0, 0)])

    def test_implausible_values_and_second_values_of_one_time_are_not_judged(self):
        self.assertEqual(run(SPOT, [(0, 11), (1, 301)]), [])
        self.assertEqual(run(SPOT, [(0, 120), (0, 60)]), [])


@unittest.skipUnless(RECORDINGS.is_dir(), "no recordings")
class Recordings(unittest.TestCase):
    NAMES = {"hr_bpm": "hr", "resp_per_min": "resp", "spo2_pct": "spo2", "nbp_sys_mmhg": "nbp", "abp_sys_mmhg": "abp"}

    def test_crossings_agree_with_those_shipped_beside_the_recordings(self):
        for stay in ("204132", "217724", "286020"):
            stem = RECORDINGS / f"mimic3demo_icu{stay}"
            expected = crossings.shipped(stem.with_name(stem.name + "_expected_limit_crossings.csv"))
            self.assertTrue(expected)
            self.assertEqual(crossings.computed(stem.with_name(stem.name + "_long.csv"), self.NAMES), expected, stay)

    def test_every_case_raises_something_and_names_only_its_own_signals(self):
        cases = sorted((HERE / "cases").glob("*.json"))
        self.assertEqual(len(cases), 7)
        for path in cases:
            case = Case.load(path)
            signals = {opening.signal for opening in case.openings(RECORDINGS)}
            self.assertTrue(signals and signals <= set(case.rules), path)


if __name__ == "__main__":
    unittest.main()
