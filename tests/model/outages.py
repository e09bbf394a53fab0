"""Made histories of relays that bring the devices of several patients, go quiet, and come back.
`python3 -m model.compare --outages …` runs them; those of single devices stay as `generator.py` makes them."""

from .generator import CLASSES, Maker, Sender

RARE = ("clock_wrong", "clock_right", "clock_lags", "clock_reset", "clock_stands", "seq_back", "seq_reused", "boot_back", "boot_lost", "boot_on",
        "boot_gone", "queue", "conflict", "correction", "withdrawal", "final", "late", "ahead", "batch", "limits", "comparator", "fraction",
        "other_unit", "unit", "untimed", "age", "instance", "implausible", "event", "event_burst", "reload", "discharge", "correct_binding")
# Around the rungs of what sends each second, and halves of them: to the second before, at, and after.
ODD = (1, 3, 7, 8, 14, 15, 16, 20, 29, 30, 31, 45, 59, 60, 61, 75, 120, 299, 300, 301, 900)


class OutageMaker(Maker):
    """Three to six patients behind one or two relays."""

    def __init__(self, seed, steps, aim=True, expiring=False):
        super().__init__(seed, steps, aim, expiring)
        self.dense = True
        self.header["history"] = f"outage-{seed}"
        if self.world:
            self.world.history = self.header["history"]
        self.relays, self.counted = [], {}

    def people(self):
        r = self.random
        wards = ["w-1", "w-2"][: r.randint(1, 2)]
        for ward in wards:
            self.command("add_ward", ward=ward)
        for n in range(r.randint(3, 6)):
            self.command("add_bed", bed=f"b-{n + 1}", ward=r.choice(wards))
            self.beds.append(f"b-{n + 1}")
        for n in range(r.randint(3, 6)):
            self.admit(f"p-{n + 1}")

    def admit(self, patient):
        """Few are to be watched continuously: these are never members."""
        r = self.random
        extra = {"bed": r.choice(self.beds)} if r.random() < 0.7 else {}
        self.command("admit", patient=patient, age_class=r.choice(["adult"] * 5 + ["unknown"]), continuous=r.random() < 0.1, pregnant=False, **extra)
        if patient not in self.patients:
            self.patients.append(patient)

    def things(self):
        r = self.random
        for n in range(r.choice([1, 1, 2])):
            relay = f"relay-{n + 1}"
            self.relays.append(relay)
            self.relay_error[relay] = 0
            kind = r.choice(["relay", "relay", "connector"])
            self.command("register", device=relay, **{"class": kind}, kind=kind, via=[], signals=[])
        number = 0
        for patient in self.patients:
            for _ in range(r.choice([1, 1, 1, 2])):
                number += 1
                self.behind(number, patient)

    def behind(self, number, patient):
        """A device by a relay, or now and then one that speaks for itself, or by either."""
        r = self.random
        cls = r.choice(["bedside"] * 6 + ["wearable", "cgm"])
        _, possible = CLASSES[cls]
        signals = r.sample(possible, r.randint(1, min(2, len(possible))))
        relay = r.choice(self.relays)
        name = f"{cls[:3]}-{number}"
        alone = r.random() < 0.1
        one = Sender(name, cls, 5 if cls == "bedside" else 60, signals, name if alone else relay, None if alone else relay)
        one.sends_at, one.source = r.random() < 0.7, "ntp"
        listed = [{"signal": s} for s in signals] if r.random() < 0.8 else []
        self.command("register", device=name, **{"class": cls}, kind="device", via=self.relays, signals=listed)
        self.senders.append(one)
        self.bound[name], self.binding_since[name] = patient, round(self.t, 3)
        self.command("bind", device=name, patient=patient, zero_means_no_sensor=[])

    def value(self, one, signal):
        """Mostly well: of whom more is told nothing is folded."""
        if self.random.random() < 0.9:
            one.mood[signal] = 0
        return super().value(one, signal)

    def readings(self, one, t, kind):
        return super().readings(one, t, kind) or super().readings(one, t, kind)

    # --- What relays do ---------------------------------------------------------------------------------

    def chorus(self, _):
        """All that a relay brings, for a while, one or two of them silent."""
        r = self.random
        for _ in range(r.choice([1, 1, 2, 4])):
            relay = r.choice([None, *self.relays])
            mine = [one for one in self.senders if relay is None or one.principal == relay]
            for one in r.sample(mine, max(0, len(mine) - r.choice([0, 0, 0, 1, 2]))):
                self.t += r.choice([0, 0, 0.1])
                self.live(one, "chorus")
            self.t += r.choice([1, 2, 5])

    def own(self, _):
        """A relay says that it is there, and nothing of those behind it."""
        relay = self.random.choice(self.relays)
        self.counted[relay] = self.counted.get(relay, 0) + 1
        body = {"seq": self.counted[relay], "readings": []}
        self.put("own", {"message": {"principal": relay, "device": relay, "kind": self.random.choice(["telemetry", "status"]), "body": body,
                                     "qos": 1, "retain": False, "dup": False, "backlog": False}})

    def moves(self, one):
        """Somebody's device comes by another relay, or by itself."""
        one.principal = self.random.choice([*self.relays, one.id])
        one.relay = None if one.principal == one.id else one.principal
        self.live(one, "moves")

    def odd(self, _):
        self.t += self.random.choice(ODD)
        self.put("odd", {"tick": True})

    def due(self, _):
        """The moment at which something falls due, or just beside it."""
        ahead = [at for at in self.world.deadlines() if at > self.world.now] if self.world else []
        if not ahead:
            return self.odd(None)
        at = (min(ahead) - self.begin) / 1e6 + self.random.choice([-1, 0, 0, 0, 1])
        self.t = max(self.t, at)
        return self.put("due", {"tick": True})

    def comes_and_goes(self, _):
        """A relay that is heard for a moment, again and again."""
        for _ in range(self.random.randint(2, 4)):
            self.chorus(None)
            self.odd(None)

    ACTIONS = {**{name: weight * (0.1 if name in RARE else 0.5) for name, weight in Maker.ACTIONS.items()},
               "chorus": 14, "own": 4, "moves": 1, "odd": 10, "due": 10, "comes_and_goes": 3, "transfer": 1.5, "patch": 1, "move_bed": 0.6}


def history(seed, steps=200, aim=True, expiring=False):
    """The lines of one history, and the second judge's answers to it."""
    maker = OutageMaker(seed, steps, aim, expiring)
    lines = maker.make()
    return lines, maker.answers[:steps]
