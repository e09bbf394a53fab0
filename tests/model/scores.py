"""Made histories of patients whose score is judged: a monitor, a chart and spot devices each, values that walk across the edges
of the table, inputs that grow too old. `python3 -m model.compare --scores …` runs them, `python3 -m model.scores --histogram`
says which kinds of steps they hold."""

import argparse
import json
from collections import Counter

from .generator import UNITS, Maker, Sender
from .judge.when import US
from .judge.world import World

PACK = "news2"
RARE = ("late", "ahead", "queue", "batch", "preliminary", "final", "absent", "quality", "implausible", "zero", "unit", "untimed", "age", "instance",
        "mode_test", "redelivered", "seq_reused", "boot_on", "clock_wrong", "clock_right", "clock_lags", "clock_reset", "clock_stands", "retained",
        "bind_taken", "register_again", "move_bed", "fraction", "told")
MONITOR = ("respiratory_rate", "spo2", "heart_rate", "pulse_rate", "abp_sys", "temperature")
CHART = ("respiratory_rate", "spo2", "supplemental_oxygen", "nibp_sys", "heart_rate", "consciousness", "temperature")
# By points: nothing, and then one to three where there is such a thing; at the end what lies at an edge, or rounds to one.
VALUES = {
    "respiratory_rate": ([16, 12, 20, 14.5], [9, 11, 8.5], [21, 24, 20.5, 24.49], [8, 25, 30, 24.5, 8.49]),
    "spo2": ([97, 96, 95.5, 98], [94, 95, 93.5], [92, 93, 91.5], [91, 85, 83, 91.49]),
    "nibp_sys": ([120, 111, 219, 110.5], [101, 110, 100.5], [91, 100, 90.5], [90, 220, 80, 219.5]),
    "abp_sys": ([120, 111, 219], [101, 110], [91, 100], [90, 220, 90.49]),
    "heart_rate": ([70, 51, 90, 50.5], [41, 50, 91, 110, 90.5], [111, 130, 110.5], [40, 131, 140, 130.5]),
    "pulse_rate": ([70, 51, 90], [41, 50, 91, 110], [111, 130], [40, 131]),
    "temperature": ([37, 36.1, 38, 38.04, 36.05], [35.1, 36, 38.1, 39, 38.05, 35.05, 39.04], [39.1, 39.05, 40], [35, 34, 35.04]),
}
SCALE_2 = [88, 92, 93, 94, 95, 96, 97, 86, 87, 84, 92.5, 96.5]
WORDS = {"supplemental_oxygen": (["air"], ["air"], ["oxygen"], ["oxygen"]), "consciousness": (["A"], ["A"], ["A"], ["C", "V", "P", "U"])}
OTHER_WORDS = ("a", "alert", "Oxygen", "X", "O2")
# How many points the inputs of somebody have for a while, for each of the inputs one of these.
MOODS = {"well": (0,), "edge": (0, 1), "one": (0, 0, 0, 0, 0, 3), "some": (0, 0, 1, 2), "ill": (1, 2, 3), "any": (0, 1, 2, 3)}
# To the second before, at, and after: a minute, ten, a quarter of an hour, half a day.
ODD = (1, 10, 29, 30, 59, 60, 61, 120, 300, 599, 600, 601, 840, 899, 900, 901, 1800)
LONG = (3600, 7200, 43_199, 43_200, 43_201, 50_000)
RELOADS = [
    ['age = "15m"', 'age = "5m"'], ['age = "15m"', 'age = "1h"'], ['age_single = "12h"', 'age_single = "1h"'], ['delay = "60s"  ', 'delay = "30s"  '],
    ['clear_delay = "10m"  ', 'clear_delay = "2m"  '], ['single = "low"', 'single = "medium"'],
    ['method = "news2"', 'method = "news2"\nwards = ["w-1"]'], ['method = "news2"', 'method = "news2"\nwards = ["w-1", "w-2"]'],
]


class ScoreMaker(Maker):
    """One to three patients."""

    pack, reloads, values_of, source = PACK, RELOADS, VALUES, "score"

    def __init__(self, seed, steps, aim=True, expiring=False):
        super().__init__(seed, steps, aim, expiring)
        r = self.random
        self.dense = True
        self.header.update({"history": f"{self.source}-{seed}", "packs": [self.pack] if r.random() < 0.95 else []})
        self.named = bool(self.header["packs"])
        self.header["rules"] = r.choice([None] * 6 + [[r.choice(self.reloads)]]) if self.named else None
        self.replaced = bool(self.header["rules"])
        if self.world:
            self.world = World(self.header)
        self.moods, self.drawn, self.second = {}, {}, set()

    # --- Begin ------------------------------------------------------------------------------------------

    def people(self):
        r = self.random
        for ward in ("w-1", "w-2"):
            self.command("add_ward", ward=ward)
        for n in range(r.randint(1, 3)):
            self.command("add_bed", bed=f"b-{n + 1}", ward=r.choice(["w-1", "w-1", "w-2"]))
            self.beds.append(f"b-{n + 1}")
        for n in range(r.choice([1, 1, 1, 2, 3])):
            self.admit(f"p-{n + 1}")

    def admit(self, patient):
        r = self.random
        extra = {"bed": r.choice(self.beds)} if r.random() < 0.5 else {}
        self.second.discard(patient)
        self.command("admit", patient=patient, age_class=r.choice(["adult"] * 12 + ["paediatric", "unknown"]), continuous=r.random() < 0.1,
                     pregnant=r.random() < 0.03, **extra)
        if patient not in self.patients:
            self.patients.append(patient)

    def things(self):
        r, number = self.random, 0
        for patient in self.patients:
            for cls in ("bedside", "charted", *r.sample(["spot", "kiosk", "bedside", "wearable"], r.choice([0, 0, 1, 1, 2]))):
                number += 1
                self.device(number, cls, patient)
        for one in self.senders:
            if one.cls == "charted" and r.random() < 0.8:
                self.chart(one)

    def device(self, number, cls, patient):
        r = self.random
        possible = {"bedside": MONITOR, "charted": CHART, "spot": ("nibp_sys", "temperature"), "kiosk": ("nibp_sys", "spo2", "heart_rate"),
                    "wearable": ("heart_rate", "spo2", "temperature")}[cls]
        least = {"bedside": 2, "charted": len(CHART)}.get(cls, 1)
        chosen = r.sample(possible, r.randint(least, len(possible)))
        signals = [one for one in possible if one in chosen]
        every = r.choice([5, 20, 20, 30, 60]) if cls == "bedside" else {"wearable": 60}.get(cls, 3600)
        name = f"{cls[:3]}-{number}"
        one = Sender(name, cls, every, signals, name, None, boot=r.choice([None, 5]))
        one.sends_at = r.random() < 0.8
        listed = [{"signal": s, "interval": f"{every}s"} for s in signals] if cls == "bedside" else [{"signal": s} for s in signals]
        self.command("register", device=name, **{"class": cls}, kind="device", via=[], signals=listed)
        self.senders.append(one)
        self.bound[name], self.binding_since[name] = patient, round(self.t, 3)
        self.command("bind", device=name, patient=patient, zero_means_no_sensor=[])

    def register_again(self, one):
        self.tick(one)

    # --- Values -----------------------------------------------------------------------------------------

    def mood(self, patient):
        """How somebody is, for a while: so that bands hold for a minute, and ten minutes pass in none."""
        r = self.random
        if patient not in self.moods or r.random() < 0.02:
            self.moods[patient] = r.choices(list(MOODS), [8, 2, 3, 3, 3, 1])[0]
            self.drawn = {key: drawn for key, drawn in self.drawn.items() if key[0] != patient}
        return MOODS[self.moods[patient]]

    def value(self, one, signal):
        r, patient = self.random, self.bound.get(one.id)
        possible = self.mood(patient)
        where = patient, signal
        if where not in self.drawn or r.random() < 0.03:
            self.drawn[where] = r.choice(possible)
        values = WORDS[signal] if signal in WORDS else self.values_of[signal]
        chosen = values[min(self.drawn[where], len(values) - 1)]
        if signal == "spo2" and patient in self.second and r.random() < 0.7:
            chosen = SCALE_2[:2] if self.moods[patient] == "well" else SCALE_2
        return r.choice(chosen)

    def readings(self, one, t, kind):
        r, found = self.random, []
        for signal in one.signals:
            if r.random() < (0.01 if kind == "chart" else 0.06):
                continue
            found.append(self.said(one, signal, t, kind))
        return found

    def said(self, one, signal, t, kind):
        r = self.random
        at = self.clock(one, t - one.lag)
        if signal not in WORDS:
            return self.disturb(one, signal, {"at": at, "signal": signal, "value": self.value(one, signal), "unit": UNITS[signal]}, kind)
        word = r.choice(OTHER_WORDS) if r.random() < 0.02 else self.value(one, signal)
        reading = {"at": at, "signal": signal, "text" if r.random() < 0.05 else "code": word}
        if kind == "absent":
            return {"at": at, "signal": signal, "absent": "not-performed"}
        return self.disturb(one, signal, reading, kind) if kind in ("quality", "untimed", "age", "instance", "preliminary") else reading

    def another(self, reading):
        """Any of the table, or any other word."""
        r, signal = self.random, reading["signal"]
        if "value" in reading and signal in self.values_of:
            reading["value"] = r.choice(r.choice(self.values_of[signal]))
        for form in ("code", "text"):
            if form in reading:
                reading[form] = r.choice(r.choice(WORDS[signal]))

    # --- What comes -------------------------------------------------------------------------------------

    def of(self, one, *classes):
        """A device of these classes, of the same patient if there is one."""
        patient = self.bound.get(one.id)
        found = [other for other in self.senders if other.cls in classes]
        return self.random.choice([other for other in found if self.bound.get(other.id) == patient] or found)

    def run(self, one):
        """A monitor for a while."""
        r, one = self.random, self.of(one, "bedside", "wearable")
        one.stands = None
        for _ in range(r.randint(2, 7)):
            self.t += one.interval * r.choice([1, 1, 1, 1.1, 2])
            self.live(one, "run")

    def chart(self, one):
        """A round: all that somebody charts."""
        one = self.of(one, "charted")
        body = self.body(one, self.t, "chart")
        body["readings"] = self.readings(one, self.t - self.random.choice([0, 0, 30, 300, 1200]), "chart")
        self.send(one, body, "chart")

    def word(self, one):
        """Oxygen or consciousness alone."""
        one = self.of(one, "charted")
        body = self.body(one, self.t, "word")
        body["readings"] = [self.said(one, self.random.choice(list(WORDS)), self.t, "word")]
        self.send(one, body, "word")

    def rounds(self, one):
        """Somebody charted again and again."""
        for _ in range(self.random.randint(2, 4)):
            self.t += self.random.choice([59, 60, 61, 200, 300, 600])
            self.chart(one)

    def at_once(self, one):
        """Two devices measure one signal at the same moment."""
        r = self.random
        mine = [other for other in self.senders if self.bound.get(other.id) == self.bound.get(one.id)]
        for other in r.sample(mine, min(2, len(mine))):
            body = self.body(other, self.t)
            body["readings"] = self.readings(other, self.t, "at_once")
            self.send(other, body, "at_once")

    # --- What people do ---------------------------------------------------------------------------------

    def scale(self, one):
        r = self.random
        patient = self.bound.get(one.id) or r.choice(self.patients)
        scale = r.choice([1, 2, 2]) if patient not in self.second else r.choice([1, 1, 2])
        reason = r.choice([{"reason": "hypercapnic failure"}] * 5 + [{}, {"reason": ""}])
        if reason.get("reason"):
            self.second = self.second | {patient} if scale == 2 else self.second - {patient}
        self.command("patch_patient", "scale", patient=patient, spo2_scale=scale, **reason)

    def age_changes(self, one):
        r = self.random
        patient = self.bound.get(one.id) or r.choice(self.patients)
        change = r.choice([{"pregnant": True}, {"pregnant": False}, {"age_class": "unknown"}, {"age_class": "paediatric"}] + [{"age_class": "adult"}] * 3)
        self.command("patch_patient", "age_changes", patient=patient, **change)
        if r.random() < 0.6:
            self.t += r.choice([0, 20, 70])
            self.command("patch_patient", "age_changes", patient=patient, age_class="adult", pregnant=False)

    def answer(self, one):
        """Mostly to a score."""
        r = self.random
        mine = [alarm for alarm in self.world.alarms.open.values() if alarm.source == self.source] if self.world else []
        if not mine or r.random() < 0.3:
            return super().answer(one)
        patient, rule, source = r.choice(sorted(mine, key=lambda one: str(one.key))).key
        act = r.choice(["acknowledge"] * 6 + ["reset"] * 4 + ["unacknowledge", "resume", "comment", "off"] + ["pause"] * 3)
        fields = {"reason": "seen"} if r.random() < 0.7 else {}
        if act == "off" or (act == "pause" and r.random() < 0.5):
            fields["until"] = round(self.t + r.choice([30, 110, 500, 4000]), 3)
        if act in ("pause", "off"):
            fields["what"] = r.choice(["audio", "alarm", "alarm"])
        if act == "comment":
            fields["text"] = "on oxygen since noon"
        return self.command("alarm", f"{self.source}_{act}", patient=patient, rule=rule, source=source, act=act,
                            seen=r.choice(["now", "now", "now", "first"]), **fields)

    def switched(self, one):
        """The pack off, and mostly on again."""
        r = self.random
        if self.named:
            if self.replaced:
                # What is replaced has to be there.
                self.replaced = False
                self.put("reload", {"reload": []})
            self.put("packs", {"packs": []})
        on_again = not self.named or r.random() < 0.85
        self.named = on_again
        if on_again:
            self.t += r.choice([0, 5, 61, 300])
            self.put("packs", {"packs": [self.pack]})

    def reload(self, one):
        if not self.named:
            return
        chosen = self.random.sample(self.reloads, self.random.choice([0, 1, 1, 1, 2]))
        self.replaced = bool(chosen)
        self.put("reload", {"reload": list({old: [old, new] for old, new in chosen}.values())})

    # --- Time -------------------------------------------------------------------------------------------

    def odd(self, _):
        self.t += self.random.choice(ODD)
        self.put("odd", {"tick": True})

    def long(self, _):
        self.t += self.random.choice(LONG)
        self.put("long", {"tick": True})

    def judged(self):
        """What is judged by the pack."""
        return self.world.scores

    def due(self, _):
        """The moment at which a score changes or holds for its time, or just beside it; now and then in a window without intake."""
        r = self.random
        ahead = [at for at in self.judged().deadlines() if at > self.world.now] if self.world else []
        if not ahead:
            return self.odd(None)
        at = (min(ahead) - self.begin) / US
        if r.random() < 0.15:
            begin = round(max(self.t, at - r.choice([1, 5, 12])), 3)
            self.t = max(begin + 1, at + r.choice([-1, 0, 1, 8]))
            return self.put("due_gap", {"gap": {"from": begin}})
        self.t = max(self.t, at + r.choice([-1, 0, 0, 0, 1]))
        return self.put("due", {"tick": True})

    ACTIONS = {
        **{name: Maker.ACTIONS[name] * 0.35 for name in RARE},
        "run": 12, "chart": 12, "rounds": 4, "word": 6, "live": 8, "at_once": 4, "due": 22, "odd": 10, "long": 1.5, "answer": 9, "pause": 1, "end_pause": 0.5,
        "scale": 3, "age_changes": 1.5, "switched": 1, "reload": 1.5, "correction": 3, "withdrawal": 3, "conflict": 1.5, "comparator": 4, "other_unit": 2,
        "gap": 2, "restart": 0.5, "unbind": 0.5, "rebind": 2, "correct_binding": 0.8, "discharge": 0.6, "transfer": 1.5,
    }

    def discharge(self, one):
        super().discharge(one)
        for other in self.senders:
            if self.bound.get(other.id) is None and self.random.random() < 0.8:
                self.bind(other)


def history(seed, steps=200, aim=True, expiring=False):
    """The lines of one history, and the second judge's answers to it."""
    maker = ScoreMaker(seed, steps, aim, expiring)
    lines = maker.make()
    return lines, maker.answers[:steps]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--histogram", action="store_true")
    args = parser.parse_args()
    if not args.histogram:
        for line in history(args.seed, args.steps)[0]:
            print(json.dumps(line))
        return
    found = Counter()
    for seed in range(args.seed, args.seed + 100):
        maker = ScoreMaker(seed, args.steps)
        maker.make()
        found += maker.kinds
    for kind, count in found.most_common():
        print(f"{count:8} {kind}")


if __name__ == "__main__":
    main()
