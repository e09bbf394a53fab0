"""The checker of the series, on histories short enough to be judged by eye."""

import unittest

from model.series import Campaign, Truth

HR = "vitals_live.heart_rate_high"


def header(values, cls="bedside", signal="heart_rate", unit="/min", interval=1, wait=0.1):
    """The first line of a history: values one interval apart, each come after `wait`."""
    measured = [[n * interval, value, n * interval + wait, n * interval] for n, value in enumerate(values)]
    measured = [one for one in measured if one[1] is not None]
    return {"history": "one", "truth": {"patient": "p-1", "source": "d-1", "class": cls, "signal": signal, "unit": unit,
                                        "interval_s": interval, "measured": measured}}


def spans(*args, **about):
    return [(one.limit.level, one.values[0][0], one.values[-1][0]) for one in Truth(header(*args, **about)).excursions()]


class Excursions(unittest.TestCase):
    """What must be told, from the limits as `config/rules.toml` has them."""

    def test_as_long_as_the_delay_and_no_shorter(self):
        self.assertEqual(spans([80] * 5 + [140] * 11 + [80] * 5), [("warning", 5, 15)])
        self.assertEqual(spans([80] * 5 + [140] * 10 + [80] * 5), [])

    def test_the_limit_itself_is_inside_but_for_those_that_say_otherwise(self):
        self.assertEqual(spans([130] * 30), [])
        glucose = {"cls": "cgm", "signal": "glucose_cgm", "unit": "mg/dL", "interval": 300}
        self.assertEqual(spans([110, 55, 110], **glucose), [("warning", 300, 300), ("critical", 300, 300)])
        self.assertEqual(spans([110, 70, 110], **glucose), [])

    def test_a_hole_longer_than_the_gap_parts_and_a_shorter_one_does_not(self):
        self.assertEqual(spans([140] * 6 + [None] * 8 + [140] * 6), [("warning", 0, 19)])
        self.assertEqual(spans([140] * 6 + [None] * 11 + [140] * 6), [])

    def test_each_level_is_an_excursion_of_its_own(self):
        self.assertEqual(spans([140] * 6 + [170] * 6 + [140] * 6), [("warning", 0, 17), ("critical", 6, 11)])

    def test_single_measurements_count_at_once(self):
        cuff = {"cls": "spot", "signal": "nibp_sys", "unit": "mm[Hg]", "interval": 43_200}
        self.assertEqual(spans([130, 190, 130], **cuff), [("warning", 43_200, 43_200)])


class Answers:
    """A driver that answers as it is told; commands get an answer without news."""

    def __init__(self, answers):
        self.left, self.commands = list(answers), []

    def begin(self, _):
        return

    def answer(self, line):
        quiet = {"announced": [], "alarms": []}
        if "command" in line:
            self.commands.append(line["command"]["act"])
            return quiet
        return self.left.pop(0) or quiet


def verdicts(values, answers, acknowledges=False, **about):
    first = header(values, **about)
    arrivals = [value[2] for value in first["truth"]["measured"]]
    driver = Answers(answers + [None] * (len(arrivals) - len(answers) + 1))
    campaign = Campaign(driver, acknowledges, False)
    campaign.history([first, *[{"t": t} for t in arrivals], {"t": arrivals[-1] + 10}])
    return dict(campaign.verdicts), driver.commands


def tells(priority, rule=HR, late=""):
    return {"announced": [["p-1", rule, "d-1", priority, late]], "alarms": []}


def open_alarm(condition, peak="medium", rule=HR):
    return {"announced": [], "alarms": [{"rule": rule, "condition": condition, "priority_peak": peak}]}


class Verdicts(unittest.TestCase):
    """What the answers say of an excursion from second 0 to 10."""

    LONG = [140] * 11 + [80] * 3

    def test_told_and_untold(self):
        self.assertEqual(verdicts(self.LONG, [None] * 10 + [tells("medium")]), ({"told": 1}, []))
        self.assertEqual(verdicts(self.LONG, []), ({"untold": 1}, []))

    def test_another_rule_a_lower_priority_and_another_time_tell_nothing(self):
        for answer in (tells("medium", "vitals_live.heart_rate_low"), tells("low"), tells("low", late="late")):
            self.assertEqual(verdicts(self.LONG, [None] * 10 + [answer]), ({"untold": 1}, []))
        self.assertEqual(verdicts([80] * 5 + self.LONG, [tells("medium")]), ({"untold": 1}, []))

    def test_what_came_late_is_told_one_step_lower(self):
        self.assertEqual(verdicts(self.LONG, [tells("low", late="late")], wait=100), ({"told": 1}, []))

    def test_an_alarm_that_is_present_stands_for_it_and_one_that_is_over_does_not(self):
        self.assertEqual(verdicts(self.LONG, [open_alarm("present")]), ({"standing": 1}, []))
        self.assertEqual(verdicts(self.LONG, [open_alarm("absent")]), ({"untold": 1}, []))
        self.assertEqual(verdicts(self.LONG, [open_alarm("present", "low")]), ({"untold": 1}, []))

    def test_only_what_is_too_old_in_all_its_length_may_be_historical(self):
        self.assertEqual(verdicts(self.LONG, [], wait=86_500), ({"historical": 1}, []))
        charted = {"cls": "charted", "interval": 3600}
        self.assertEqual(verdicts([140, 140, 80], [], wait=85_000, **charted), ({"untold": 1}, []))

    def test_a_technical_alarm_that_says_so_is_counted_apart(self):
        self.assertEqual(verdicts(self.LONG, [open_alarm("present", rule="link.silence")]), ({"silent": 1}, []))
        self.assertEqual(verdicts(self.LONG, [open_alarm("present", rule="link.lost_while_pending")]), ({"lost": 1}, []))

    def test_the_person_acknowledges_each_alarm_once(self):
        self.assertEqual(verdicts(self.LONG, [None] * 10 + [tells("medium")], True), ({"told": 1}, ["acknowledge"]))
