"""Scores, sentence by sentence of the contract §5: `python3 -m unittest model.test_scores` in the folder above."""

import csv
import json
import os
import unittest
from pathlib import Path

from . import laws
from . import scores as made
from .compare import judged
from .history import Story
from .judge import rules, scores
from .judge.readings import Copy

RECORDINGS = Path(os.environ.get("VITALGATE_RECORDINGS", Path(__file__).resolve().parents[3] / "shared/data/recordings"))
PACK = """
[[score]]
id = "news2.score"
method = "news2"
age = "15m"                   # what is measured all the time counts for so long
age_single = "12h"            # what is measured singly, or said, counts for so long
delay = "60s"                 # a band must hold for so long
clear_delay = "10m"           # complete and in no band for so long: over
priorities = { high = "high", medium = "medium", single = "low" }
"""
if not (rules.PACKS / "news2.toml").is_file():
    rules.TEXTS["news2"] = PACK
NEWS2 = next(iter(rules.load((), ("news2",)).scores))
WELL = {"respiratory_rate": 16, "spo2": 97, "supplemental_oxygen": "air", "nibp_sys": 120, "heart_rate": 70, "consciousness": "A", "temperature": 37.0}
UNITS = {"temperature": "Cel", "nibp_sys": "mm[Hg]", "abp_sys": "mm[Hg]", "spo2": "%"}
HOUR = 3600


def of(signal, value, comparator=None, unit=None):
    """A reading by itself."""
    copy = Copy("d-1", signal, "", (), None, comparator=comparator)
    if isinstance(value, str):
        copy.word = value
    else:
        copy.value, copy.unit = float(value), unit or UNITS.get(signal, "/min")
    return copy


class Bedside(Story):
    """An adult with a monitor (d-1) and a chart (c-1), who is judged by the score."""

    def __init__(self, *, packs=("news2",), cls="bedside", signals=(), **about):
        super().__init__(packs=packs, cls=cls, signals=signals, **about)
        self.add("c-1", "charted")

    def add(self, device, cls, patient="p-1"):
        self.do("register", device=device, **{"class": cls}, kind="device", via=[], signals=[])
        self.do("bind", device=device, patient=patient, zero_means_no_sensor=[])

    def chart(self, t=None, device="c-1", **values):
        """All seven inputs, well but for these; None leaves one out."""
        given = {**WELL, **values}
        return self.send(*[(signal, value) for signal, value in given.items() if value is not None], t=t, device=device)

    def shown(self, patient="p-1"):
        """(total, complete, band)"""
        found = self.last["scores"].get(patient)
        return (found[0]["total"], found[0]["complete"], found[0]["band"]) if found else None

    def score(self, patient="p-1"):
        """(state, condition, priority) of its alarm."""
        found = self.alarm(NEWS2, "score", patient)
        return (found["state"], found["condition"], found["priority"]) if found else None


def ill(*, acknowledged=False, until=61, **values):
    """Somebody whose score was high for a minute."""
    story = Bedside()
    story.chart(t=1, **(values or {"respiratory_rate": 26, "nibp_sys": 95, "consciousness": "V"}))
    story.wait(until)
    if acknowledged:
        story.act("acknowledge", NEWS2, "score")
    return story


class WhoseScore(unittest.TestCase):
    """**score**: of one patient, where the pack is named, in its wards, of adults."""

    def test_it_is_judged_where_the_pack_is_named(self):
        story = Bedside(packs=())
        story.chart(t=1, respiratory_rate=26, consciousness="V", nibp_sys=80)
        story.wait(100)
        self.assertEqual((story.score(), story.shown()), (None, None))
        story.step(packs=["news2"])
        self.assertEqual((story.score(), story.shown()), (None, (9, True, "high")))
        story.wait(160)
        self.assertEqual(story.score(), ("alarming", "present", "high"))
        story.step(packs=[])
        self.assertEqual((story.closed(NEWS2), story.shown()), (["rule_changed"], None))

    def test_of_one_patient(self):
        story = Bedside()
        story.do("admit", patient="p-2", age_class="adult")
        story.add("c-2", "charted", "p-2")
        story.chart(t=1, respiratory_rate=26)
        story.chart(t=1, device="c-2", respiratory_rate=26, spo2=90, nibp_sys=80)
        self.assertEqual((story.shown(), story.shown("p-2")), ((3, True, "single"), (9, True, "high")))

    def test_for_adults_only(self):
        for age, pregnant in (("paediatric", False), ("neonatal", False), ("unknown", False), ("adult", True)):
            story = Bedside(age=age, pregnant=pregnant)
            story.chart(t=1, respiratory_rate=26, spo2=90, nibp_sys=80)
            story.wait(200)
            self.assertEqual((story.shown(), story.score()), (None, None))

    def test_in_the_wards_it_names(self):
        story = Bedside(rules=[['method = "news2"', 'method = "news2"\nwards = ["w-1"]']])
        for ward in ("w-1", "w-2"):
            story.do("add_ward", ward=ward)
            story.do("add_bed", bed=f"b-{ward}", ward=ward)
        story.chart(t=1, respiratory_rate=26)
        self.assertIsNone(story.shown())
        story.do("transfer", patient="p-1", bed="b-w-1")
        self.assertEqual(story.shown(), (3, True, "single"))
        story.wait(61)
        self.assertEqual(story.score(), ("alarming", "present", "low"))
        story.do("transfer", patient="p-1", bed="b-w-2")
        self.assertEqual((story.closed(NEWS2), story.shown()), (["rule_changed"], None))

    def test_scores_end_with_the_stay(self):
        story = ill()
        self.assertEqual(story.do("discharge", patient="p-1"), "conflict")
        self.assertEqual(story.do("discharge", patient="p-1", reason="moved"), "done")
        self.assertEqual((story.closed(NEWS2), story.shown()), (["discharged"], None))
        story.do("admit", patient="p-1", age_class="adult")
        story.do("bind", device="c-1", patient="p-1", zero_means_no_sensor=[])
        self.assertEqual(story.shown(), (0, False, None))


class Inputs(unittest.TestCase):
    """**Inputs** and **missing**."""

    def test_nothing_is_assumed(self):
        story = Bedside()
        for signal in WELL:
            story.chart(t=story.t + 60, **{one: None for one in WELL if one != signal})
            self.assertEqual(story.shown(), (0, signal == "temperature", None))

    def test_either_pressure_and_either_pulse(self):
        for signal, value in (("abp_sys", 85), ("pulse_rate", 135)):
            story = Bedside()
            left_out = {"abp_sys": "nibp_sys", "pulse_rate": "heart_rate"}[signal]
            story.chart(t=1, **{left_out: None, signal: value})
            self.assertEqual(story.shown(), (3, True, "single"), signal)

    def test_measured_last_of_whatever_device(self):
        story = Bedside()
        story.chart(t=100, heart_rate=135)
        story.send(("pulse_rate", 70), t=110)
        self.assertEqual(story.shown(), (0, True, None))
        story.send(("heart_rate", 112), t=120, made=105)
        self.assertEqual(story.shown(), (0, True, None))
        story.send(("heart_rate", 112), t=121)
        self.assertEqual(story.shown(), (2, True, None))

    def test_of_two_at_once_the_one_named_first(self):
        for first, second, worse in (("heart_rate", "pulse_rate", 135), ("nibp_sys", "abp_sys", 85)):
            for order in ((first, second), (second, first)):
                story = Bedside()
                story.chart(t=1, heart_rate=None if first == "heart_rate" else 70, nibp_sys=None if first == "nibp_sys" else 120)
                story.send(*[(one, worse if one == second else WELL[first]) for one in order], t=2)
                self.assertEqual(story.shown(), (0, True, None))

    def test_of_one_signal_at_once_the_graver_and_then_what_counts_longer(self):
        for values, total in (((140, 70), 3), ((70, 140), 3)):
            story = Bedside()
            story.chart(t=1)
            for device, value in zip(("d-1", "c-1"), values):
                story.send(("heart_rate", value), t=2, device=device)
            self.assertEqual(story.shown()[0], total)
        for order in (("d-1", "c-1"), ("c-1", "d-1")):
            story = Bedside()
            story.chart(t=1)
            for device in order:
                story.send(("heart_rate", 70), t=2, device=device)
            story.wait(HOUR)
            self.assertEqual(story.shown(), (0, True, None))

    def test_what_was_measured_before_a_binding_counts_for_nothing(self):
        story = Bedside()
        story.chart(t=1)
        story.t = 60
        story.do("unbind", device="c-1")
        story.t = 90
        story.do("bind", device="c-1", patient="p-1", zero_means_no_sensor=[])
        story.send({"signal": "respiratory_rate", "value": 26, "at": 50}, t=100, device="c-1")
        self.assertEqual(story.shown(), (0, False, None))

    def test_what_is_late_counts_for_nothing(self):
        story = Bedside()
        story.chart(t=3 * HOUR, respiratory_rate=None)
        story.send(("respiratory_rate", 26), t=3 * HOUR + 1, made=3 * HOUR - 100)
        self.assertEqual(story.shown(), (0, False, None))
        story.send(("respiratory_rate", 26), t=3 * HOUR + 2, device="c-1", made=HOUR - 10)
        self.assertEqual(story.shown(), (0, False, None))

    def test_what_is_in_doubt_is_passed_over(self):
        doubtful = [dict(quality=0.2), dict(absent="not-performed"), dict(value=400), dict(value=0, zero=True), dict(mode="test"),
                    dict(made=-4000), dict(made=500)]
        for about in doubtful:
            story = Bedside(signals=["heart_rate"])
            story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=["heart_rate"])
            story.chart(t=1)
            self.assertEqual(story.shown(), (0, True, None))
            reading = {"signal": "heart_rate", "value": about.get("value", 140), "quality": about.get("quality"), "absent": about.get("absent")}
            if reading["absent"]:
                del reading["value"]
            body = {"mode": about["mode"]} if "mode" in about else {}
            at = {"at": 10 + about["made"]} if "made" in about else {}
            story.send({**reading, **at}, t=10, **body)
            self.assertEqual(story.shown(), (0, True, None), about)

    def test_values_that_contradict_each_other(self):
        story = Bedside()
        story.chart(t=1)
        story.send(("heart_rate", 70), ("heart_rate", 140), t=10)
        self.assertEqual(story.shown(), (0, True, None))
        story.send(("heart_rate", 140), t=20)
        # For 30 s the series is in doubt.
        self.assertEqual(story.shown(), (0, True, None))
        story.send(("heart_rate", 140), t=45)
        self.assertEqual(story.shown(), (3, True, "single"))
        # What was judged before the contradiction came stays judged.
        story.send(("heart_rate", 70), t=46, made=45)
        self.assertEqual(story.shown(), (3, True, "single"))

    def test_words_that_contradict_each_other(self):
        story = Bedside()
        story.chart(t=1)
        story.send(("consciousness", "V"), t=2, made=1, device="c-1")
        self.assertEqual(story.shown(), (0, True, None))
        story.send(("consciousness", "V"), ("consciousness", "A"), t=100, device="c-1")
        self.assertEqual(story.shown(), (0, True, None))
        story.send(("consciousness", "P"), t=200, device="c-1")
        self.assertEqual(story.shown(), (3, True, "single"))

    def test_no_older_than_a_quarter_of_an_hour(self):
        story = Bedside()
        story.chart(t=1, heart_rate=None)
        story.send({"signal": "heart_rate", "value": 70, "at": 5}, t=10)
        story.wait(904.9)
        self.assertEqual(story.shown(), (0, True, None))
        story.wait(905)
        self.assertEqual(story.shown(), (0, False, None))

    def test_of_a_single_measurement_half_a_day(self):
        story = Bedside()
        story.chart(t=1)
        story.wait(12 * HOUR)
        self.assertEqual(story.shown(), (0, True, None))
        story.wait(12 * HOUR + 1)
        self.assertEqual(story.shown(), (0, False, None))

    def test_a_single_measurement_is_one_by_its_signal_as_well(self):
        story = Bedside()
        story.chart(t=1, temperature=None)
        story.send(("temperature", 37), t=2)
        story.wait(HOUR)
        self.assertEqual(story.shown(), (0, True, None))

    def test_when_what_came_last_is_too_old_nothing_of_before_counts_again(self):
        story = Bedside()
        story.chart(t=1, heart_rate=120)
        story.send(("heart_rate", 70), t=10)
        self.assertEqual(story.shown(), (0, True, None))
        story.wait(HOUR)
        self.assertEqual(story.shown(), (0, False, None))
        story.do("unbind", device="d-1")
        self.assertEqual(story.shown(), (2, True, None))

    def test_bounds_count_where_all_they_allow_has_the_same_points(self):
        for signal, value, comparator, found in (
                ("respiratory_rate", 8, "<", 3), ("respiratory_rate", 8.5, "<", 3), ("respiratory_rate", 8.5, "<=", None),
                ("respiratory_rate", 9, "<", None), ("respiratory_rate", 24.5, ">=", 3), ("respiratory_rate", 24, ">", None),
                ("respiratory_rate", 24.49, ">", None), ("respiratory_rate", 24.5, ">", 3), ("spo2", 96, ">", 0), ("spo2", 95.5, ">=", 0),
                ("spo2", 95, ">=", None), ("nibp_sys", 90, "<=", 3), ("nibp_sys", 219.5, ">", 3), ("nibp_sys", 219, ">", None),
                ("heart_rate", 131, ">=", 3), ("temperature", 39.04, ">", None), ("temperature", 39.05, ">=", 2),
                ("temperature", 35.05, "<", 3), ("temperature", 35.05, "<=", None)):
            self.assertEqual(scores.points(of(signal, value, comparator)), found, (signal, comparator, value))

    def test_what_a_bound_of_spo2_says_goes_by_the_oxygen(self):
        above = of("spo2", 88, ">")
        self.assertEqual([scores.points(above, *about) for about in ((1, True), (2, False), (2, True))], [None, 0, None])
        story = Bedside()
        story.do("patch_patient", patient="p-1", spo2_scale=2, reason="hypercapnic failure")
        story.chart(t=1, supplemental_oxygen="air", spo2=None)
        story.send({"signal": "spo2", "value": 88, "comparator": ">"}, t=2, device="c-1")
        self.assertEqual(story.shown(), (0, True, None))
        story.send(("supplemental_oxygen", "oxygen"), t=3, device="c-1")
        self.assertEqual(story.shown(), (2, False, None))

    def test_words(self):
        self.assertEqual([scores.points(of("consciousness", word)) for word in "ACVPU"], [0, 3, 3, 3, 3])
        self.assertEqual([scores.points(of("supplemental_oxygen", word)) for word in ("air", "oxygen")], [0, 2])
        for signal, words in (("consciousness", ("a", "alert", "X", "AV")), ("supplemental_oxygen", ("Air", "O2", "room-air"))):
            for word in words:
                story = Bedside()
                story.chart(t=1, **{signal: word})
                self.assertEqual(story.shown(), (0, False, None), word)
        story = Bedside()
        story.chart(t=1, consciousness=None)
        story.send({"signal": "consciousness", "text": "V"}, t=2, device="c-1")
        self.assertEqual(story.shown(), (3, True, "single"))

    def test_what_is_unbound_counts_no_more_and_not_again(self):
        story = Bedside()
        story.chart(t=1, respiratory_rate=26)
        self.assertEqual(story.shown(), (3, True, "single"))
        story.do("unbind", device="c-1")
        self.assertEqual(story.shown(), (0, False, None))
        story.t = 10
        story.do("bind", device="c-1", patient="p-1", zero_means_no_sensor=[])
        self.assertEqual(story.shown(), (0, False, None))
        story.chart(t=11)
        self.assertEqual(story.shown(), (0, True, None))

    def test_a_binding_that_is_corrected(self):
        story = Bedside()
        story.do("admit", patient="p-2", age_class="adult")
        story.chart(t=1, respiratory_rate=26)
        story.do("correct_binding", device="c-1", patient="p-2", reason="wrong bed")
        self.assertEqual((story.shown(), story.shown("p-2")), ((0, False, None), (3, True, "single")))

    def test_corrected_and_withdrawn(self):
        story = Bedside()
        story.chart(t=1)
        story.send(("heart_rate", 140), t=100, device="c-1")
        self.assertEqual(story.shown(), (3, True, "single"))
        story.send({"signal": "heart_rate", "value": 104, "status": "corrected"}, t=130, made=100, device="c-1")
        self.assertEqual(story.shown(), (1, True, None))
        story.send({"signal": "heart_rate", "value": 104, "status": "entered-in-error"}, t=140, made=100, device="c-1")
        self.assertEqual(story.shown(), (0, True, None))
        story.send({"signal": "heart_rate", "value": 70, "status": "entered-in-error"}, t=150, made=1, device="c-1")
        self.assertEqual(story.shown(), (0, False, None))

    def test_what_was_corrected_to_what_cannot_be_counts_no_more(self):
        story = Bedside()
        story.chart(t=1)
        story.send(("heart_rate", 140), t=100, device="c-1")
        story.send({"signal": "heart_rate", "value": 400, "status": "corrected"}, t=130, made=100, device="c-1")
        self.assertEqual(story.shown(), (0, True, None))
        story.send(("consciousness", "V"), t=200, device="c-1")
        story.send({"signal": "consciousness", "absent": "not-performed", "status": "corrected"}, t=230, made=200, device="c-1")
        self.assertEqual(story.shown(), (0, True, None))

    def test_no_further_back_than_three(self):
        story = Bedside()
        for t in range(1, 6):
            story.chart(t=40 * t, heart_rate=60 + 5 * t)
        withdraw = lambda n: story.send({"signal": "heart_rate", "value": 60 + 5 * n, "status": "entered-in-error"}, t=300, made=40 * n, device="c-1")
        for n in (5, 4, 3):
            withdraw(n)
            self.assertEqual(story.shown(), (0, True, None))
        withdraw(2)
        self.assertEqual(story.shown(), (0, False, None))


class Points(unittest.TestCase):
    """**Points**, and the table of clinical §5."""

    def test_each_edge_of_the_table(self):
        edges = {
            "respiratory_rate": [(8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3)],
            "nibp_sys": [(90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3)],
            "abp_sys": [(90, 3), (91, 2), (219, 0), (220, 3)],
            "heart_rate": [(40, 3), (41, 1), (50, 1), (51, 0), (90, 0), (91, 1), (110, 1), (111, 2), (130, 2), (131, 3)],
            "pulse_rate": [(40, 3), (41, 1), (130, 2), (131, 3)],
            "temperature": [(35.0, 3), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0), (38.1, 1), (39.0, 1), (39.1, 2), (41, 2)],
            "spo2": [(91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (100, 0)],
        }
        for signal, found in edges.items():
            for value, expected in found:
                self.assertEqual(scores.points(of(signal, value)), expected, (signal, value))

    def test_rounded_half_up_before_it_is_compared(self):
        for signal, value, expected in (
                ("temperature", 35.04, 3), ("temperature", 35.05, 1), ("temperature", 38.04, 0), ("temperature", 38.05, 1),
                ("temperature", 39.04, 1), ("temperature", 39.05, 2), ("temperature", 36.05, 0), ("temperature", 36.04999, 1),
                ("respiratory_rate", 8.5, 1), ("respiratory_rate", 8.49, 3), ("respiratory_rate", 24.5, 3), ("heart_rate", 90.5, 1),
                ("heart_rate", 40.49999, 3), ("spo2", 95.5, 0), ("spo2", 91.5, 2), ("nibp_sys", 219.5, 3), ("nibp_sys", 90.5, 2)):
            self.assertEqual(scores.points(of(signal, value)), expected, (signal, value))

    def test_in_the_units_of_the_table(self):
        for signal, value, unit, expected in (
                ("temperature", 95.0, "[degF]", 3), ("temperature", 95.09, "[degF]", 1), ("temperature", 95.08, "[degF]", 3),
                ("temperature", 102.29, "[degF]", 2), ("temperature", 102.28, "[degF]", 1), ("temperature", 308.2, "K", 1),
                ("temperature", 308.19, "K", 3), ("nibp_sys", 12, "kPa", 3), ("nibp_sys", 12.1, "kPa", 2), ("nibp_sys", 29.4, "kPa", 3)):
            self.assertEqual(scores.points(of(signal, value, unit=unit)), expected, (value, unit))

    def test_scale_2(self):
        without = [(83, 3), (84, 2), (85, 2), (86, 1), (87, 1), (88, 0), (92, 0), (93, 0), (97, 0), (100, 0)]
        given = [(83, 3), (84, 2), (86, 1), (88, 0), (92, 0), (92.5, 1), (93, 1), (94, 1), (95, 2), (96, 2), (97, 3), (100, 3)]
        for with_oxygen, found in ((False, without), (True, given)):
            for value, expected in found:
                self.assertEqual(scores.points(of("spo2", value), 2, with_oxygen), expected, (value, with_oxygen))

    def test_scale_2_is_prescribed(self):
        story = Bedside()
        story.chart(t=1, spo2=90)
        self.assertEqual(story.shown(), (3, True, "single"))
        patch = lambda scale, **reason: story.do("patch_patient", patient="p-1", spo2_scale=scale, **reason)
        self.assertEqual([patch(2), patch(2, reason=" "), patch(1)], ["invalid", "invalid", "already_so"])
        self.assertEqual((patch(2, reason="hypercapnic failure"), story.shown()), ("done", (0, True, None)))
        self.assertEqual([patch(2), patch(1)], ["already_so", "invalid"])
        self.assertEqual((patch(1, reason="in error"), story.shown()), ("done", (3, True, "single")))

    def test_a_scale_is_of_a_stay(self):
        story = Bedside()
        story.do("patch_patient", patient="p-1", spo2_scale=2, reason="hypercapnic failure")
        story.do("discharge", patient="p-1")
        story.do("admit", patient="p-1", age_class="adult")
        story.do("bind", device="c-1", patient="p-1", zero_means_no_sensor=[])
        story.chart(t=1, spo2=90)
        self.assertEqual(story.shown(), (3, True, "single"))

    def test_where_oxygen_is_missing_much_of_it_has_no_points(self):
        story = Bedside()
        story.do("patch_patient", patient="p-1", spo2_scale=2, reason="hypercapnic failure")
        story.chart(t=1, spo2=98, supplemental_oxygen=None)
        self.assertEqual(story.shown(), (0, False, None))
        story.send(("supplemental_oxygen", "oxygen"), t=2, device="c-1")
        self.assertEqual(story.shown(), (5, True, "medium"))


class Bands(unittest.TestCase):
    """**band**, and its priorities."""

    def test_in_this_order(self):
        for each, band in (((), None), ((2, 2), None), ((3,), "single"), ((1, 2, 1), None), ((2, 2, 1), "medium"), ((3, 2), "medium"),
                           ((3, 3), "medium"), ((2, 2, 2), "medium"), ((2, 2, 2, 1), "high"), ((3, 3, 1), "high"), ((3, 1), "single")):
            self.assertEqual(scores.band_of(each), band, each)

    def test_of_the_total_as_far_as_it_is_known(self):
        story = Bedside()
        story.chart(t=1, respiratory_rate=26, nibp_sys=85, spo2=None, consciousness=None)
        self.assertEqual(story.shown(), (6, False, "medium"))
        story.wait(61)
        self.assertEqual(story.score(), ("alarming", "present", "medium"))

    def test_priorities(self):
        for values, priority, response in (
                (dict(respiratory_rate=26), "low", "prompt"), (dict(respiratory_rate=26, spo2=93), "medium", "prompt"),
                (dict(respiratory_rate=26, spo2=91, temperature=38.5), "high", "immediate")):
            story = ill(**values)
            self.assertEqual((story.alarm(NEWS2)["priority"], story.alarm(NEWS2)["response"]), (priority, response))


class Alarm(unittest.TestCase):
    """**Alarm**, row by row."""

    def test_row_1_after_its_delay(self):
        story = ill(until=60.9)
        self.assertIsNone(story.score())
        story.wait(61)
        self.assertEqual((story.score(), story.told(NEWS2)), (("alarming", "present", "high"), [("high", "")]))

    def test_reached_or_passed(self):
        story = Bedside()
        story.chart(t=1, respiratory_rate=26)
        story.chart(t=31, respiratory_rate=26, nibp_sys=95)
        story.chart(t=51, respiratory_rate=26, nibp_sys=85, temperature=39)
        self.assertEqual(story.shown(), (7, True, "high"))
        story.wait(200)
        self.assertEqual(sorted(story.told(NEWS2)), [("high", ""), ("low", ""), ("medium", "")])

    def test_what_passed_a_band_reached_it(self):
        story = Bedside()
        story.chart(t=1, respiratory_rate=26, nibp_sys=85, temperature=39)
        story.chart(t=31, respiratory_rate=26)
        story.wait(61)
        self.assertEqual(story.told(NEWS2), [("low", "")])

    def test_at_every_moment(self):
        story = Bedside()
        for t in range(1, 200, 20):
            story.chart(t=t, respiratory_rate=26 if t % 3 else 16)
        self.assertEqual(story.told(NEWS2), [])

    def test_row_12_a_higher_band(self):
        story = ill(acknowledged=True, respiratory_rate=26)
        self.assertEqual(story.score(), ("acknowledged", "present", "low"))
        story.chart(t=70, respiratory_rate=26, nibp_sys=85, consciousness="U")
        story.wait(129)
        self.assertEqual(story.score(), ("acknowledged", "present", "low"))
        story.wait(130)
        self.assertEqual((story.score(), story.told(NEWS2)), (("alarming", "present", "high"), [("low", ""), ("high", "")]))

    def test_row_21_a_lower_band(self):
        story = ill()
        story.chart(t=70, respiratory_rate=26)
        story.wait(400)
        self.assertEqual((story.shown(), story.score(), len(story.told(NEWS2))), ((3, True, "single"), ("alarming", "present", "high"), 1))
        story.chart(t=401, respiratory_rate=26, nibp_sys=85, consciousness="U")
        story.wait(500)
        self.assertEqual(len(story.told(NEWS2)), 1)

    def test_row_4_over(self):
        story = ill(respiratory_rate=26)
        story.chart(t=70)
        story.wait(669.9)
        self.assertEqual(story.score(), ("alarming", "present", "low"))
        story.wait(670)
        self.assertEqual(story.closed(NEWS2), ["ended"])

    def test_row_5_over_and_latching(self):
        story = ill()
        story.chart(t=70)
        story.wait(670)
        self.assertEqual(story.score(), ("latched", "absent", "high"))
        self.assertEqual((story.act("reset", NEWS2, "score"), story.closed(NEWS2)), ("done", ["reset"]))

    def test_over_at_every_moment(self):
        story = ill()
        for t in range(70, 2000, 300):
            story.chart(t=t)
            story.chart(t=t + 290, respiratory_rate=26)
        self.assertEqual(story.score(), ("alarming", "present", "high"))

    def test_row_11_acknowledged_and_over(self):
        story = ill(acknowledged=True)
        story.chart(t=70)
        story.wait(660.9)
        self.assertEqual(story.score(), ("acknowledged", "present", "high"))
        # Ten minutes: asked again, though it is about to be over.
        story.wait(661)
        self.assertEqual(story.score(), ("alarming", "present", "high"))
        story.act("acknowledge", NEWS2, "score")
        story.wait(670)
        self.assertEqual(story.closed(NEWS2), ["ended"])

    def test_row_16_paused_and_over(self):
        story = ill(respiratory_rate=26)
        self.assertEqual(story.act("pause", NEWS2, "score"), "done")
        story.chart(t=70)
        story.wait(670)
        self.assertEqual(story.closed(NEWS2), ["ended_while_paused"])

    def test_row_2_under_a_pause_of_the_rule(self):
        story = Bedside()
        self.assertEqual(story.do("pause", rule=NEWS2, until=3000, reason="visit"), "done")
        story.chart(t=1, respiratory_rate=26)
        story.wait(61)
        self.assertEqual((story.score(), story.told(NEWS2)), (("paused", "present", "low"), []))

    def test_row_20_again(self):
        story = ill()
        story.chart(t=70)
        story.chart(t=700, respiratory_rate=26, nibp_sys=85, consciousness="U")
        story.wait(759)
        self.assertEqual(story.score(), ("latched", "absent", "high"))
        story.wait(760)
        self.assertEqual((story.score(), len(story.told(NEWS2))), (("alarming", "present", "high"), 2))

    def monitored(self):
        """High for a minute by what the monitor measures; then that stops."""
        story = Bedside(signals=["respiratory_rate"])
        story.chart(t=1, respiratory_rate=None, spo2=95)
        story.send(("respiratory_rate", 26), ("heart_rate", 135), t=2)
        story.wait(62)
        self.assertEqual(story.score(), ("alarming", "present", "high"))
        return story

    def test_row_6_incomplete_and_in_no_band(self):
        story = self.monitored()
        story.act("acknowledge", NEWS2, "score")
        story.wait(901.9)
        self.assertEqual(story.score()[1], "present")
        story.wait(902)
        self.assertEqual((story.shown(), story.score()[1]), ((1, False, None), "unknown"))
        story.wait(12 * HOUR)
        self.assertEqual(story.score()[1], "unknown")

    def test_incomplete_and_in_a_band_it_is_present(self):
        story = self.monitored()
        story.send(("spo2", 91), ("abp_sys", 95), t=900)
        story.wait(902)
        self.assertEqual((story.shown(), story.score()), ((5, False, "medium"), ("alarming", "present", "high")))

    def test_row_7_back_in_a_band(self):
        story = self.monitored()
        story.wait(902)
        story.act("acknowledge", NEWS2, "score")
        story.send(("respiratory_rate", 26), t=1000)
        self.assertEqual((story.score(), len(story.told(NEWS2))), (("alarming", "present", "high"), 2))

    def test_row_7_in_a_higher_one(self):
        story = Bedside()
        story.chart(t=1, respiratory_rate=None)
        story.send(("respiratory_rate", 26), t=2)
        story.wait(902)
        self.assertEqual(story.score(), ("alarming", "unknown", "low"))
        story.send(("respiratory_rate", 26), ("spo2", 90), ("heart_rate", 135), t=903)
        self.assertEqual((story.score(), story.told(NEWS2)), (("alarming", "present", "high"), [("low", ""), ("high", "")]))

    def test_row_8_back_and_in_none(self):
        story = self.monitored()
        story.wait(902)
        for t in (910, 1200):
            story.chart(t=t)
            self.assertEqual(story.score(), ("alarming", "unknown", "high"))
        story.act("acknowledge", NEWS2, "score")
        story.wait(1509.9)
        self.assertEqual(story.score(), ("acknowledged", "unknown", "high"))
        story.wait(1510)
        self.assertEqual(story.closed(NEWS2), ["ended_after_gap"])

    def test_row_8_after_a_time_without_a_score(self):
        story = self.monitored()
        story.wait(902)
        for age in ("unknown", "adult"):
            story.do("patch_patient", patient="p-1", age_class=age)
        story.chart(t=910)
        self.assertEqual(story.score(), ("alarming", "unknown", "high"))
        story.wait(1510)
        self.assertEqual(story.score(), ("latched", "absent", "high"))

    def test_nothing_incomplete_ends_it(self):
        story = self.monitored()
        story.chart(t=300)
        story.send(("heart_rate", 70), ("respiratory_rate", 16), t=305)
        story.do("unbind", device="c-1")
        story.wait(900)
        self.assertEqual(story.score(), ("alarming", "unknown", "high"))
        story.wait(5000)
        self.assertEqual(story.score(), ("alarming", "unknown", "high"))
        self.assertEqual((story.act("reset", NEWS2, "score"), story.act("reset", NEWS2, "score", reason="left")), ("conflict", "done"))

    def test_what_is_latched_stays_so_while_it_is_incomplete(self):
        story = ill()
        story.chart(t=70)
        story.wait(670)
        story.do("unbind", device="c-1")
        self.assertEqual((story.shown(), story.score()), ((0, False, None), ("latched", "absent", "high")))

    def test_one_score_of_a_message(self):
        story = self.monitored()
        story.wait(902)
        story.do("patch_patient", patient="p-1", spo2_scale=2, reason="hypercapnic failure")
        story.send(("supplemental_oxygen", "oxygen"), t=903, device="c-1")
        self.assertEqual(story.shown(), (4, False, None))
        story.send(("spo2", 97), ("supplemental_oxygen", "air"), t=904, device="c-1")
        self.assertEqual((story.shown(), story.score()[1], len(story.told(NEWS2))), ((0, False, None), "unknown", 1))

    def test_nothing_follows_from_it_and_it_follows_from_nothing(self):
        story = Bedside(signals=["heart_rate"], floors=True)
        story.chart(t=1, heart_rate=None)
        for t in range(2, 80):
            story.send(("heart_rate", 0), t=t)
        self.assertIn(("low", ""), story.told(NEWS2))
        self.assertEqual([one[1] for answer in story.log for one in answer["announced"] if "low" in one[1] and "asystole" not in one[1]], [])

    def test_where_nothing_was_taken_in_the_delay_begins_anew(self):
        story = ill(until=30)
        story.t = 50
        story.step(gap={"from": 40})
        story.wait(109.9)
        self.assertIsNone(story.score())
        story.wait(110)
        self.assertEqual(story.score(), ("alarming", "present", "high"))

    def test_and_so_does_the_clear_delay(self):
        story = ill(respiratory_rate=26)
        story.chart(t=70)
        story.t = 650
        story.step(gap={"from": 649})
        story.wait(1249.9)
        self.assertEqual(story.score(), ("alarming", "present", "low"))
        story.wait(1250)
        self.assertEqual(story.closed(NEWS2), ["ended"])

    def test_what_grows_too_old_in_such_a_time_waits_for_its_end(self):
        story = self.monitored()
        story.t = 920
        story.step(gap={"from": 895})
        self.assertEqual(story.score()[1], "present")
        story.wait(929.9)
        self.assertEqual(story.shown(), (7, True, "high"))
        story.wait(930)
        self.assertEqual((story.shown(), story.score()[1]), ((1, False, None), "unknown"))

    def test_row_23_another_rule(self):
        story = ill()
        story.step(reload=[['age = "15m"', 'age = "20m"']])
        self.assertEqual((story.closed(NEWS2), story.score(), len(story.told(NEWS2))), (["rule_changed"], ("alarming", "present", "high"), 2))
        story.step(reload=[['age = "15m"', 'age = "20m"']])
        self.assertEqual(len(story.told(NEWS2)), 2)

    def test_row_23_unknown_where_it_was(self):
        story = self.monitored()
        story.wait(902)
        story.step(reload=[['delay = "60s"  ', 'delay = "30s"  ']])
        self.assertEqual((story.closed(NEWS2), story.score()), (["rule_changed"], ("alarming", "unknown", "high")))

    def test_row_23_unknown_with_the_band_that_held(self):
        story = self.monitored()
        story.wait(902)
        story.send(("spo2", 91), t=903)
        self.assertEqual((story.shown(), story.score()), ((3, False, "single"), ("alarming", "present", "high")))
        story.send(("respiratory_rate", 26), ("heart_rate", 135), t=904)
        story.wait(970)
        story.wait(1810)
        self.assertEqual(story.score(), ("alarming", "unknown", "high"))
        story.step(reload=[['delay = "60s"  ', 'delay = "30s"  ']])
        self.assertEqual(story.score(), ("alarming", "unknown", "high"))

    def test_row_23_a_delay_that_runs_begins_anew(self):
        story = ill(until=50)
        story.step(reload=[['age = "15m"', 'age = "20m"']])
        story.wait(109.9)
        self.assertIsNone(story.score())
        story.wait(110)
        self.assertEqual(story.score(), ("alarming", "present", "high"))

    def test_row_23_judges_the_patient_no_more(self):
        story = ill()
        story.do("patch_patient", patient="p-1", age_class="unknown")
        self.assertEqual((story.closed(NEWS2), story.score()), (["rule_changed"], None))
        story = self.monitored()
        story.wait(902)
        story.do("patch_patient", patient="p-1", age_class="paediatric")
        self.assertEqual((story.closed(NEWS2), story.score()), ([], ("alarming", "unknown", "high")))
        story.do("patch_patient", patient="p-1", age_class="adult")
        self.assertEqual(story.score(), ("alarming", "unknown", "high"))

    def test_what_it_rests_on_is_withdrawn(self):
        story = ill(respiratory_rate=26)
        story.send({"signal": "respiratory_rate", "value": 26, "status": "entered-in-error"}, t=70, made=1, device="c-1")
        self.assertEqual((story.closed(NEWS2), story.score()), ([], ("alarming", "unknown", "low")))


class Public(unittest.TestCase):
    """The cases of the GDL library (Apache-2.0), through the whole judge."""

    @unittest.skipUnless(RECORDINGS.is_dir(), "no recordings")
    def test_all_of_them(self):
        with (RECORDINGS / "news2_gdl_cases.csv").open() as file:
            cases = list(csv.DictReader(file))
        self.assertEqual(len(cases), 19)
        bands = {"Low": None, "Low-Medium": "single", "Medium": "medium", "High": "high"}
        for case in cases:
            story = Bedside()
            if case["hyper"] == "True":
                story.do("patch_patient", patient="p-1", spo2_scale=2, reason="hypercapnic failure")
            story.chart(t=1, respiratory_rate=float(case["rr"]), spo2=float(case["spo2"]), nibp_sys=float(case["sbp"]),
                        supplemental_oxygen="oxygen" if case["o2"] == "True" else "air", heart_rate=float(case["hr"]),
                        temperature=float(case["temp"]), consciousness="A" if case["cons"] == "0.0" else "U")
            expected = int(case["expected_total"]), True, bands[case["expected_risk"]]
            self.assertEqual(story.shown(), expected, case["case"])
            story.wait(61)
            told = {None: None, "single": "low", "medium": "medium", "high": "high"}[expected[2]]
            self.assertEqual(story.alarm(NEWS2) and story.alarm(NEWS2)["priority"], told, case["case"])


class Made(unittest.TestCase):
    """Histories that are made."""

    def test_a_seed_gives_the_same_history_and_the_same_answers(self):
        lines, answers = made.history(11, 80)
        self.assertEqual(json.dumps(lines), json.dumps(made.history(11, 80)[0]))
        self.assertEqual(answers, judged(lines))

    def test_a_restart_and_the_order_inside_a_message_change_nothing(self):
        lines, answers = made.history(12, 80)
        turned = json.loads(json.dumps(lines))
        for line in turned[1:]:
            body = line.get("message", {}).get("body", {})
            body["readings"] = body.get("readings", [])[::-1]
        for other in (turned, [lines[0], *(one for line in lines[1:] for one in (line, {"t": line["t"], "restart": True}))]):
            step = (len(other) - 1) // (len(lines) - 1)
            self.assertEqual([one["scores"] for one in answers], [one["scores"] for one in judged(other)[::step]])

    def test_what_is_looked_at_more_often_is_the_same(self):
        for seed in (13, 14):
            lines, answers = made.history(seed, 80)
            often, places = lines[:2], [0]
            for before, line in zip(lines[1:], lines[2:]):
                if "gap" not in line:
                    often.append({"t": (before["t"] + line["t"]) / 2, "tick": True})
                often.append(line)
                places.append(len(often) - 2)
            found = judged(often)
            self.assertEqual([one["scores"] for one in answers], [found[place]["scores"] for place in places])

    def test_no_law_is_broken(self):
        for seed in (3, 4):
            self.assertEqual(laws.broken(seed, 100, [(made, laws.OF_SCORES)]), [])

    def test_every_device_sends_something(self):
        for seed in range(200):
            maker = made.ScoreMaker(seed, 1)
            maker.make()
            self.assertEqual([one.id for one in maker.senders if not one.signals], [], seed)

    def test_every_kind_of_step_and_every_row_occurs(self):
        kinds, rows = set(), set()
        for seed in range(12):
            maker = made.ScoreMaker(seed, 150)
            maker.make()
            kinds |= set(maker.kinds)
            for answer in maker.answers:
                rows |= {row[3] for row in answer["closed"] if row[1] == NEWS2}
                rows |= {f"{one['state']} {one['condition']}" for one in answer["alarms"] if one["rule"] == NEWS2}
        for kind in ("run", "chart", "word", "at_once", "due", "due_gap", "odd", "long", "scale", "age_changes", "packs", "reload", "correction",
                     "withdrawal", "conflict", "comparator", "other_unit", "gap", "unbind", "bind_again", "transfer", "score_acknowledge", "score_reset"):
            self.assertIn(kind, kinds)
        for row in ("alarming present", "alarming unknown", "latched absent", "rule_changed", "reset"):
            self.assertIn(row, rows)


if __name__ == "__main__":
    unittest.main()
