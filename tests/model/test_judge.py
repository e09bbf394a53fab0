"""Examples straight from the contract: `python3 -m unittest model.test_judge` in the folder above."""

import json
import subprocess
import sys
import unittest
from pathlib import Path

from model import generator, kinds, laws
from model.compare import Comparison, first_difference, judged
from model.driver import Driver
from model.history import Story
from model.judge.clocks import Clock
from model.judge.when import US, Y2000, span, stamp
from model.shrink import shrink

TESTS = Path(__file__).resolve().parents[1]
SPO2, HR, NIBP, CGM = "vitals_live.spo2_low", "vitals_live.heart_rate_low", "vitals_live.nibp_sys_low", "cgm.glucose_low"


def low_spo2(**about):
    """SpO2 of 78 for long enough: high, present."""
    story = Story(**about)
    story.stream(1, 10, ("spo2", 78))
    return story


class Transitions(unittest.TestCase):
    """Each row of the table."""

    def test_row_1_present_for_its_delay(self):
        story = Story()
        story.stream(1, 15, ("spo2", 86))
        self.assertIsNone(story.alarm(SPO2))
        story.wait(16)
        self.assertEqual((story.alarm(SPO2)["state"], story.told(SPO2)), ("alarming", [("medium", "")]))

    def test_row_2_under_a_pause_of_the_patient(self):
        story = Story()
        self.assertEqual(story.do("pause", patient="p-1", until=3600, reason="CT"), "done")
        story.stream(1, 10, ("spo2", 78))
        self.assertEqual((story.alarm(SPO2)["state"], story.told(SPO2)), ("paused", []))
        # A high one waits for 2 min, whatever is left of the pause.
        story.stream(11, 127, ("spo2", 78))
        self.assertEqual((story.alarm(SPO2)["state"], story.told(SPO2)), ("alarming", [("high", "")]))

    def test_row_2_what_stood_before_is_not_paused(self):
        story = low_spo2()
        story.do("pause", rule=SPO2, until=3600, reason="CT")
        self.assertEqual(story.alarm(SPO2)["state"], "alarming")

    def test_row_2_the_pause_of_a_bed_is_of_who_lies_in_it(self):
        story = Story()
        story.do("add_ward", ward="w-1")
        for bed in ("b-1", "b-2"):
            story.do("add_bed", bed=bed, ward="w-1")
        self.assertNotEqual(story.do("pause", bed="b-1", until=3600, reason="CT"), "done")
        story.do("transfer", patient="p-1", bed="b-1")
        self.assertEqual(story.do("pause", bed="b-1", until=3600, reason="CT"), "done")
        story.stream(1, 10, ("spo2", 78))
        self.assertEqual(story.alarm(SPO2)["state"], "paused")
        story.do("transfer", patient="p-1", bed="b-2")
        self.assertEqual((story.alarm(SPO2)["state"], story.told(SPO2)), ("alarming", [("high", "")]))

    def test_row_2_what_was_high_and_over_before_anybody_heard_of_it_is_announced_at_the_end_of_its_pause(self):
        story = Story()
        story.do("pause", patient="p-1", until=3600, reason="CT")
        story.stream(1, 10, ("spo2", 78))
        story.stream(11, 80, ("spo2", 97))
        self.assertEqual((story.alarm(SPO2)["state"], story.told(SPO2)), ("latched", []))
        story.stream(81, 127, ("spo2", 97))
        self.assertEqual((story.alarm(SPO2)["state"], story.told(SPO2)), ("latched", [("high", "")]))

    def test_row_2_who_switches_off_what_began_under_a_pause_has_heard_of_it(self):
        story = Story()
        story.do("pause", patient="p-1", until=3600, reason="CT")
        story.stream(1, 10, ("spo2", 78))
        self.assertEqual(story.act("off", SPO2, until=1000, reason="MRI"), "done")
        story.stream(11, 140, ("spo2", 78))
        self.assertEqual((story.alarm(SPO2)["state"], story.told(SPO2)), ("off", []))

    def test_what_two_devices_find_by_one_rule_is_announced_once(self):
        story = Story()
        story.do("register", device="d-2", **{"class": "bedside"}, kind="device", via=[], signals=[])
        story.do("bind", device="d-2", patient="p-1", zero_means_no_sensor=[])
        for t in range(1, 12):
            story.send(("spo2", 78), t=t)
            story.send(("spo2", 78), t=t + 0.5, device="d-2")
        self.assertEqual((story.alarm(SPO2, "d-2")["state"], story.told(SPO2)), ("alarming", [("high", "")]))

    def test_what_another_device_finds_is_news_of_each_of_two_sensors(self):
        story = Story(cls="charted", signals=["heart_rate"])
        story.do("register", device="d-2", **{"class": "charted"}, kind="device", via=[], signals=[])
        story.do("bind", device="d-2", patient="p-1", zero_means_no_sensor=[])
        for source, about in (("d-1", {}), ("d-1/B", {"instance": "B"})):
            story.send({"signal": "heart_rate", "value": 20, **about}, t=story.t + 1)
            story.act("acknowledge", HR, source)
        story.send(("heart_rate", 20), t=7200, device="d-2")
        self.assertEqual([story.alarm(HR, source)["state"] for source in ("d-1", "d-1/B")], ["alarming", "alarming"])

    def test_row_3_data_lost_while_the_delay_runs(self):
        story = Story()
        story.send(("spo2", 86), t=1)
        story.wait(12)
        self.assertIsNone(story.alarm(SPO2))
        self.assertEqual(story.told("link.lost_while_pending"), [("medium", "")])

    def test_row_4_over_and_not_latching(self):
        story = Story(cls="spot", signals=["mean_heart_rate_24h"])
        reading = lambda value: {"signal": "mean_heart_rate_24h", "value": value, "unit": "/min"}
        story.send(reading(120), t=1)
        self.assertEqual(story.alarm("cied.mean_heart_rate_high")["priority"], "low")
        story.send(reading(80), t=100)
        story.send(reading(80), t=200)
        self.assertEqual(story.closed("cied.mean_heart_rate_high"), ["ended"])

    def test_row_5_over_and_latching(self):
        story = low_spo2()
        story.stream(11, 75, ("spo2", 97))
        self.assertEqual((story.alarm(SPO2)["state"], story.alarm(SPO2)["condition"]), ("latched", "absent"))

    def test_row_6_data_lost(self):
        story = low_spo2()
        story.wait(25)
        self.assertEqual((story.alarm(SPO2)["state"], story.alarm(SPO2)["condition"]), ("alarming", "unknown"))

    def test_row_7_data_back_and_present(self):
        story = low_spo2()
        story.act("acknowledge", SPO2)
        story.wait(25)
        story.send(("spo2", 78), t=26)
        self.assertEqual((story.alarm(SPO2)["state"], story.alarm(SPO2)["condition"]), ("alarming", "present"))
        self.assertEqual(len(story.told(SPO2)), 2)

    def test_row_8_data_back_and_absent(self):
        story = low_spo2()
        story.act("acknowledge", SPO2)
        story.wait(25)
        story.stream(26, 90, ("spo2", 97))
        self.assertEqual(story.closed(SPO2), ["ended_after_gap"])

    def test_row_9_acknowledged(self):
        story = low_spo2()
        self.assertEqual(story.act("acknowledge", SPO2), "done")
        self.assertEqual(story.alarm(SPO2)["state"], "acknowledged")
        self.assertEqual(story.act("acknowledge", SPO2), "already_so")

    def test_row_10_acknowledgement_over_with_news(self):
        story = low_spo2()
        story.act("acknowledge", SPO2)
        story.stream(11, 611, ("spo2", 78), every=5)
        self.assertEqual((story.alarm(SPO2)["state"], len(story.told(SPO2))), ("alarming", 2))

    def test_row_11_acknowledged_and_over(self):
        story = low_spo2()
        story.act("acknowledge", SPO2)
        story.stream(11, 75, ("spo2", 97))
        self.assertEqual(story.closed(SPO2), ["ended"])

    def test_row_12_acknowledged_and_the_priority_rises(self):
        story = Story()
        story.stream(1, 17, ("spo2", 86))
        story.act("acknowledge", SPO2)
        story.stream(18, 24, ("spo2", 70))
        self.assertEqual((story.alarm(SPO2)["state"], story.alarm(SPO2)["priority"]), ("alarming", "high"))
        self.assertEqual(story.told(SPO2), [("medium", ""), ("high", "")])

    def test_row_13_unacknowledged(self):
        story = low_spo2()
        story.act("acknowledge", SPO2)
        self.assertEqual(story.act("unacknowledge", SPO2), "done")
        self.assertEqual(story.alarm(SPO2)["state"], "alarming")

    def test_row_14_paused_and_off(self):
        story = low_spo2()
        self.assertEqual(story.act("pause", SPO2, until=1000), "invalid")
        self.assertEqual(story.act("pause", SPO2), "done")
        self.assertEqual(story.alarm(SPO2)["state"], "paused")
        self.assertEqual(story.act("off", SPO2, until=1000), "invalid")
        self.assertEqual(story.act("off", SPO2, until=1000, reason="MRI"), "done")
        self.assertEqual(story.alarm(SPO2)["state"], "off")

    def test_row_15_the_pause_ends_and_it_is_present(self):
        story = low_spo2()
        story.act("pause", SPO2)
        story.stream(11, 131, ("spo2", 78))
        self.assertEqual((story.alarm(SPO2)["state"], len(story.told(SPO2))), ("alarming", 2))

    def test_row_15_what_began_under_a_pause_comes_back_when_a_person_ends_it(self):
        story = Story()
        story.do("pause", patient="p-1", until=3600, reason="CT")
        story.stream(1, 10, ("spo2", 78))
        self.assertEqual(story.do("end_pause", patient="p-1"), "done")
        self.assertEqual((story.alarm(SPO2)["state"], story.told(SPO2)), ("alarming", [("high", "")]))

    def test_row_15_what_was_acknowledged_is_announced_all_the_same(self):
        story = low_spo2()
        story.act("acknowledge", SPO2)
        story.act("pause", SPO2)
        story.stream(11, 131, ("spo2", 78))
        self.assertEqual((story.alarm(SPO2)["state"], len(story.told(SPO2))), ("alarming", 2))

    def test_row_15_what_was_latched_is_announced_to_nobody(self):
        story = low_spo2()
        story.stream(11, 75, ("spo2", 97))
        story.act("pause", SPO2)
        self.assertEqual(story.alarm(SPO2)["state"], "paused")
        story.stream(76, 200, ("spo2", 97))
        self.assertEqual((story.alarm(SPO2)["state"], len(story.told(SPO2))), ("latched", 1))

    def test_row_16_over_and_not_latching_is_told_at_the_end_of_the_pause(self):
        story = Story()
        story.wait(60)
        story.act("pause", "link.silence", until=300)
        story.send(("spo2", 97), t=100)
        self.assertEqual(story.closed("link.silence"), ["ended_while_paused"])
        story.stream(101, 301, ("spo2", 97))
        self.assertEqual([one for answer in story.log for one in answer["told_over"]], [["p-1", "link.silence", "d-1"]])

    def test_row_7_data_that_come_back_under_a_pause_are_told_at_its_end(self):
        story = low_spo2()
        story.act("pause", SPO2)
        story.wait(40)
        self.assertEqual(story.alarm(SPO2)["condition"], "unknown")
        story.stream(41, 50, ("spo2", 78))
        self.assertEqual((story.alarm(SPO2)["state"], len(story.told(SPO2))), ("paused", 1))

    def test_row_14_a_pause_of_sound_delays_nothing_that_calls(self):
        story = low_spo2()
        story.act("pause", SPO2, what="audio")
        story.wait(40)
        story.stream(41, 50, ("spo2", 78))
        self.assertEqual((story.alarm(SPO2)["state"], len(story.told(SPO2))), ("paused", 2))

    def test_row_17_a_rise_that_is_no_news_otherwise_breaks_through(self):
        story = Story()
        story.wait(20)
        self.assertEqual(story.alarm("link.silence")["priority"], "low")
        story.act("pause", "link.silence")
        story.wait(100)
        self.assertEqual((story.alarm("link.silence")["state"], story.told("link.silence")),
                         ("alarming", [("low", ""), ("medium", "")]))

    def test_row_22_a_limit_changed_under_a_pause(self):
        story = Story()
        story.stream(1, 17, ("spo2", 86))
        story.act("pause", SPO2)
        limit = {"signal": "spo2", "side": "low", "critical": False, "value": 84, "unit": "%"}
        story.do("limits", patient="p-1", limits=[limit], reason="usual")
        self.assertEqual(story.alarm(SPO2)["state"], "latched")

    def test_row_16_over_while_paused(self):
        story = low_spo2()
        story.act("pause", SPO2)
        story.stream(11, 75, ("spo2", 97))
        self.assertEqual(story.alarm(SPO2)["state"], "latched")

    def test_row_17_the_priority_rises_while_paused(self):
        story = Story()
        story.stream(1, 17, ("spo2", 86))
        story.act("pause", SPO2)
        story.stream(18, 24, ("spo2", 70))
        self.assertEqual(story.alarm(SPO2)["state"], "alarming")

    def test_row_18_acknowledged_while_paused(self):
        story = low_spo2()
        story.act("pause", SPO2)
        story.act("acknowledge", SPO2)
        self.assertEqual(story.alarm(SPO2)["state"], "acknowledged")

    def test_row_19_reset(self):
        story = low_spo2()
        self.assertEqual(story.act("reset", SPO2), "conflict")
        story.stream(11, 75, ("spo2", 97))
        self.assertEqual(story.act("reset", SPO2), "done")
        self.assertEqual(story.closed(SPO2), ["reset"])

    def test_row_19_while_unknown_only_with_a_reason(self):
        story = low_spo2()
        story.wait(25)
        self.assertEqual(story.act("reset", SPO2), "conflict")
        self.assertEqual(story.act("reset", SPO2, reason="probe off"), "done")
        story.wait(60)
        self.assertIsNone(story.alarm(SPO2))

    def test_row_20_a_recurrence(self):
        story = low_spo2()
        story.stream(11, 75, ("spo2", 97))
        story.stream(76, 82, ("spo2", 78))
        self.assertEqual((story.alarm(SPO2)["state"], len(story.told(SPO2))), ("alarming", 2))

    def test_row_21_and_0_14_the_peak_stays(self):
        story = low_spo2()
        story.stream(11, 40, ("spo2", 86))
        self.assertEqual(story.alarm(SPO2)["priority"], "high")
        story.stream(41, 60, ("spo2", 78))
        self.assertEqual(len(story.told(SPO2)), 1)

    def test_the_response_rises_with_the_priority(self):
        story = Story(signals=["respiratory_rate"])
        story.stream(1, 22, ("respiratory_rate", 32))
        self.assertEqual(story.alarm("vitals_live.respiratory_rate_high")["response"], "prompt")
        story.stream(23, 44, ("respiratory_rate", 40))
        self.assertEqual(story.alarm("vitals_live.respiratory_rate_high")["response"], "immediate")

    def test_row_22_a_limit_changed(self):
        story = Story()
        story.stream(1, 17, ("spo2", 86))
        story.do("limits", patient="p-1", limits=[{"signal": "spo2", "side": "low", "critical": False, "value": 85, "unit": "%"}], reason="COPD")
        self.assertEqual(story.alarm(SPO2)["state"], "latched")

    def test_row_23_a_rule_changed(self):
        story = Story()
        story.stream(1, 17, ("spo2", 86))
        story.step(reload=[['low = ["88 %"]', 'low = ["87 %"]']])
        self.assertEqual(story.closed(SPO2), ["rule_changed"])
        self.assertEqual((story.alarm(SPO2)["state"], len(story.told(SPO2))), ("alarming", 2))

    def test_row_24_unbound(self):
        story = low_spo2()
        story.do("unbind", device="d-1")
        self.assertEqual(story.alarm(SPO2)["condition"], "unknown")

    def test_row_24_another_device_closes_it(self):
        story = low_spo2()
        story.do("unbind", device="d-1")
        story.do("register", device="d-2", **{"class": "bedside"}, kind="device", via=[], signals=[{"signal": "spo2"}])
        story.do("bind", device="d-2", patient="p-1", zero_means_no_sensor=[])
        story.send(("spo2", 97), t=12, device="d-2")
        self.assertEqual(story.closed(SPO2), ["source_replaced"])

    def test_row_25_discharged(self):
        story = low_spo2()
        self.assertEqual(story.do("discharge", patient="p-1"), "conflict")
        self.assertEqual(story.do("discharge", patient="p-1", reason="dies at home"), "done")
        self.assertEqual(story.closed(SPO2), ["discharged"])
        story.wait(1000)
        self.assertEqual(story.last["alarms"], [])

    def test_row_26_the_binding_was_wrong(self):
        story = low_spo2()
        story.do("admit", patient="p-2", age_class="adult")
        story.do("correct_binding", device="d-1", **{"from": 0}, patient="p-2", reason="wrong bed")
        self.assertEqual(story.closed(SPO2), ["retracted"])
        self.assertIsNotNone(story.alarm(SPO2, patient="p-2"))

    def test_row_27_closed(self):
        story = low_spo2()
        story.stream(11, 75, ("spo2", 97))
        story.act("reset", SPO2)
        self.assertEqual(story.act("acknowledge", SPO2), "conflict")
        self.assertEqual(story.act("acknowledge", HR), "not_found")


class Several(unittest.TestCase):
    """contract §5 Several devices"""

    def test_what_another_device_finds_once_its_delay_is_over_is_news_as_well(self):
        low = "vitals_live.heart_rate_low"
        story = Story(cls="kiosk", signals=["heart_rate"])
        story.do("register", device="d-2", **{"class": "bedside"}, kind="device", via=[], signals=[{"signal": "heart_rate"}])
        story.do("bind", device="d-2", patient="p-1", zero_means_no_sensor=[])
        story.send(("heart_rate", 25), t=10)
        story.act("acknowledge", low)
        story.wait(700)
        story.send(("heart_rate", 25), t=701, device="d-2")
        self.assertEqual(story.alarm(low, "d-1")["state"], "acknowledged")
        story.wait(730)
        self.assertEqual(story.alarm(low, "d-1")["state"], "alarming")


class Clocks(unittest.TestCase):
    """contract §0.7, §0.8, §0.11, §0.21"""

    def test_0_11_times_are_rfc_3339(self):
        for bad in ("20261128T200000Z", "2026-11-28T20:00:00+24:00", "2026-11-28T20:00:00+0100", "2026-11-28T20:00:00[Europe/Berlin]", "2026-11-28T20:00:00"):
            with self.assertRaises(ValueError):
                stamp(bad)
        self.assertEqual(stamp("2026-11-21T11:00:00+01:00"), stamp("2026-11-21T10:00:00Z"))
        self.assertEqual(span("5m"), 300 * US)

    def test_0_11a_near_arrival_is_known_at_once(self):
        self.assertTrue(Clock().hear(Y2000 + 100 * US, Y2000 + 80 * US, False).certain)

    def test_0_11a_a_wrong_clock_shows_itself_by_its_pace(self):
        clock = Clock()
        heard = [clock.hear(Y2000 + (t + 3600) * US, Y2000 + t * US, False).certain for t in (0, 5, 10)]
        self.assertEqual((heard, clock.offset), ([False, False, True], 3600 * US))

    def test_0_11a_a_queue_never_moves_the_offset(self):
        clock = Clock()
        heard = [clock.hear(Y2000 + 86400 * US + n * US // 30, Y2000 + n * 60 * US, False) for n in range(400)]
        self.assertIsNone(clock.offset)
        self.assertTrue(heard[5].queue)

    def test_0_11a_a_queue_is_late_and_belongs_to_whom_the_device_was_bound_then(self):
        story = Story(cls="wearable")
        story.t = 86400
        for n in range(50):
            story.send(("spo2", 70), t=86400 + n / 30, made=20_000 + n * 60)
        self.assertTrue(story.alarm(SPO2)["late"])
        self.assertEqual(story.told(SPO2), [("medium", "late")])

    def test_0_11a_what_was_made_before_the_binding_is_nobodys(self):
        story = Story(cls="wearable", bind=False)
        story.t = 86400
        story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=[])
        for n in range(50):
            story.send(("spo2", 70), t=86400 + n / 30, made=20_000 + n * 60)
        self.assertIsNone(story.alarm(SPO2))

    def test_0_11aa_a_cuff_whose_clock_was_reset_is_told(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 235, "at": -157_000_000}, t=10, sent_at=False)
        self.assertEqual(story.told("vitals_live.nibp_sys_high"), [("high", "")])
        self.assertIsNotNone(story.alarm("clock.suspect"))

    def test_a_steady_lag_is_a_clock_and_not_age(self):
        ntp = dict(error=-600, clock={"source": "ntp"})
        zone = lambda value, t: {"signal": "heart_rate", "value": value, "at": t - 7200}
        summer = lambda t: {"relay": {"id": "hub", "sent_at": Story().clock(14_400 + t)}, "sent_at": False}
        for early in (True, False):
            for sent in ("ntp", "zone", "summer"):
                story = Story(signals=["heart_rate"], floors=True, bind=early)
                story.do("register", device="hub", **{"class": "relay"}, kind="relay", via=[], signals=[])
                story.do("register", device="d-1", **{"class": "bedside"}, kind="device", via=["hub"],
                         signals=[{"signal": "heart_rate"}])
                story.wait(14_400)
                if not early:
                    story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=[])

                def stream(begin, end, value):
                    for n in range(begin, end):
                        t = 14_400 + n
                        if sent == "ntp":
                            story.send(("heart_rate", value), t=t, **ntp)
                        elif sent == "zone":
                            story.send(zone(value, t), t=t)
                        else:
                            story.send(zone(value, t), t=t, principal="hub", **summer(n))

                stream(0, 20, 0)
                alarm = story.alarm("vitals_live.asystole_low")
                self.assertEqual((alarm["late"], alarm["condition"]), (False, "present"), sent)
                self.assertEqual(story.told("clock.suspect"), [("medium", "")])
                stream(20, 120, 70)
                self.assertEqual(story.alarm("vitals_live.asystole_low")["condition"], "unknown")
                self.assertIsNotNone(story.alarm("link.silence"))

    def test_a_clock_that_stands_an_hour_back(self):
        for sent in (True, False):
            story = Story(signals=["heart_rate"], floors=True)
            story.wait(14_400)
            for t in range(14_400, 14_420):
                story.send(("heart_rate", 0), t=t, made=10_800, sent_at=sent)
            alarm = story.alarm("vitals_live.asystole_low")
            self.assertEqual((alarm["late"], alarm["condition"]), (False, "present"))
            self.assertEqual(story.told("clock.suspect"), [("medium", "")])
            for t in range(14_420, 14_480):
                story.send(("heart_rate", 70), t=t, made=10_800, sent_at=sent)
            self.assertEqual(story.alarm("vitals_live.asystole_low")["condition"], "unknown")

    def test_a_measurement_sent_again_and_again_is_no_clock_that_stands(self):
        story = Story(signals=["nibp_sys"])
        story.wait(14_400)
        for t in range(14_400, 14_460):
            story.send({"signal": "nibp_sys", "value": 85, "at": 13_800}, t=t)
        self.assertIsNone(story.alarm("clock.suspect"))

    def test_a_queue_that_says_when_it_is_sent_is_no_clock_that_lags(self):
        story = Story(signals=["heart_rate"], floors=True)
        story.wait(14_400)
        for n in range(200):
            t = 14_400 + n / 5
            story.send({"signal": "heart_rate", "value": 0, "at": 10_800 + n}, t=t)
        self.assertTrue(story.alarm("vitals_live.asystole_low")["late"])
        self.assertIsNone(story.alarm("clock.suspect"))

    def test_0_11b_a_clock_put_right_is_believed_at_once(self):
        story = Story()
        story.stream(1, 15, ("spo2", 97), error=10_800)
        story.stream(16, 25, ("spo2", 70))
        self.assertEqual(story.told("clock.stepped"), [("low", "")])
        self.assertEqual(story.told(SPO2), [("high", "")])

    def test_0_11a_a_clock_in_2020_with_sent_at(self):
        story = Story()
        story.stream(1, 20, ("spo2", 60), error=-186_000_000)
        self.assertEqual(story.told(SPO2), [("high", "")])

    def test_0_11a_an_outage_of_six_hours(self):
        story = Story(cls="wearable")
        story.stream(60, 600, ("spo2", 97), every=60)
        for n in range(360):
            story.send(("spo2", 97 if n < 100 or n > 110 else 70), t=22_300 + n / 30, made=660 + 60 * n)
        self.assertEqual(story.told(SPO2), [("medium", "late")])

    def test_0_11c_a_cuff_that_sends_and_leaves(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        for t, value in ((100, 70), (4000, 120), (8000, 120)):
            story.send({"signal": "nibp_sys", "value": value, "at": t - 20}, t=t, sent_at=False)
        self.assertEqual((story.alarm(NIBP)["state"], story.told(NIBP)), ("latched", [("high", "")]))

    def test_0_8_a_relay_says_nothing_of_another(self):
        story = Story()
        for relay in ("r-1", "r-2"):
            story.do("register", device=relay, **{"class": "relay"}, kind="relay", via=[], signals=[])
        story.do("register", device="d-1", **{"class": "bedside"}, kind="device", via=["r-1", "r-2"], signals=[{"signal": "spo2"}])
        relay = lambda name, t: {"id": name, "sent_at": story.clock(t), "received_at": story.clock(t)}
        story.send(("spo2", 97), t=1, principal="r-1", relay=relay("r-1", 1))
        story.send(("spo2", 97), t=2, principal="r-2", relay=relay("r-2", 182), sent_at=False)
        story.send(("spo2", 97), t=3, principal="r-1", relay=relay("r-1", 3))
        self.assertEqual(story.world.judged["d-1", "spo2"], story.begin + 3 * US)

    def test_an_implant_is_corrected_through_its_relay(self):
        story = Story(cls="cied", signals=[])
        story.do("register", device="r-1", **{"class": "relay"}, kind="relay", via=[], signals=[])
        story.do("register", device="d-1", **{"class": "cied"}, kind="device", via=["r-1"], signals=[])
        wrong = -360_000_000
        relay = {"id": "r-1", "device_clock": story.clock(100 + wrong), "received_at": story.clock(100), "sent_at": story.clock(100)}
        story.t = 100
        story.event("vf_detected", at=90 + wrong, id="ep-1", body={"relay": relay})
        self.assertEqual(story.told("cied.vf"), [("high", "")])

    def test_0_8_retention_is_judged_by_corrected_time(self):
        year = 366 * 86_400
        for behind, told in ((11 * year, True), (0, False)):
            story = Story(cls="cied", signals=[])
            story.do("register", device="r-1", **{"class": "relay"}, kind="relay", via=[], signals=[])
            story.do("register", device="d-1", **{"class": "cied"}, kind="device", via=["r-1"], signals=[])
            now = story.t = 10
            relay = {"id": "r-1", "device_clock": story.clock(now - behind), "received_at": story.clock(now), "sent_at": story.clock(now)}
            body = {"relay": relay, "events": [{"event": "vf_detected", "id": "ep-1", "at": story.clock(5 - (behind or 2 * year))}]}
            story.step(message={"principal": "r-1", "device": "d-1", "kind": "events", "body": {"seq": 1, **body},
                                "qos": 1, "retain": False, "dup": True, "backlog": False})
            self.assertEqual(story.told("cied.vf") != [], told, behind)

    def test_0_7_an_earlier_boot_is_never_live(self):
        story = Story()
        story.stream(1, 8, ("spo2", 76), boot=5)
        story.send({"signal": "spo2", "value": 97, "untimed": True}, t=9, boot=4, sent_at=False)
        self.assertEqual(story.alarm(SPO2)["condition"], "present")

    def test_0_7_three_in_a_row_with_newer_times_are_a_new_counter(self):
        story = Story()
        story.stream(1, 3, ("spo2", 97), boot=5)
        story.stream(4, 6, ("spo2", 97), boot=4)
        self.assertEqual(story.told("link.boot_reset"), [("low", "")])
        self.assertEqual(story.world.judged["d-1", "spo2"], story.begin + 6 * US)

    def test_0_7_numbers_below_the_window_with_newer_times_are_a_new_counter(self):
        for numbers in ([*range(251, 256), *range(20)], [1, 2, 3, 4, 2**53 - 1, *range(5, 25)]):
            story = Story(signals=["heart_rate"], floors=True)
            for t, seq in enumerate(numbers, start=1):
                story.send(("heart_rate", 70 if t <= 5 else 0), t=t, seq=seq, boot=5)
            alarm = story.alarm("vitals_live.asystole_low")
            self.assertEqual((alarm["late"], alarm["condition"]), (False, "present"))
            self.assertEqual(story.told("link.boot_reset"), [("low", "")])

    def test_0_7_a_counter_and_a_clock_that_went_back_together(self):
        story = Story(signals=["heart_rate"], floors=True)
        story.wait(14_400)
        story.stream(14_401, 14_405, ("heart_rate", 70), boot=9)
        story.stream(14_406, 14_440, ("heart_rate", 0), boot=1, error=-3600)
        alarm = story.alarm("vitals_live.asystole_low")
        self.assertEqual((alarm["late"], alarm["condition"]), (False, "present"))
        self.assertEqual(story.told("link.boot_reset"), [("low", "")])

    def test_0_21_charted_two_hours_ahead_is_no_suspect(self):
        story = Story(cls="charted", signals=["heart_rate"])
        story.send({"signal": "heart_rate", "value": 20, "at": 7000}, t=10, sent_at=False)
        self.assertEqual(story.told(HR), [("high", "")])
        self.assertIsNone(story.alarm("clock.suspect"))

    def test_a_good_and_an_absurd_stamp_in_turn_is_told_once(self):
        story = Story()
        for t in range(1, 60, 2):
            story.send(("spo2", 97), t=t)
            story.send({"signal": "spo2", "value": 97, "at": t + 100_000}, t=t + 1)
        self.assertEqual(len(story.told("clock.suspect")), 1)

    def test_a_stamp_four_minutes_ahead_makes_nothing_late(self):
        story = Story()
        story.send(("spo2", 97), t=1)
        story.send(("spo2", 97), t=2, error=240)
        story.stream(3, 12, ("spo2", 60))
        self.assertEqual(story.told(SPO2), [("high", "")])


class Identity(unittest.TestCase):
    """contract §0.1 to §0.3"""

    def test_0_1_one_of_two_leads_withdrawn(self):
        story = Story(cls="cied", signals=["impedance"])
        lead = lambda name, **more: {"signal": "impedance", "value": 100, "unit": "Ohm", "instance": name, "at": 5, **more}
        story.send(lead("RA"), lead("RV"), t=10)
        story.send(lead("RA", status="entered-in-error"), t=20)
        self.assertIsNone(story.alarm("cied.impedance_low", "d-1/RA"))
        self.assertIsNotNone(story.alarm("cied.impedance_low", "d-1/RV"))

    def test_0_3_judged_again_from_what_remains(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 70, "at": 5}, t=10)
        story.send({"signal": "nibp_sys", "value": 72, "at": 65}, t=70)
        story.send({"signal": "nibp_sys", "value": 70, "at": 5, "status": "entered-in-error"}, t=80)
        self.assertEqual(story.alarm(NIBP)["condition"], "present")

    def test_0_3_a_withdrawal_in_mode_test_changes_nothing(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 70, "at": 5}, t=10)
        story.send({"signal": "nibp_sys", "value": 70, "at": 5, "status": "entered-in-error"}, t=20, mode="test")
        self.assertIsNotNone(story.alarm(NIBP))
        story.send({"signal": "nibp_sys", "value": 70, "at": 5, "status": "entered-in-error"}, t=30)
        self.assertEqual(story.closed(NIBP), ["retracted"])

    def test_a_correction_to_a_zero_that_means_no_sensor_takes_back_what_was_implausible(self):
        story = Story(signals=["heart_rate"], bind=False)
        story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=["heart_rate"])
        story.send({"signal": "heart_rate", "value": 400, "at": 5}, t=5)
        self.assertIsNotNone(story.alarm("link.implausible"))
        story.send({"signal": "heart_rate", "value": 0, "at": 5, "status": "corrected"}, t=6)
        self.assertEqual(story.closed("link.implausible"), ["retracted"])

    def test_what_is_no_value_contradicts_none_of_its_message(self):
        for other in ({"value": 0}, {"value": 400}, {"value": 80, "quality": 0.1}, {"value": 80, "status": "corrected"}):
            story = Story(signals=["heart_rate"], bind=False)
            story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=["heart_rate"])
            story.send({"signal": "heart_rate", "value": 72, "at": 5}, {"signal": "heart_rate", "at": 5, **other}, t=5)
            self.assertEqual(story.last["monitored"], {"p-1": "monitored"})

    def test_of_two_corrections_in_one_message_none_takes_back_what_was_implausible(self):
        story = Story(signals=["heart_rate"])
        both = [{"signal": "heart_rate", "value": value, "at": 5, "status": "corrected"} for value in (400, 35)]
        story.send(*both, t=5)
        self.assertEqual(story.closed("link.implausible"), [])

    def test_what_is_corrected_to_be_implausible_is_corrected_back(self):
        story = Story(signals=["heart_rate"], bind=False)
        story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=["heart_rate"])
        for first in (100, 0):
            story.send(("heart_rate", 80), t=story.t + 8)
            at = story.t + 2
            story.send({"signal": "heart_rate", "value": first, "at": at}, t=at)
            story.send({"signal": "heart_rate", "value": 400, "at": at, "status": "corrected"}, t=at + 1)
            self.assertIsNotNone(story.alarm("link.implausible"))
            story.send({"signal": "heart_rate", "value": first, "at": at, "status": "corrected"}, t=at + 2)
            self.assertIsNone(story.alarm("link.implausible"))
        self.assertEqual(story.told("link.zero_or_off"), [("high", "")])

    def test_what_came_again_after_it_was_forgotten_is_withdrawn_with_what_came_first(self):
        story = Story(signals=["heart_rate"])
        story.stream(1, 30, ("heart_rate", 200))
        self.assertEqual(story.told("vitals_live.heart_rate_high")[-1], ("high", ""))
        story.send({"signal": "heart_rate", "value": 200, "at": 1}, t=31)
        story.send({"signal": "heart_rate", "value": 200, "at": 1, "status": "entered-in-error"}, t=32)
        self.assertIn("retracted", story.closed("vitals_live.heart_rate_high"))

    def test_0_1a_the_worse_of_two_at_one_instant(self):
        story = Story()
        for t in range(1, 9):
            story.send({"signal": "spo2", "value": 97}, {"signal": "spo2", "value": 60}, t=t)
        self.assertEqual(story.told(SPO2), [("high", "")])

    def test_0_1a_two_codes_are_two_instances(self):
        story = Story(signals=["respiratory_rate"])
        for t in range(1, 23):
            story.send({"signal": "mdc:151562", "value": 19, "unit": "/min"}, {"signal": "mdc:151570", "value": 3, "unit": "/min"}, t=t)
        self.assertEqual(story.told("vitals_live.respiratory_rate_low"), [("high", "")])

    def test_0_1a_preliminary_then_final(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 120, "at": 5, "status": "preliminary"}, t=10)
        story.send({"signal": "nibp_sys", "value": 60, "at": 5}, t=20)
        self.assertEqual(story.told(NIBP), [("high", "")])

    def test_0_1a_absent_then_a_number(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "absent": "temp-unknown", "at": 5}, t=10)
        story.send({"signal": "nibp_sys", "value": 60, "at": 5}, t=20)
        self.assertEqual(story.told(NIBP), [("high", "")])

    def test_0_1a_the_same_value_by_another_message_confirms_nothing(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 85, "at": 5}, t=10)
        story.send({"signal": "nibp_sys", "value": 85, "at": 5}, t=50)
        self.assertIsNone(story.alarm(NIBP))
        story.send({"signal": "nibp_sys", "value": 85, "at": 55}, t=60)
        self.assertEqual(story.told(NIBP), [("medium", "")])

    def test_0_1a_a_stopped_clock(self):
        story = Story()
        story.stream(1, 3, ("spo2", 97))
        for t in range(4, 60):
            story.send({"signal": "spo2", "value": 60 if t > 30 else 97, "at": 3}, t=t, sent_at=False)
        self.assertIsNotNone(story.alarm(SPO2))

    def test_0_1_a_correction_after_the_offset_moved(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 70, "at": 5}, t=10, error=-1)
        story.send({"signal": "nibp_sys", "value": 130, "at": 5, "status": "corrected"}, t=20, error=0.3)
        self.assertEqual(story.closed(NIBP), ["retracted"])

    def test_0_1_after_a_correction_the_first_value_is_nothing(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 160, "at": 5, "status": "corrected"}, t=10)
        story.send({"signal": "nibp_sys", "value": 60, "at": 5}, t=20)
        self.assertEqual(story.told(NIBP), [])

    def test_0_1a_the_same_cuff_value_by_two_hubs(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.do("register", device="d-1", **{"class": "spot"}, kind="device", via=["r-1", "r-2"], signals=[{"signal": "nibp_sys"}])
        for t, hub in ((10, "r-1"), (60, "r-2")):
            relay = {"id": hub, "device_clock": story.clock(t), "received_at": story.clock(t), "sent_at": story.clock(t)}
            story.send({"signal": "nibp_sys", "value": 85, "at": 5}, t=t, principal=hub, relay=relay)
        self.assertIsNone(story.alarm(NIBP))

    def test_0_2_a_copy_of_low_quality_uses_nothing_up(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 60, "at": 5, "quality": 0.2}, t=10)
        self.assertIsNone(story.alarm(NIBP))
        story.send({"signal": "nibp_sys", "value": 60, "at": 5, "quality": 0.9}, t=20)
        self.assertEqual(story.told(NIBP), [("high", "")])

    def test_0_2_a_copy_in_mode_test_uses_nothing_up(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 60, "at": 5}, t=10, mode="test")
        story.send({"signal": "nibp_sys", "value": 60, "at": 5}, t=20)
        self.assertEqual(story.told(NIBP), [("high", "")])

    def test_a_correction_takes_the_place_of_the_first(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send({"signal": "nibp_sys", "value": 60, "at": 5}, t=10)
        story.send({"signal": "nibp_sys", "value": 160, "at": 5, "status": "corrected"}, t=20)
        self.assertEqual(story.closed(NIBP), ["retracted"])

    def test_seq_that_never_moves_freezes_nothing(self):
        story = Story()
        for t in range(1, 9):
            story.seq = {}
            story.send(("spo2", 97 if t < 3 else 70), t=t)
        self.assertEqual(story.told(SPO2), [("high", "")])


class Doubt(unittest.TestCase):
    """contract §0.4 to §0.6, §0.11g"""

    def test_0_4_an_ambiguous_comparator_does_not_refresh(self):
        story = Story()
        story.stream(1, 70, {"signal": "spo2", "value": 50, "comparator": ">="})
        self.assertEqual(story.alarm("link.silence")["priority"], "medium")
        self.assertEqual(story.last["monitored"], {"p-1": "not"})

    def test_0_4_a_comparator_with_one_answer_is_judged(self):
        story = Story(cls="cgm", signals=["glucose_cgm"])
        story.send({"signal": "glucose_cgm", "value": 39, "comparator": "<"}, t=1)
        self.assertEqual(story.told(CGM), [("high", "")])

    def test_a_bound_that_says_nothing_of_one_limit_lies_beyond_another_that_comes_to_judge(self):
        story = Story(floors=True, age="paediatric", signals=["pulse_rate"])
        story.send({"signal": "pulse_rate", "value": 135, "comparator": ">="}, t=2)
        story.do("patch_patient", patient="p-1", age_class="adult")
        self.assertEqual(story.told("vitals_live.pulse_rate_high"), [("medium", "")])

    def test_0_5_limits_of_one_signal_touch_no_other(self):
        story = Story(signals=["spo2", "heart_rate"])
        story.stream(1, 10, ("spo2", 78), ("heart_rate", 70))
        story.do("limits", patient="p-1", limits=[{"signal": "heart_rate", "side": "high", "critical": False, "value": 120, "unit": "/min"}], reason="x")
        self.assertEqual(story.alarm(SPO2)["condition"], "present")

    def test_0_5_a_reload_ends_nothing_that_only_doubt_keeps_open(self):
        story = low_spo2()
        story.wait(30)
        story.step(reload=[['low = ["88 %"]', 'low = ["87 %"]']])
        self.assertEqual(story.alarm(SPO2)["condition"], "unknown")

    def test_0_5_a_patch_ends_nothing_that_only_doubt_keeps_open(self):
        story = low_spo2()
        story.wait(30)
        story.do("patch_patient", patient="p-1", pregnant=True)
        self.assertEqual(story.alarm(SPO2)["condition"], "unknown")

    def test_0_6_newest_first_is_told_like_oldest_first(self):
        for order in (1, -1):
            story = Story(cls="wearable")
            story.t = 7200
            for n in list(range(11))[::order]:
                story.t += 0.1
                story.send(("spo2", 70), made=3000 + n * 60)
            self.assertEqual([l for _, l in story.told(SPO2)], ["late"])

    def test_a_critical_single_measurement_is_over_by_one_inside_and_a_second_of_any_kind(self):
        for first, over in ((70, True), (85, False)):
            story = Story(cls="spot")
            story.do("register", device="d-2", **{"class": "bedside"}, kind="device", via=[], signals=[{"signal": "spo2"}])
            story.do("bind", device="d-2", patient="p-1", zero_means_no_sensor=[])
            story.send(("spo2", first), t=10)
            story.send(("spo2", 96), t=12, device="d-2")
            story.send(("spo2", 97), t=15)
            self.assertEqual(story.alarm(SPO2, "d-1")["condition"], "present")
            story.send(("spo2", 96), t=16, device="d-2")
            self.assertEqual(story.alarm(SPO2, "d-1")["condition"], "absent" if over else "present")

    def test_limits_put_for_later_judge_what_is_known_when_their_time_comes(self):
        story = Story()
        limit = {"signal": "spo2", "side": "low", "critical": False, "value": 92, "unit": "%"}
        story.do("limits", patient="p-1", limits=[limit], **{"from": 60})
        story.stream(1, 74, ("spo2", 91))
        self.assertIsNone(story.alarm(SPO2))
        story.stream(75, 76, ("spo2", 91))
        self.assertIsNotNone(story.alarm(SPO2))

    def test_a_monitor_unplugged_in_an_arrest_has_no_more_to_announce(self):
        for seconds in (10, 19, 25, 60):
            story = Story(floors=True, signals=["heart_rate", "respiratory_rate", "spo2"])
            story.stream(1, seconds, ("heart_rate", 0), ("respiratory_rate", 0), ("spo2", 70))
            story.wait(600)
            told = [a[1] for answer in story.log for a in answer["announced"] if a[1].startswith("vitals_live")]
            self.assertEqual(told, ["vitals_live.asystole_low"], seconds)

    def test_one_fall_of_a_series_is_announced_by_its_gravest_rule(self):
        story = Story(floors=True)
        off = {"signal": "spo2", "side": "low", "critical": True, "value": None, "unit": "%"}
        story.do("limits", patient="p-1", limits=[off], reason="as usual")
        story.stream(1, 30, ("spo2", 65))
        self.assertEqual((story.told("vitals_live.spo2_floor_low"), story.told(SPO2)), ([("high", "")], []))
        story.stream(31, 95, ("spo2", 80))
        self.assertEqual(story.told(SPO2), [("medium", "")])

    def test_0_11e_a_statistic_is_no_value_of_now(self):
        over = lambda signal, value, unit, begin, end: {
            "signal": signal, "value": value, "unit": unit, "from": begin, "to": end}
        story = Story()
        story.send(("heart_rate", 70), t=1)
        story.wait(600)
        story.send(over("heart_rate", 20, "/min", 0, 600), t=600)
        self.assertIsNone(story.alarm(HR))
        self.assertIsNotNone(story.alarm("link.silence"))
        # As short as what is live: the mean of the last seconds.
        story.send(over("heart_rate", 20, "/min", 595, 605), t=605)
        story.send(over("heart_rate", 20, "/min", 605, 615), t=615)
        self.assertIsNotNone(story.alarm(HR))
        # What a daily device sends of its day is judged.
        story = Story(cls="cied", signals=["mean_heart_rate_24h"])
        story.send(over("mean_heart_rate_24h", 120, "/min", 0, 86400), t=86400)
        self.assertIsNotNone(story.alarm("cied.mean_heart_rate_high"))

    def test_low_quality_ends_no_silence(self):
        story = Story()
        story.send(("spo2", 97), t=1)
        story.wait(18)
        story.send({"signal": "spo2", "value": 97, "quality": 0.1}, t=19)
        self.assertEqual(story.closed("link.silence"), [])

    def test_two_corrections_in_one_message_clear_nothing(self):
        for values in ((60, 130), (130, 60)):
            story = Story(cls="spot", signals=["nibp_sys"])
            story.send({"signal": "nibp_sys", "value": 62, "at": 5}, t=10)
            story.send(*[{"signal": "nibp_sys", "value": v, "at": 5, "status": "corrected"} for v in values], t=50)
            self.assertEqual(story.alarm(NIBP)["condition"], "present", values)

    def test_low_quality_is_silence_later(self):
        story = Story()
        story.send(("spo2", 97), t=1)
        story.stream(2, 20, {"signal": "spo2", "value": 97, "quality": 0.1})
        self.assertIsNone(story.alarm("link.silence"))
        story.stream(21, 35, {"signal": "spo2", "value": 97, "quality": 0.1})
        self.assertEqual(story.told("link.silence"), [("low", "")])

    def test_0_11g_a_fraction_of_oxygen(self):
        story = Story()
        story.stream(1, 20, ("spo2", 0.97))
        self.assertIsNone(story.alarm(SPO2))
        story = Story()
        story.stream(1, 20, ("spo2", 0.6))
        self.assertEqual(story.told(SPO2), [("high", "")])

    def test_implausible_is_told_at_once(self):
        story = Story()
        story.send(("spo2", 97), t=1)
        story.send(("spo2", 120), t=2)
        self.assertEqual(story.told("link.implausible"), [("high", "")])

    def test_low_glucose_in_another_unit(self):
        story = Story(cls="cgm", signals=["glucose_cgm"])
        story.send({"signal": "glucose_cgm", "value": 3.1, "unit": "mmol/L"}, t=1)
        self.assertEqual(story.told(CGM), [("high", "")])

    def test_0_22_glucose_above_180_is_shown_only(self):
        story = Story(cls="cgm", signals=["glucose_cgm"])
        story.send(("glucose_cgm", 200), t=1)
        self.assertEqual((story.alarm("cgm.glucose_high")["priority"], story.told("cgm.glucose_high")), ("info", []))


class Links(unittest.TestCase):
    """contract §0.10, §0.15, §0.16, §4"""

    def test_silence_climbs_and_is_told_once(self):
        story = Story(continuous=True)
        story.send(("spo2", 97), t=1)
        story.wait(400)
        self.assertEqual(story.alarm("link.silence")["priority"], "high")
        self.assertEqual(story.told("link.silence"), [("high", ""), ("low", "")])

    def test_a_device_never_heard_from_counts_from_its_binding(self):
        story = Story()
        story.wait(15)
        self.assertEqual(story.told("link.silence"), [("low", "")])

    def test_an_edit_of_the_registration_ends_no_silence(self):
        story = Story()
        story.wait(1_000_000)
        story.do("register", device="d-1", **{"class": "bedside"}, kind="device", via=["r-1"], signals=[{"signal": "spo2"}])
        self.assertEqual((story.alarm("link.silence")["priority"], story.closed("link.silence")), ("medium", []))

    def test_info_in_mode_test_or_of_an_earlier_boot_changes_nothing(self):
        story = Story(signals=[])
        info = lambda signals, **body: story.step(message={
            "principal": "d-1", "device": "d-1", "kind": "info", "qos": 1, "retain": False, "dup": False, "backlog": False,
            "body": {"signals": [{"signal": s, "interval_s": 1} for s in signals], **body}})
        info(["spo2"], seq=1, boot=5)
        info(["heart_rate"], seq=2, boot=5, mode="test")
        info(["heart_rate"], seq=1, boot=4)
        info([], seq=3, boot=5)
        self.assertEqual(list(story.world.devices["d-1"].expected), [])
        story.seq = {}
        info(["spo2"], seq=4, boot=5)
        self.assertEqual(list(story.world.devices["d-1"].expected), ["spo2"])

    def test_test_mode(self):
        story = Story()
        story.send(("spo2", 97), t=1, mode="demo")
        self.assertEqual(story.told("link.test_mode"), [("medium", "")])
        story.send(("spo2", 97), t=2)
        self.assertIsNone(story.alarm("link.test_mode"))

    def test_0_15_zero_or_off_is_the_only_word_of_its_sensor(self):
        story = Story(bind=False)
        story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=["spo2"])
        story.send(("spo2", 97), t=1)
        story.stream(2, 30, ("spo2", 0))
        self.assertEqual(story.told("link.zero_or_off"), [("high", "")])
        self.assertEqual(story.told("link.silence"), [])

    def test_0_16_the_same_device_bound_again_goes_on(self):
        story = low_spo2()
        story.do("unbind", device="d-1")
        story.t = 11
        story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=[])
        self.assertEqual((story.alarm(SPO2)["condition"], story.closed(SPO2)), ("unknown", []))
        story.send(("spo2", 78), t=12)
        self.assertEqual(story.alarm(SPO2)["condition"], "present")

    def test_0_16_a_straggler_closes_nothing_and_leaves_nothing(self):
        story = low_spo2()
        story.do("unbind", device="d-1")
        story.send({"signal": "spo2", "value": 97, "at": 9.5}, t=11)
        self.assertEqual((story.alarm(SPO2)["condition"], story.closed(SPO2)), ("unknown", []))
        story.wait(60)
        self.assertIsNone(story.alarm("link.lost_while_pending"))

    def test_0_16_what_nobody_can_end_can_be_reset(self):
        story = Story()
        story.send(("spo2", 86), t=1)
        story.wait(12)
        where = dict(rule="link.lost_while_pending", source="d-1/spo2")
        self.assertEqual(story.act("reset", **where), "conflict")
        self.assertEqual(story.act("reset", reason="probe off", **where), "done")

    def test_0_10_a_deadline_is_put_off_once(self):
        for length in (1.3, 4):
            story = Story()
            story.send(("spo2", 97), t=1)
            for begin in range(15, 70, 8):
                story.t = begin + length
                story.step(gap={"from": begin})
                if story.t >= 15 + length + 10:
                    self.assertTrue(story.told("link.silence"), (length, story.t))

    def test_0_10_a_deadline_in_a_gap_waits_ten_seconds(self):
        story = Story()
        story.send(("spo2", 97), t=1)
        story.t = 20
        story.step(gap={"from": 10})
        self.assertEqual(story.told("link.silence"), [])
        self.assertEqual(story.told("gateway.deaf"), [("medium", "")])
        story.wait(29.9)
        self.assertEqual(story.told("link.silence"), [])
        story.wait(30)
        self.assertEqual(story.told("link.silence"), [("low", "")])
        story.wait(76)
        self.assertEqual(story.alarm("gateway.deaf", patient=None)["condition"], "momentary")

    def test_within_five_seconds_of_a_change_it_is_nobodys(self):
        story = Story()
        story.stream(1, 20, ("spo2", 97))
        story.do("admit", patient="p-2", age_class="adult")
        story.do("unbind", device="d-1")
        story.do("bind", device="d-1", patient="p-2", zero_means_no_sensor=[])
        story.send(("spo2", 60), t=22)
        self.assertIsNotNone(story.alarm("link.unattributed", patient="p-2"))
        story.stream(26, 34, ("spo2", 60))
        self.assertIsNotNone(story.alarm(SPO2, patient="p-2"))
        self.assertIsNone(story.alarm(SPO2, patient="p-1"))

    def test_a_signal_that_stops_while_its_device_goes_on(self):
        story = Story(floors=True, signals=["spo2", "respiratory_rate"])
        story.stream(1, 5, ("spo2", 97), ("respiratory_rate", 16))
        story.stream(6, 30, ("spo2", 97))
        self.assertEqual(story.told("vitals_live.apnoea_lost"), [("high", "")])
        story.send(("spo2", 97), ("respiratory_rate", 16), t=31)
        self.assertEqual(story.alarm("vitals_live.apnoea_lost")["state"], "latched")

    def test_0_11d_what_may_not_be_published(self):
        story = Story()
        story.send(("spo2", 60), t=1, principal="thief")
        self.assertEqual(story.alarm("link.refused", patient=None)["source"], "thief")
        self.assertIsNone(story.alarm(SPO2))

    def test_silence_of_a_sensor_with_low_glucose_is_high(self):
        story = Story(cls="cgm", signals=["glucose_cgm"])
        story.send(("glucose_cgm", 75), t=1)
        story.wait(1202)
        self.assertEqual(story.told("link.silence"), [("high", "")])


class Late(unittest.TestCase):
    """contract §0.12, §3"""

    def test_late_is_one_step_lower(self):
        story = Story(cls="kiosk", signals=["nibp_sys"])
        story.t = 180_000
        story.send({"signal": "nibp_sys", "value": 70, "at": 130_000})
        self.assertEqual(story.told(NIBP), [("medium", "late")])

    def test_historical_is_told_to_nobody(self):
        story = Story(cls="kiosk", signals=["nibp_sys"])
        story.t = 500_000
        story.send({"signal": "nibp_sys", "value": 70, "at": 500_000 - 100_000})
        self.assertIsNone(story.alarm(NIBP))

    def test_0_12_late_into_latched_is_a_recurrence(self):
        story = low_spo2()
        story.stream(11, 75, ("spo2", 97))
        story.t = 10_000
        story.send(("spo2", 97))
        story.send(*[{"signal": "spo2", "value": 86, "at": 300 + n} for n in range(20)], t=10_001)
        self.assertEqual(story.told(SPO2), [("high", ""), ("high", "late")])
        self.assertEqual((story.alarm(SPO2)["state"], story.alarm(SPO2)["late"]), ("alarming", True))

    def test_0_12_one_late_excursion_is_told_once(self):
        story = Story()
        story.t = 10_000
        story.send(("spo2", 97))
        for part in range(3):
            story.send(*[{"signal": "spo2", "value": 70 + 5 * part, "at": 300 + part * 10 + n} for n in range(10)], t=10_001 + part)
        self.assertEqual(len(story.told(SPO2)), 1)

    def test_what_a_gap_lost_is_of_no_alarm_that_comes_after_it(self):
        story = Story()
        story.send(("spo2", 87), t=10)
        story.stream(100, 106, ("spo2", 70))
        story.stream(107, 170, ("spo2", 97))
        story.send(*[{"signal": "spo2", "value": 86, "at": at} for at in (1, 25)], t=200)
        self.assertEqual(story.told(SPO2), [("high", ""), ("high", "late")])

    def test_0_12_late_on_present_is_a_note(self):
        story = low_spo2()
        story.send(*[{"signal": "spo2", "value": 70, "at": -200 + n} for n in range(20)], t=11)
        self.assertEqual(len(story.told(SPO2)), 1)

    def test_late_ends_nothing(self):
        story = low_spo2()
        story.send(*[{"signal": "spo2", "value": 97, "at": n / 2} for n in range(20)], t=11)
        self.assertEqual(story.alarm(SPO2)["condition"], "present")

    def test_what_was_told_in_error_did_not_stand_over_what_lay_inside(self):
        high = "vitals_live.temperature_high"
        story = Story(cls="wearable", signals=["temperature"])
        story.t = 3000
        story.send(("temperature", 39.0))
        story.send({"signal": "temperature", "value": 39.0, "at": 2940}, t=3001)
        story.send({"signal": "temperature", "value": 37.0, "at": 2970}, t=3002)
        story.send({"signal": "temperature", "value": 39.0, "at": 3000, "status": "entered-in-error"}, t=3030)
        story.send(("temperature", 37.0), t=3040)
        story.send({"signal": "temperature", "value": 39.0, "at": 3010}, t=3050)
        self.assertEqual(story.told(high), [("medium", ""), ("low", "late")])

    def test_a_retained_reading_without_a_time_clears_nothing(self):
        story = low_spo2()
        story.send({"signal": "spo2", "value": 97, "untimed": True}, t=11, flags={"retain": True})
        self.assertEqual(story.alarm(SPO2)["condition"], "present")


class Spot(unittest.TestCase):
    """contract §7, §0.11c, §0.14"""

    def test_a_repeat_is_asked_for(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send(("nibp_sys", 85), t=1)
        self.assertEqual(story.told(f"{NIBP}_repeat_due"), [("low", "")])
        story.wait(301)
        self.assertEqual((story.told(NIBP), story.closed(f"{NIBP}_repeat_due")), ([("medium", "")], ["ended"]))

    def test_two_inside_end_it(self):
        story = Story(cls="spot", signals=["nibp_sys"])
        story.send(("nibp_sys", 70), t=1)
        story.send(("nibp_sys", 120), t=100)
        self.assertEqual(story.alarm(NIBP)["condition"], "present")
        story.send(("nibp_sys", 120), t=110)
        self.assertEqual(story.alarm(NIBP)["condition"], "present")
        story.send(("nibp_sys", 120), t=140)
        self.assertEqual(story.alarm(NIBP)["state"], "latched")

    def test_what_another_device_showed_to_be_over_is_told_though_the_next_excursion_was_an_error(self):
        story = Story(cls="spot")
        story.do("register", device="d-2", **{"class": "spot"}, kind="device", via=[], signals=[])
        story.do("bind", device="d-2", patient="p-1", zero_means_no_sensor=[])
        story.send(("spo2", 70), t=10)
        story.send(("spo2", 97), t=15)
        story.send(("spo2", 97), t=16, device="d-2")
        self.assertEqual(story.alarm(SPO2)["state"], "latched")
        story.send(("spo2", 70), t=100)
        story.send({"signal": "spo2", "value": 70, "at": 100, "status": "entered-in-error"}, t=101)
        story.send({"signal": "spo2", "value": 70, "at": 12}, t=200)
        self.assertEqual((story.told(SPO2), story.closed(SPO2)), ([("high", ""), ("high", "")], ["retracted"]))

    def test_0_13_an_acknowledgement_holds_until_the_next_reading(self):
        story = Story(cls="charted", signals=["heart_rate"])
        story.send(("heart_rate", 20), t=1)
        story.act("acknowledge", HR)
        story.wait(7000)
        self.assertEqual((story.alarm(HR)["state"], len(story.told(HR))), ("acknowledged", 1))
        story.send(("heart_rate", 20), t=7200)
        self.assertEqual((story.alarm(HR)["state"], len(story.told(HR))), ("alarming", 2))

    def test_a_charted_value_is_told_again_when_another_look_is_due(self):
        for value, hours in ((35, 4), (20, 1)):
            story = Story(cls="charted", signals=["heart_rate"])
            story.send(("heart_rate", value), t=1)
            story.act("acknowledge", HR)
            for hour in range(1, hours + 1):
                self.assertEqual(len(story.told(HR)), 1, (value, hour))
                story.send(("heart_rate", value), t=3600 * hour + 60)
            self.assertEqual(len(story.told(HR)), 2, value)


class Events(unittest.TestCase):
    """contract §0.2, §0.17, §5"""

    def test_a_single_event_stays_until_a_person_acts(self):
        story = Story(cls="cied", signals=[])
        story.event("vf_detected", t=1, id="ep-1")
        self.assertEqual(story.alarm("cied.vf")["condition"], "momentary")
        story.wait(200_000)
        self.assertIsNotNone(story.alarm("cied.vf"))
        self.assertEqual(story.act("reset", "cied.vf"), "done")

    def test_low_and_info_ones_expire(self):
        story = Story(cls="cied", signals=[])
        story.event("af_detected", t=1, id="ep-1")
        story.wait(86_401)
        self.assertEqual(story.closed("cied.atrial"), ["expired"])

    def test_the_same_event_is_told_once_and_a_new_one_is_news(self):
        story = Story(cls="cied", signals=[])
        for t in (1, 2, 3):
            story.event("vf_detected", t=t, id="ep-1", at=1)
        self.assertEqual(len(story.told("cied.vf")), 1)
        story.act("acknowledge", "cied.vf")
        story.event("vf_detected", t=5, id="ep-2")
        self.assertEqual((story.alarm("cied.vf")["state"], len(story.told("cied.vf"))), ("alarming", 2))

    def test_an_id_used_again_is_of_another_event(self):
        for boot in (1, 2):
            story = Story(cls="cied", signals=[])
            story.event("vf_detected", t=1, id="1", phase="start", body={"boot": 1})
            story.event("vf_detected", t=2, id="1", phase="end", body={"boot": 1})
            story.event("vf_detected", t=600, at=1, id="1", phase="start", body={"boot": boot})
            self.assertEqual(len(story.told("cied.vf")), 1)
            story.event("vf_detected", t=601, id="1", phase="start", body={"boot": boot})
            self.assertEqual((len(story.told("cied.vf")), story.alarm("cied.vf")["condition"]), (2, "present"))
            story.event("vf_detected", t=602, at=1, id="1", phase="start", body={"boot": boot})
            story.event("vf_detected", t=603, id="1", phase="end", body={"boot": boot})
            self.assertEqual((len(story.told("cied.vf")), story.alarm("cied.vf")["condition"]), (2, "absent"))

    def test_start_and_end(self):
        story = Story(cls="cied", signals=[])
        story.event("vt_detected", t=1, id="ep-1", phase="start")
        self.assertEqual(story.alarm("cied.vt")["condition"], "present")
        story.event("vt_detected", t=20, id="ep-1", phase="end")
        self.assertEqual(story.alarm("cied.vt")["state"], "latched")

    def test_0_2_an_end_that_came_late_is_heard_again(self):
        story = Story(cls="bedside", signals=[])
        story.event("vt_detected", t=1, id="ep-1", phase="start")
        story.event("vt_detected", t=200, at=30, id="ep-1", phase="end")
        self.assertEqual(story.alarm("cied.vt")["condition"], "present")
        story.event("vt_detected", t=210, id="ep-1", phase="end")
        self.assertEqual(story.alarm("cied.vt")["state"], "latched")

    def test_0_2_heard_while_unbound(self):
        story = Story(cls="cied", signals=[], bind=False)
        story.event("vf_detected", t=100, id="ep-1")
        story.t = 200
        story.do("bind", device="d-1", patient="p-1", **{"from": 50}, zero_means_no_sensor=[])
        self.assertEqual(story.told("cied.vf"), [])
        story.event("vf_detected", t=210, at=100, id="ep-1")
        self.assertEqual(len(story.told("cied.vf")), 1)

    def test_0_2_heard_under_a_wrong_binding(self):
        story = Story(cls="cied", signals=[])
        story.do("admit", patient="p-2", age_class="adult")
        story.event("vf_detected", t=100, id="ep-1")
        story.do("correct_binding", device="d-1", **{"from": 0}, patient="p-2", reason="wrong bed")
        self.assertEqual(story.closed("cied.vf"), ["retracted"])
        self.assertIsNotNone(story.alarm("cied.vf", patient="p-2"))

    def test_0_17_a_stream_of_events_can_be_acknowledged(self):
        story = Story(cls="cied", signals=[])
        for n in range(25):
            story.event("vf_detected", t=1 + n / 50, id=f"ep-{n}")
        self.assertEqual(story.act("acknowledge", "cied.vf", seen="first"), "done")
        self.assertEqual(len(story.told("cied.vf")), 1)

    def test_always_notified_however_old(self):
        story = Story(cls="cied", signals=[])
        story.t = 1_000_000
        story.event("vf_detected", at=1_000_000 - 500_000, id="ep-1")
        story.event("pacing_failure", at=1_000_000 - 500_000, id="ep-2")
        self.assertEqual((story.told("cied.vf"), story.told("cied.pacing_failure")), ([("medium", "late")], []))


class Answered(unittest.TestCase):
    """contract §0.13: answering makes no noise."""

    def test_who_acknowledges_at_once_is_told_again_every_two_hours(self):
        story, told = Story(cls="cgm", signals=["glucose_cgm"]), []
        for n in range(288):
            beyond = 40 <= n < 80 or 120 <= n < 130
            story.send(("glucose_cgm", 62 if beyond else 110), t=300 * n)
            if any(a[1] == CGM for a in story.last["announced"]):
                told.append(n)
                story.act("acknowledge", CGM)
        self.assertEqual(told, [40, 64, 120])

    def glucose(self, values):
        """When a low one is told to who acknowledges at once, and the values at that time."""
        story, told = Story(cls="cgm", signals=["glucose_cgm"]), []
        for n, value in enumerate(values):
            story.send(("glucose_cgm", value), t=300 * n)
            if any(a[1] == CGM for a in story.last["announced"]):
                told.append((n, value))
                story.act("acknowledge", CGM)
        return told

    def test_an_urgent_low_is_told_again_after_half_an_hour(self):
        self.assertEqual(self.glucose([50] * 20), [(0, 50), (6, 50), (12, 50), (18, 50)])

    def test_a_low_that_was_urgent_is_told_as_often_as_any_low(self):
        self.assertEqual(self.glucose([50] + [62] * 30), [(0, 50), (24, 62)])

    def test_a_low_that_becomes_urgent_once_more_is_told_where_half_an_hour_is_over(self):
        self.assertEqual(self.glucose([50] + [62] * 9 + [50] * 3), [(0, 50), (10, 50)])

    def test_what_was_beyond_and_is_no_more_is_not_told_again(self):
        self.assertEqual(self.glucose([62] * 20 + [72] * 10 + [62]), [(0, 62), (30, 62)])

    def test_an_acknowledgement_without_news_since_holds(self):
        story = Story(cls="charted", signals=["heart_rate"])
        story.send(("heart_rate", 35), t=1)
        story.act("acknowledge", HR)
        story.wait(90_000)
        self.assertEqual((story.alarm(HR)["state"], len(story.told(HR))), ("acknowledged", 1))


class Commands(unittest.TestCase):
    """contract §0.16 to §0.20"""

    def limit(self, value, signal="spo2", side="low", critical=False, unit="%"):
        return {"signal": signal, "side": side, "critical": critical, "value": value, "unit": unit}

    def test_0_18_a_code_is_its_signal(self):
        story = Story()
        self.assertEqual(story.do("limits", patient="p-1", limits=[self.limit(94, "mdc:150456")], reason="x"), "done")
        story.stream(1, 17, ("spo2", 92))
        self.assertEqual(story.told(SPO2), [("medium", "")])

    def test_0_18_refusals(self):
        story = Story()
        for limits in (
            [self.limit(40, "weight", unit="kg")],
            [self.limit(90), self.limit(91)],
            [self.limit(90, "nibp_sys", "low", unit="mm[Hg]"), self.limit(10, "nibp_sys", "high", unit="mm[Hg]")],
            [self.limit(120, "heart_rate", "high", unit="/min"), self.limit(150, "heart_rate", "low", True, unit="/min")],
            [self.limit(None, "mdc:160212", "low", True, unit="mg/dL")],
            [self.limit(20, "glucose_cgm", "low", True, unit="mg/dL")],
        ):
            self.assertEqual(story.do("limits", patient="p-1", limits=limits, reason="x"), "invalid", limits)

    def test_0_18_a_refused_signal_costs_only_itself(self):
        story = Story()
        wrong = [self.limit(90, "nibp_sys", "low", unit="mm[Hg]"), self.limit(10, "nibp_sys", "high", unit="mm[Hg]")]
        self.assertEqual(story.do("limits", patient="p-1", limits=[self.limit(94), *wrong], reason="x"), "done")

    def test_0_18_limits_end_with_the_stay(self):
        story = Story()
        story.do("limits", patient="p-1", limits=[self.limit(None)], reason="x")
        story.do("discharge", patient="p-1")
        story.do("admit", patient="p-1", age_class="adult")
        story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=[])
        story.stream(11, 27, ("spo2", 86))
        self.assertEqual(story.told(SPO2), [("medium", "")])

    def ending(self, story, value, until, **about):
        return {**self.limit(value, **about), "until": story.clock(until)}

    def test_a_limit_that_ends_leaves_the_rest_to_the_rules(self):
        story = Story()
        self.assertEqual(story.do("limits", patient="p-1", limits=[self.ending(story, 94, 60)], reason="x"), "done")
        story.stream(1, 70, ("spo2", 92))
        self.assertEqual((story.alarm(SPO2)["state"], story.told(SPO2)), ("latched", [("medium", "")]))
        # What holds now is wider.
        self.assertEqual((story.alarm("limit.expired", "spo2.low")["condition"], story.told("limit.expired")), ("momentary", [("low", "")]))
        story.stream(71, 90, ("spo2", 92))
        self.assertEqual(story.alarm(SPO2)["state"], "latched")
        story.wait(200_000)
        self.assertEqual(story.do("limits", patient="p-1", limits=[self.limit(90)], reason="x"), "done")
        self.assertIsNone(story.alarm("limit.expired", "spo2.low"))

    def test_of_a_limit_that_ends_to_a_stricter_one_nothing_is_said(self):
        story = Story()
        story.do("limits", patient="p-1", limits=[self.ending(story, 85, 60)], reason="x")
        story.stream(1, 59, ("spo2", 86))
        self.assertIsNone(story.alarm(SPO2))
        story.stream(60, 80, ("spo2", 86))
        self.assertEqual((story.alarm(SPO2)["state"], story.told("limit.expired")), ("alarming", []))

    def test_a_limit_that_ends_is_told_a_day_before(self):
        story, day = Story(), 86_400
        put = lambda until: story.do("limits", patient="p-1", limits=[self.ending(story, 94, until)], reason="x")
        self.assertEqual((put(0), put(3 * day)), ("invalid", "done"))
        story.wait(2 * day - 1)
        self.assertIsNone(story.alarm("limit.expiring", "spo2.low"))
        story.wait(2 * day)
        self.assertEqual(story.told("limit.expiring"), [("low", "")])
        self.assertEqual((put(3 * day), put(4 * day)), ("already_so", "done"))
        self.assertIn(["p-1", "limit.expiring", "spo2.low", "limit_changed"], story.last["closed"])
        story.wait(3 * day)
        self.assertEqual(story.told("limit.expiring"), [("low", "")] * 2)
        story.wait(4 * day)
        self.assertIn(["p-1", "limit.expiring", "spo2.low", "ended"], story.last["closed"])

    def test_0_20_what_changes_nothing_says_so(self):
        story = Story()
        self.assertEqual(story.do("patch_patient", patient="p-1", continuous=False), "already_so")
        bind = lambda zero: story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=zero)
        self.assertEqual((bind([]), bind(["spo2"]), bind(["mdc:150456"])), ("already_so", "done", "already_so"))

    def test_a_device_has_one_patient(self):
        story = Story()
        story.do("admit", patient="p-2", age_class="adult")
        self.assertEqual(story.do("bind", device="d-1", patient="p-2", zero_means_no_sensor=[]), "conflict")

    def test_0_17_an_acknowledgement_of_what_was_not_seen(self):
        story = Story()
        story.stream(1, 17, ("spo2", 86))
        story.stream(18, 24, ("spo2", 70))
        self.assertEqual(story.act("acknowledge", SPO2, seen="first"), "conflict")
        self.assertEqual(story.act("acknowledge", SPO2), "done")

    def test_0_19_a_bed_moves_with_its_patient(self):
        story = Story()
        story.do("add_ward", ward="w-1")
        story.do("add_ward", ward="w-2")
        story.do("add_bed", bed="b-1", ward="w-1")
        story.do("transfer", patient="p-1", bed="b-1")
        story.do("add_bed", bed="b-1", ward="w-2")
        self.assertEqual(story.world.patients["p-1"].ward, "w-2")


class Floors(unittest.TestCase):
    """contract §0.22a, §0.22b"""

    def test_the_lethal_floor_holds_for_every_age(self):
        for age in ("paediatric", "neonatal", "unknown"):
            story = Story(floors=True, age=age, signals=["spo2", "heart_rate"])
            story.stream(1, 10, ("spo2", 60), ("heart_rate", 0))
            told = [a[1] for answer in story.log for a in answer["announced"] if a[3] == "high"]
            self.assertIn("vitals_live.asystole_low", told)

    def test_no_breath(self):
        for age, seconds in (("neonatal", 15), ("paediatric", 20)):
            story = Story(floors=True, age=age, signals=["respiratory_rate"])
            story.stream(1, seconds, ("respiratory_rate", 0))
            name = "vitals_live.apnoea_neonate_low" if age == "neonatal" else "vitals_live.apnoea_low"
            self.assertEqual(story.told(name), [])
            story.wait(seconds + 1)
            self.assertEqual(story.told(name), [("high", "")])

    def test_what_follows_from_an_arrest_is_folded_into_it(self):
        story = Story(floors=True, signals=["spo2", "heart_rate", "respiratory_rate"])
        story.stream(1, 60, ("spo2", 50), ("heart_rate", 0), ("respiratory_rate", 0))
        told = [a[1] for answer in story.log for a in answer["announced"]]
        self.assertEqual(told, ["vitals_live.asystole_low"])

    def told_of(self, story):
        return [(a[1], a[3]) for answer in story.log for a in answer["announced"]]

    def arrest(self, begin=31, heart=0):
        """Everything of an arrest from `begin` on, after half a minute that was well."""
        signals = ["heart_rate", "respiratory_rate", "spo2", "etco2", "abp_sys"]
        story = Story(floors=True, signals=signals)
        story.stream(1, 30, *zip(signals, (70, 14, 97, 35, 120)))
        return story, lambda t: zip(signals, (heart, 0, max(97 - (t - begin), 40), 5, 40))

    def test_a_whole_arrest_is_one_announcement(self):
        story, values = self.arrest()
        for t in range(31, 151):
            story.send(*values(t), t=t)
        self.assertEqual(self.told_of(story), [("vitals_live.asystole_low", "high")])
        self.assertEqual(sorted(a["rule"].split(".")[1] for a in story.last["alarms"]), [
            "abp_sys_low", "apnoea_low", "asystole_low", "bradycardia_low", "etco2_low", "heart_rate_low", "respiratory_rate_low",
            "spo2_low"])

    def test_what_follows_from_vf_is_folded_into_it_until_it_ends(self):
        story, values = self.arrest()
        story.event("vf_detected", t=30.5, id="e", phase="start")
        for t in range(31, 151):
            story.send(*values(t), t=t)
        self.assertEqual(self.told_of(story), [("cied.vf", "high")])
        story.event("vf_detected", t=150.5, id="e", phase="end")
        story.stream(151, 153, *values(151))
        self.assertEqual(self.told_of(story)[1:], [("vitals_live.asystole_low", "high")])

    def test_vf_without_an_end_explains_nothing_for_long(self):
        for phase, quiet in (("single", 0), ("start", 600)):
            story, values = self.arrest()
            story.event("vf_detected", t=30.5, id="e", phase=phase)
            story.stream(31, 700, *values(40), every=2)
            told = {a[1]: story.times[n] for n, answer in enumerate(story.log) for a in answer["announced"]}
            self.assertEqual(set(told), {"cied.vf", "vitals_live.asystole_low"}, phase)
            self.assertTrue(quiet <= told["vitals_live.asystole_low"] - 30.5 <= quiet + 8, told)

    def test_what_is_graver_than_vt_is_told(self):
        story = Story(floors=True, signals=["heart_rate"])
        story.event("vt_detected", t=1, id="e", phase="start")
        story.stream(2, 20, ("heart_rate", 140))
        self.assertEqual(self.told_of(story), [("cied.vt", "medium")])
        story.stream(21, 30, ("heart_rate", 180))
        self.assertEqual(self.told_of(story)[1:], [("vitals_live.heart_rate_high", "high")])

    def test_what_does_not_follow_from_an_arrest_is_told(self):
        story, values = self.arrest()
        story.do("register", device="d-2", **{"class": "bedside"}, kind="device", via=[], signals=[{"signal": "spo2"}])
        story.do("bind", device="d-2", patient="p-1", zero_means_no_sensor=["spo2"])
        for t in range(31, 46):
            story.send(*values(t), t=t)
            story.send(("spo2", 97 if t < 40 else 0), t=t, device="d-2")
        self.assertEqual(self.told_of(story), [("vitals_live.asystole_low", "high"), ("link.zero_or_off", "high")])

    def test_extreme_bradycardia_has_its_name_in_adults(self):
        story = Story(floors=True, signals=["heart_rate", "pulse_rate"])
        story.stream(1, 20, ("heart_rate", 25), ("pulse_rate", 25))
        self.assertEqual(self.told_of(story), [("vitals_live.bradycardia_low", "high")])
        story = Story(floors=True, age="neonatal", signals=["pulse_rate"])
        story.stream(1, 20, ("pulse_rate", 55))
        self.assertIn(("vitals_live.slow_pulse_neonate_low", "high"), self.told_of(story))

    def test_no_limit_put_below_the_floor_lifts_it(self):
        low = lambda critical, value: {"signal": "spo2", "side": "low", "critical": critical, "value": value, "unit": "%"}
        for limits, floor in (([], False), ([low(True, 75)], False), ([low(True, None)], True), ([low(True, 60)], True),
                              ([low(False, None), low(True, None)], True)):
            story = Story(floors=True)
            if limits:
                self.assertEqual(story.do("limits", patient="p-1", limits=limits, reason="COPD"), "done")
            story.stream(1, 10, ("spo2", 65))
            self.assertEqual(self.told_of(story), [("vitals_live.spo2_floor_low" if floor else SPO2, "high")], limits)

    def test_the_floor_stands_when_the_limit_beside_it_is_lifted(self):
        story = Story(floors=True)
        story.stream(1, 10, ("spo2", 65))
        limits = [{"signal": "spo2", "side": "low", "critical": c, "value": None, "unit": "%"} for c in (False, True)]
        story.do("limits", patient="p-1", limits=limits, reason="COPD")
        story.stream(11, 20, ("spo2", 65))
        self.assertEqual(self.told_of(story), [(SPO2, "high"), ("vitals_live.spo2_floor_low", "high")])
        story.do("patch_patient", patient="p-1", age_class="paediatric")
        self.assertEqual(story.alarm("vitals_live.spo2_floor_low")["condition"], "present")

    def test_the_floor_is_left_to_the_limits_of_whoever_becomes_an_adult(self):
        story = Story(floors=True, age="unknown")
        story.stream(1, 10, ("spo2", 65))
        self.assertIsNone(story.alarm(SPO2))
        story.do("patch_patient", patient="p-1", age_class="adult")
        self.assertEqual(story.closed("vitals_live.spo2_floor_low"), ["rule_changed"])
        self.assertEqual(story.alarm(SPO2)["priority"], "high")
        story.do("patch_patient", patient="p-1", age_class="unknown")
        self.assertEqual(story.alarm("vitals_live.spo2_floor_low")["priority"], "high")
        self.assertIsNone(story.alarm(SPO2))

    def test_a_heart_rate_that_stops_while_the_device_is_alive(self):
        story = Story(floors=True, age="unknown", signals=["spo2", "heart_rate"])
        story.stream(1, 5, ("spo2", 97), ("heart_rate", 70))
        story.stream(6, 25, ("spo2", 97))
        self.assertEqual(story.told("vitals_live.asystole_lost"), [("high", "")])

    def test_a_refused_age_class_is_said_and_not_monitored(self):
        story = Story(age="paediatric")
        story.stream(1, 20, ("spo2", 97))
        self.assertEqual(story.told("rules.age_class"), [("medium", "")])
        self.assertEqual(story.last["monitored"], {"p-1": "not"})


class Monitored(unittest.TestCase):
    """contract §6, §0.22a"""

    OFF = [{"signal": "spo2", "side": "low", "critical": critical, "value": None, "unit": "%"} for critical in (False, True)]

    def test_a_patient_with_only_a_scale_is_not_monitored(self):
        story = Story(cls="spot", signals=["weight"])
        story.send(("weight", 80), t=1)
        self.assertEqual(story.last["monitored"], {"p-1": "not"})

    def test_where_all_limits_of_the_only_signal_are_off_nobody_is_monitored(self):
        story = Story()
        story.stream(1, 3, ("spo2", 97))
        self.assertEqual(story.last["monitored"], {"p-1": "monitored"})
        self.assertEqual(story.do("limits", patient="p-1", limits=self.OFF, reason="comfort care"), "done")
        self.assertEqual(story.last["monitored"], {"p-1": "not"})

    def test_where_all_limits_of_one_signal_are_off_it_is_partly(self):
        story = Story(signals=["spo2", "heart_rate", "weight"])
        story.stream(1, 3, ("spo2", 97), ("heart_rate", 70), ("weight", 80))
        self.assertEqual(story.last["monitored"], {"p-1": "monitored"})
        story.do("limits", patient="p-1", limits=self.OFF, reason="comfort care")
        self.assertEqual(story.last["monitored"], {"p-1": "partly"})


class Comparing(unittest.TestCase):
    """The tools around the judge."""

    def driver(self, *options):
        driver = Driver([sys.executable, "-m", "model.judge", *options])
        self.addCleanup(driver.close)
        return driver

    def setUp(self):
        import os

        before = os.getcwd()
        os.chdir(TESTS)
        self.addCleanup(os.chdir, before)

    def test_a_judge_agrees_with_itself_through_a_process(self):
        lines, answers = generator.history(7, 60)
        self.assertIsNone(first_difference(lines, answers, self.driver().answers(lines)))

    def test_a_seed_gives_the_same_history(self):
        self.assertEqual(json.dumps(generator.history(11, 80)[0]), json.dumps(generator.history(11, 80)[0]))

    def test_judging_again_gives_the_same(self):
        lines, answers = generator.history(13, 80)
        self.assertEqual(answers, judged(lines))

    def test_a_restart_changes_nothing(self):
        lines, _ = generator.history(17, 80)
        restarted = [lines[0], *(l for line in lines[1:] for l in (line, {"t": line["t"], "restart": True}))]
        plain = [a["alarms"] for a in judged(lines)]
        self.assertEqual(plain, [a["alarms"] for a in judged(restarted)[::2]])

    def test_no_law_is_broken(self):
        for seed in (9, 88, 1077, 3134, 5047, 5148, *range(5)):
            self.assertEqual(laws.broken(seed, 100), [])

    def test_a_disagreement_is_shrunk(self):
        wanted = "open limit: only model"
        comparison = Comparison(self.driver("--no-floors"), "unused")
        for seed in range(40):
            lines, _ = generator.history(seed, 60)
            found = comparison.differ(lines)
            if found and wanted in found[1]:
                small = shrink(lines, lambda some: wanted in comparison.kinds_of(some), 400)
                self.assertLess(len(small), 12)
                return
        self.fail("nothing to shrink")

    def test_kinds_of_disagreement(self):
        alarm = {"patient": "p", "rule": SPO2, "source": "d", "state": "alarming", "condition": "present", "priority": "high", "priority_peak": "high", "response": "immediate",
                 "late": False}
        other = {**alarm, "source": "d/spo2", "condition": "unknown"}
        self.assertEqual(kinds.differences({}, {"alarms": [alarm]}, {"alarms": [other]}),
                         {"source limit", "condition limit: model present, driver unknown"})
        self.assertEqual(kinds.differences({}, {"alarms": [alarm]}, {"alarms": []}), {"open limit: only model"})

    def test_every_kind_of_step_occurs(self):
        found = set()
        for seed in range(40):
            maker = generator.Maker(seed, 150)
            maker.make()
            found |= set(maker.kinds)
        for kind in generator.Maker.READING | generator.Maker.REPEATED | {
            "late", "ahead", "queue_oldest", "queue_newest", "redelivered", "seq_reused", "boot_back", "clock_reset",
            "clock_stands", "event_start", "event_end", "event_single", "bind", "bind_again", "correct_binding", "discharge",
            "limits", "patch_patient", "alarm_acknowledge", "alarm_reset", "gap", "reload", "restart", "long_silence",
        }:
            self.assertIn(kind, found)


if __name__ == "__main__":
    unittest.main()
