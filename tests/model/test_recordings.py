"""The judge over recordings, and what of it can be checked by others: the figures, the crossings, the fold that goes on."""

import os
import tempfile
import unittest
from pathlib import Path

from . import crossings, csvs, figures, generator
from .case import Case
from .history import Story
from .judge.sources import Source
from .judge.world import World

HERE = Path(__file__).resolve().parent
RECORDINGS = Path(os.environ.get("VITALGATE_RECORDINGS", HERE.parents[2] / "shared/data/recordings"))
CASES = sorted((HERE / "cases").glob("*.json"))
NAMES = {"hr_bpm": "hr", "resp_per_min": "resp", "spo2_pct": "spo2", "nbp_sys_mmhg": "nbp", "abp_sys_mmhg": "abp"}
LATE = {"mimic3_icu204132": 3, "mimic3_icu217724": 13, "mimic3_icu286020": 7}


def judged(lines, scratch):
    """Answers to a history, from scratch after every change or going on where that comes to the same."""
    Source.scratch = scratch
    try:
        world = World(lines[0])
        return [world.step(line) for line in lines[1:]]
    finally:
        Source.scratch = False


class GoingOn(unittest.TestCase):
    def test_a_fold_that_goes_on_is_the_one_from_scratch(self):
        for seed in range(4_000_000, 4_000_010):
            lines, _ = generator.history(seed, 150)
            self.assertEqual(judged(lines, scratch=False), judged(lines, scratch=True), seed)

    @unittest.skipUnless(RECORDINGS.is_dir(), "no recordings")
    def test_over_a_recording_as_well(self):
        for name, most in (("mimic3_icu217724", 400), ("mimic2_s00001_gaps", 150), ("hupa_0002P", 300)):
            lines = list(Case(HERE / f"cases/{name}.json", RECORDINGS).history())[:most]
            self.assertEqual(judged(lines, scratch=False), judged(lines, scratch=True), name)


class Figures(unittest.TestCase):
    def test_the_figures_of_the_cases_are_the_shipped_ones(self):
        self.assertEqual(len(CASES), 7)
        for path in CASES:
            self.assertEqual(figures.differences(Case(path, RECORDINGS)), [])

    def test_another_figure_is_seen(self):
        case = Case(HERE / "cases/hupa_0001P.json", RECORDINGS)
        case.raw["rules"]["glucose_cgm"]["hysteresis"] = 6
        self.assertEqual(figures.differences(case), ["hupa_0001P: glucose_cgm hysteresis: 6, shipped 5.0"])


class Rows(unittest.TestCase):
    def write(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "recording.csv"
        path.write_text(text)
        return path

    def test_a_wide_file_arrives_when_it_was_measured(self):
        path = self.write("time_s,a,b\n0,1,\n60,0.0,2\n")
        found = [(one.column, one.arrived, one.value) for one in csvs.readings(path, ["a", "b"])]
        self.assertEqual(found, [("a", 0, 1), ("a", 60, 0), ("b", 60, 2)])
        found = [(one.column, one.arrived) for one in csvs.readings(path, ["a", "b"], zeros_are_gaps=True)]
        self.assertEqual(found, [("a", 0), ("b", 60)])

    def test_a_long_file_arrives_when_it_was_stored(self):
        path = self.write("time_s,stored_s,signal,value\n0,90,a,1\n60,80,a,2\n60,80,other,3\n")
        found = [(one.measured, one.arrived) for one in csvs.readings(path, ["a"])]
        self.assertEqual(found, [(60, 80), (0, 90)])

    def test_a_mistyped_pair_and_a_side_alone_leave_the_others(self):
        rows = ["0,0,alarm_hr_lo,50", "0,0,alarm_hr_hi,120", "9,9,alarm_hr_lo,130", "20,20,alarm_hr_hi,140"]
        path = self.write("time_s,stored_s,signal,value\n" + "\n".join(rows) + "\n")
        found = [(one.since, one.pair, one.pair.mistyped) for one in csvs.charted(path, {"heart_rate": "hr"})]
        self.assertEqual(found, [(0, csvs.Pair(50, 120), False), (9, csvs.Pair(130, 120), True), (20, csvs.Pair(50, 140), False)])


class Limits(unittest.TestCase):
    """What a recording turns on, as examples."""

    def test_the_limit_itself_is_inside_unless_it_is_said_to_count(self):
        story = Story(signals=["nibp_sys"])
        story.send(("nibp_sys", 90), t=1)
        story.send(("nibp_sys", 180), t=2)
        self.assertEqual(story.told("vitals_live.nibp_sys_low") + story.told("vitals_live.nibp_sys_high"), [])
        story = Story(cls="cgm", signals=["glucose_cgm"])
        story.send(("glucose_cgm", 55), t=1)
        self.assertEqual([one["priority"] for one in story.last["alarms"]], ["high"])

    def test_a_short_crossing_raises_nothing(self):
        story = Story()
        for t, value in ((0, 87), (10, 88), (20, 87), (34, 90), (50, 90)):
            story.send(("spo2", value), t=t)
        self.assertEqual(story.told("vitals_live.spo2_low"), [])

    def test_readings_are_judged_by_the_limits_in_force_when_they_were_measured(self):
        story = Story(signals=["temperature"])
        story.send(("temperature", 37.0), t=1)
        story.t = 100
        limit = {"signal": "temperature", "side": "high", "critical": False, "value": 38.0, "unit": "Cel"}
        self.assertEqual(story.do("limits", patient="p-1", limits=[limit]), "done")
        story.send(("temperature", 38.2), t=101, made=99)
        self.assertIsNone(story.alarm("vitals_live.temperature_high"))
        story.send(("temperature", 38.2), t=102)
        self.assertIsNotNone(story.alarm("vitals_live.temperature_high"))

    def test_late_raises_and_clears_nothing(self):
        story = Story(cls="charted", signals=["nibp_sys"])
        story.send(("nibp_sys", 85), t=10_000, made=1000)
        self.assertEqual(story.told("vitals_live.nibp_sys_low"), [("low", "late")])
        story = Story(cls="charted", signals=["nibp_sys"])
        story.send(("nibp_sys", 85), t=10_000)
        story.send(("nibp_sys", 120), t=10_010, made=2000)
        story.send(("nibp_sys", 120), t=10_050, made=2100)
        self.assertEqual(story.alarm("vitals_live.nibp_sys_low")["condition"], "present")


@unittest.skipUnless(RECORDINGS.is_dir(), "no recordings")
class Recordings(unittest.TestCase):
    def test_crossings_agree_with_those_shipped_beside_the_recordings(self):
        for stay in ("204132", "217724", "286020"):
            stem = RECORDINGS / f"mimic3demo_icu{stay}"
            expected = crossings.shipped(stem.with_name(stem.name + "_expected_limit_crossings.csv"))
            self.assertTrue(expected)
            self.assertEqual(crossings.computed(stem.with_name(stem.name + "_long.csv"), NAMES), expected, stay)

    def test_every_case_moves_something_and_only_of_its_own_signals(self):
        for path in CASES:
            case = Case(path, RECORDINGS)
            world, answers = case.play()
            moved = {move.signal for move in world.moves} - {None}
            self.assertTrue(moved and moved <= set(case.raw["rules"]), path.stem)
            self.assertEqual(len(crossings.late(world)), LATE.get(path.stem, 0), path.stem)
            for line, answer in answers:
                self.assertIn(answer, ("done", "invalid"), line)

    def test_a_mistyped_pair_is_refused_and_no_other(self):
        case = Case(HERE / "cases/mimic3_icu204132.json", RECORDINGS)
        mistyped = [one.pair.mistyped for one in csvs.charted(case.recording, case.raw["charted_limits"])]
        answers = [answer for _, answer in case.play()[1]][1:]
        self.assertEqual([answer == "invalid" for answer in answers], mistyped)
        self.assertEqual(mistyped.count(True), 1)


if __name__ == "__main__":
    unittest.main()
