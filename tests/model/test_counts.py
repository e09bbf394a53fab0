"""Counts, sentence by sentence of the contract §5: `python3 -m unittest model.test_counts` in the folder above."""

import unittest

from .history import Story
from .judge import rules

STORM, HOUR = "cied.vt_storm", 3600
PACK = """
[[count]]
id = "cied.vt_storm"
events = ["vt_detected", "vt_sustained", "vf_detected"]
times = 3
within = "48h"
priority = "high"
response = "immediate"
always_notify = true
"""
if not (rules.PACKS / "cied.toml").is_file():
    rules.TEXTS["cied"] = PACK


class Implant(Story):
    """An adult with an implant (d-1)."""

    def __init__(self, **about):
        super().__init__(packs=["cied"], cls="cied", signals=["impedance"], **about)
        self.number = 0

    def episode(self, t, event="vt_detected", number=None, **about):
        self.number += 1
        return self.event(event, t=t, id=f"ep-{number or self.number}", **about)

    def storm(self):
        found = self.alarm(STORM)
        return (found["state"], found["condition"], found["priority"]) if found else None


class Counts(unittest.TestCase):
    def test_so_many_within_a_span(self):
        story = Implant()
        for t, event in ((1, "vt_detected"), (10 * HOUR, "vf_detected")):
            story.episode(t, event)
        self.assertIsNone(story.storm())
        story.episode(48 * HOUR + 1, "vt_sustained")
        self.assertEqual((story.storm(), story.told(STORM)), (("alarming", "momentary", "high"), [("high", "")]))

    def test_not_beyond_it_nor_of_other_events(self):
        story = Implant()
        for t, event in ((1, "vt_detected"), (10 * HOUR, "vf_detected"), (20 * HOUR, "af_detected"), (48 * HOUR + 2, "vt_detected")):
            story.episode(t, event)
        self.assertIsNone(story.storm())
        story.episode(50 * HOUR)
        self.assertEqual(story.storm(), ("alarming", "momentary", "high"))

    def test_an_episode_counts_once(self):
        story = Implant()
        story.episode(1, number=1, phase="start")
        story.episode(10, number=1, phase="update", at=1)
        story.episode(20, number=1, phase="end")
        story.episode(30, number=2)
        story.episode(40, number=2, at=30)
        self.assertIsNone(story.storm())
        story.episode(50, number=3, phase="start")
        self.assertEqual(story.storm(), ("alarming", "momentary", "high"))

    def test_each_further_one_is_news(self):
        story = Implant()
        for t in (1, 100, 200):
            story.episode(t)
        story.act("acknowledge", STORM)
        story.episode(300)
        self.assertEqual((story.storm()[0], len(story.told(STORM))), ("alarming", 2))
        story.episode(100 * HOUR)
        self.assertEqual(len(story.told(STORM)), 2)

    def test_late_ones_count_where_they_happened(self):
        story = Implant()
        story.episode(1)
        story.episode(60 * HOUR)
        story.episode(100 * HOUR, at=30 * HOUR)
        self.assertIsNone(story.storm())
        story.episode(100 * HOUR + 1, at=40 * HOUR)
        self.assertEqual(story.told(STORM), [("medium", "late")])

    def test_the_episodes_of_one_binding(self):
        story = Implant()
        story.episode(1)
        story.episode(100)
        story.do("unbind", device="d-1")
        story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=[])
        story.episode(200)
        self.assertIsNone(story.storm())

    def test_a_count_that_changed_begins_anew_and_ends_nothing(self):
        story = Implant()
        for t in (1, 100, 200):
            story.episode(t)
        story.step(reload=[["times = 3", "times = 2"]])
        self.assertEqual(story.closed(STORM), [])
        story.episode(300)
        self.assertEqual(len(story.told(STORM)), 1)
        story.episode(400)
        self.assertEqual(len(story.told(STORM)), 2)

    def test_only_where_its_pack_is_named(self):
        story = Implant()
        story.step(packs=[])
        for t in (1, 100, 200):
            story.episode(t)
        self.assertIsNone(story.storm())


if __name__ == "__main__":
    unittest.main()
