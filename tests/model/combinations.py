"""Made histories of patients of whom several conditions are judged at once: monitors, charts and spot devices whose values cross the
figures, grow older than they count, and come back. `python3 -m model.compare --combinations …` runs them."""

from . import scores

ALL = 'within = "60s"\ndelay = "10s"\nclear_delay = "30s"'
ADVICE = 'advice = "Look at airway'
LAST = 'signal = "spo2"\nbelow = 90\nunit = "%"\n'
BREATH = '\n[[combination.condition]]\nsignal = "respiratory_rate"\nabove = 20\nunit = "/min"\n'
FEVER = '\n[[combination.condition]]\nsignal = "temperature"\nabove = 38.2\nunit = "Cel"\n'
WIDE = '\n[[combination.condition]]\nsignal = "spo2"\nbelow = 95\nunit = "%"\n'
RELOADS = [
    [ALL, 'within = "15m"\ndelay = "10s"\nclear_delay = "30s"'], [ALL, 'within = "60s"\ndelay = "0s"\nclear_delay = "30s"'],
    [ALL, 'within = "5m"\ndelay = "60s"\nclear_delay = "10m"'], [ALL, 'within = "12h"\ndelay = "10s"\nclear_delay = "2m"'],
    ['below = 50\n', 'below = 60\n'], ['below = 50\n', 'above = 110\n'], [ADVICE, f'wards = ["w-1"]\n{ADVICE}'], [ADVICE, f"at_least = 1\n{ADVICE}"],
    [LAST, LAST + BREATH], [LAST, LAST + BREATH + FEVER], [LAST, LAST + WIDE],
]
# Two of three, or of four.
SEVERAL = [[ADVICE, f"at_least = 2\n{ADVICE}"], [LAST, LAST + BREATH], [LAST, LAST + BREATH + FEVER], [LAST, LAST + WIDE + FEVER]]
# Inside, near the figures, and beyond them.
VALUES = {
    **scores.VALUES,
    "heart_rate": ([70, 51, 90, 50.5], [50, 51, 110, 90.5], [49, 49.9, 111], [42, 40, 30, 131]),
    "spo2": ([97, 96, 95.5, 98], [90, 91, 95, 90.4], [89, 89.9, 94], [85, 83, 70]),
}


class CombinationMaker(scores.ScoreMaker):
    """One to three patients."""

    pack, reloads, values_of, source = "vitals_live", RELOADS, VALUES, "combination"

    def __init__(self, seed, steps, aim=True, expiring=False):
        super().__init__(seed, steps, aim, expiring)
        if self.named and self.random.random() < 0.5:
            self.header["rules"] = self.several()
            self.replaced = True
            if self.world:
                self.world = type(self.world)(self.header)

    def several(self):
        return [SEVERAL[0], self.random.choice(SEVERAL[1:])]

    def judged(self):
        return self.world.combinations

    def reload(self, one):
        if self.named and self.random.random() < 0.4:
            self.replaced = True
            self.put("reload", {"reload": self.several()})
        else:
            super().reload(one)

    ACTIONS = {**scores.ScoreMaker.ACTIONS, "run": 20, "chart": 6, "rounds": 2, "word": 0, "scale": 0, "long": 0.7}


def history(seed, steps=200, aim=True, expiring=False):
    """The lines of one history, and the second judge's answers to it."""
    maker = CombinationMaker(seed, steps, aim, expiring)
    lines = maker.make()
    return lines, maker.answers[:steps]
