"""One cause for many, as examples from the contract §5: `python3 -m unittest model.test_outages`."""

import unittest

from .history import Story

OUT, SILENT = "link.outage", "link.silence"


class Outages(unittest.TestCase):
    """A relay and its patients, each with a monitor."""

    def story(self, patients=4, wards=()):
        story = Story(bind=False, signals=["heart_rate"])
        story.do("discharge", patient="p-1")
        for ward in wards:
            story.do("add_ward", ward=ward)
        story.do("register", device="hub", **{"class": "relay"}, kind="relay", via=[], signals=[])
        for n in range(patients):
            ward = {"ward": wards[n % len(wards)]} if wards else {}
            story.do("admit", patient=f"q-{n}", age_class="adult", **ward)
            story.do("register", device=f"m-{n}", **{"class": "bedside"}, kind="device", via=["hub"], signals=[{"signal": "heart_rate"}])
            story.do("bind", device=f"m-{n}", patient=f"q-{n}", zero_means_no_sensor=[])
        self.say(story, 1, range(patients))
        return story

    def say(self, story, t, numbers):
        for n in numbers:
            story.send(("heart_rate", 70), t=t, device=f"m-{n}", principal="hub")

    def silence(self, story, n):
        return story.alarm(SILENT, f"m-{n}", f"q-{n}")

    def test_a_relay_of_many_is_told_once(self):
        story = self.story()
        story.wait(17)
        self.assertEqual((story.told(OUT), story.told(SILENT)), ([("low", "")], []))
        story.wait(62)
        self.assertEqual((story.told(OUT), story.told(SILENT)), ([("low", ""), ("medium", "")], []))
        self.assertEqual(self.silence(story, 0)["priority"], "medium")

    def test_two_are_two(self):
        story = self.story(2)
        story.wait(17)
        self.assertEqual((story.told(OUT), len(story.told(SILENT))), ([], 2))

    def test_each_ward_has_its_own(self):
        story = self.story(wards=("w-1", "w-2"))
        story.wait(17)
        found = sorted(alarm["source"] for alarm in story.last["alarms"] if alarm["rule"] == OUT)
        self.assertEqual((found, story.told(SILENT)), (["hub/w-1", "hub/w-2"], []))

    def test_who_is_silent_still_is_told_one_rung_after_it_is_back(self):
        story = self.story()
        story.wait(20)
        self.say(story, 30, [1, 2, 3])
        self.assertIsNone(story.alarm(OUT, patient=None))
        for t in range(31, 45):
            self.say(story, t, [1, 2, 3])
        self.assertEqual(story.told(SILENT), [])
        self.say(story, 45, [1, 2, 3])
        self.assertEqual(story.told(SILENT), [("low", "")])

    def test_a_relay_that_comes_and_goes_hides_nobody_for_long(self):
        story = self.story()
        for t in range(20, 101, 20):
            self.say(story, t, [1, 2, 3])
        self.assertEqual(len(story.told(SILENT)), 1)

    def test_who_is_watched_continuously_or_in_alarm_stands_alone(self):
        story = self.story(5)
        story.do("patch_patient", patient="q-0", continuous=True)
        for t in range(2, 10):
            story.send(("heart_rate", 170), t=t, device="m-1", principal="hub")
            self.say(story, t, [0, 2, 3, 4])
        told = {one[0] for answer in story.log for one in answer["announced"] if one[1] == SILENT}
        self.assertEqual(told, set())
        story.wait(26)
        told = {one[0] for answer in story.log for one in answer["announced"] if one[1] == SILENT}
        self.assertEqual(told, {"q-0", "q-1"})
        story.do("patch_patient", patient="q-2", continuous=True)
        self.assertIn(["q-2", SILENT, "m-2", "low", ""], story.last["announced"])


if __name__ == "__main__":
    unittest.main()
