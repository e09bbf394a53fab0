"""Who answers, as examples from the contract §5 Responsibility: `python3 -m unittest model.test_responsibility`."""

import unittest

from . import laws
from .history import Story

NURSE = {"id": "n1", "actor": "nurse", "channels": []}
DOCTOR = {"id": "d1", "actor": "doctor", "channels": []}
SPO2 = "vitals_live.spo2_low"


def plan(*watches, people=(NURSE, DOCTOR), steps=("nurse", "doctor"), hours=()):
    """Watches are (role, person, from, until)."""
    team = {"id": "icu", "wards": [], "packs": [], "responses": [], "gateway": False,
            "steps": [{"role": role, "channels": []} for role in steps]}
    named = [{"team": "icu", "role": role, "person": who, "from": begin, "until": end} for role, who, begin, end in watches]
    return {"from": 0, "until": 8 * 86_400, "people": list(people), "teams": [team], "watches": named, "hours": list(hours)}


def usual():
    return plan(("nurse", "n1", 0, 8 * 86_400), ("doctor", "d1", 0, 8 * 86_400))


class Answers(unittest.TestCase):
    def story(self, duty):
        story = Story()
        story.step(duty=duty)
        story.stream(1, 7, ("spo2", 70))
        return story

    def asked(self, story, rule=SPO2):
        one = next((one for one in story.last["responsible"] if one["rule"] == rule), None)
        return one and (one["state"], one["step"], one["person"], one["deadline"] and one["deadline"] / 1e6)

    def test_the_ladder_runs_on_plain_time(self):
        story = self.story(usual())
        self.assertEqual(self.asked(story), ("notified", 1, "n1", 186))
        story.stream(8, 185, ("spo2", 70))
        told = [(one[3], one[5] / 1e6) for answer in story.log for one in answer["told"] if one[1] == SPO2]
        self.assertEqual(told, [("n1", 6), ("n1", 126)])
        story.stream(186, 187, ("spo2", 70))
        self.assertEqual(self.asked(story), ("notified", 2, "d1", 366))
        story.stream(188, 367, ("spo2", 70))
        self.assertEqual(self.asked(story)[0], "exhausted")
        self.assertEqual(story.alarm("duty.exhausted", patient=None)["priority"], "high")

    def test_to_accept_stops_it_and_a_shift_that_ends_goes_on(self):
        story = self.story(plan(("nurse", "n1", 0, 100), ("doctor", "d1", 0, 8 * 86_400)))
        self.assertEqual(story.act("accept", SPO2), "done")
        self.assertEqual(self.asked(story), ("accepted", 1, "n1", 100))
        story.stream(8, 99, ("spo2", 70))
        self.assertEqual(self.asked(story), ("accepted", 1, "n1", 100))
        story.stream(100, 101, ("spo2", 70))
        self.assertEqual(self.asked(story), ("notified", 2, "d1", 280))

    def test_whoever_comes_after_a_shift_under_a_pause_is_told_and_asked_when_it_is_over(self):
        story = self.story(plan(("nurse", "n1", 0, 100), ("doctor", "d1", 0, 8 * 86_400)))
        story.act("accept", SPO2)
        story.act("pause", SPO2, what="alarm", until=story.t + 119)
        story.stream(8, 99, ("spo2", 70))
        story.t = 105
        story.act("pause", SPO2, what="audio")
        told = [(one[3], one[5] / 1e6) for answer in story.log for one in answer["told"] if one[1] == SPO2]
        self.assertEqual(told[-3:], [("d1", 100), ("d1", 105), ("n1", 100)])
        self.assertEqual(self.asked(story), ("notified", 2, "d1", 285))

    def test_nobody_is_said_at_once(self):
        story = self.story(plan())
        self.assertEqual(self.asked(story)[0], "unassigned")
        self.assertIsNotNone(story.alarm("duty.exhausted", patient=None))

    def test_laws_of_made_histories(self):
        self.assertEqual([why for seed in range(1, 6) for why in laws.broken(seed, 60)], [])


if __name__ == "__main__":
    unittest.main()
