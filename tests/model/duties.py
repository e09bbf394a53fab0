"""Made histories in which somebody is on duty: plans with holes, substitutes and ends of shifts, acts at odd moments, channels
that fail. `python3 -m model.compare --duty …` runs them; those without a plan stay as `generator.py` makes them."""

from .generator import Maker
from .judge.when import US

CHANNELS = ("c-1", "c-2", "c-3")
PEOPLE = ("nurse", "nurse-2", "doctor", "doctor-2", "technician")
RARE = ("clock_wrong", "clock_lags", "clock_reset", "clock_stands", "seq_back", "boot_back", "boot_lost", "queue", "conflict", "correction",
        "withdrawal", "told", "retained", "register_again", "limits")
# Around the times of ladders: to the second before, at, and after.
ODD = (1, 30, 59, 60, 61, 119, 120, 121, 179, 180, 181, 240, 300, 360, 599, 600, 601, 1200, 3600)


class DutyMaker(Maker):
    """A history with a plan from soon after its begin on."""

    def __init__(self, seed, steps, aim=True, expiring=False):
        super().__init__(seed, steps, aim, expiring)
        # Nobody answers for days in a row: each round of a ladder would be a step of its own.
        self.dense = True
        self.header["history"] = f"duty-{seed}"
        if self.world:
            self.world.history = self.header["history"]
        self.actors, self.asked_channels = ["nurse", "doctor"], []

    def command(self, do, named=None, /, **fields):
        actor = self.random.choice([*self.actors, "somebody"] if self.random.random() < 0.9 else self.actors)
        self.put(named or do, {"command": {"actor": actor, "do": do, **fields}})

    def things(self):
        super().things()
        if self.random.random() < 0.9:
            self.plan(None)

    def sender(self, n, cls):
        super().sender(n, cls)
        self.senders[-1].interval = min(self.senders[-1].interval, 300)

    # --- Plans ------------------------------------------------------------------------------------------

    def plan(self, one):
        r = self.random
        if one is not None and r.random() < 0.1:
            self.put("no_plan", {"duty": None})
            return
        now = round(self.t, 3)
        until = now + r.choice([8 * 86_400] * 6 + [900, 3600, 50_000])
        with_channels = r.random() < 0.6
        people = [self.person(name, with_channels) for name in PEOPLE[: r.randint(1, len(PEOPLE))]]
        teams = [self.team("icu", people, [], with_channels)]
        if r.random() < 0.3:
            teams.insert(0, self.team("few", people, ["w-2"] if r.random() < 0.5 else ["w-1"], with_channels))
        if r.random() < 0.2:
            teams[0]["packs"] = r.choice([["vitals_live"], ["cied"], ["link", "rules"], ["glucose"]])
        if r.random() < 0.1:
            teams[0]["responses"] = r.choice([["immediate"], ["prompt", "same_day"], ["next_working_day"]])
        if r.random() < 0.6:
            teams.append({**self.team("ops", people, [], with_channels), "gateway": True})
        watches = [watch for team in teams for step in team["steps"] for watch in self.watches(team["id"], step["role"], people, now, until)]
        hours = [{"response": response, "from": now + begin, "until": now + begin + long}
                 for response in ("prompt", "same_day", "next_working_day") for begin, long in self.spans(until - now)]
        plan = {"from": now, "until": until, "people": people, "teams": teams, "watches": watches, "hours": hours}
        self.actors = [one["actor"] for one in people]
        self.asked_channels = sorted({channel for one in people for channel in one["channels"]})
        self.put("plan", {"duty": plan})

    def person(self, name, with_channels):
        r = self.random
        actor = name if r.random() < 0.8 else f"token-{name}"
        return {"id": name, "actor": actor, "channels": r.sample(CHANNELS, r.choice([0, 1, 1, 2, 3])) if with_channels else []}

    def team(self, name, people, wards, with_channels):
        r = self.random
        roles = ["first", "second", "third"][: r.choice([1, 2, 2, 3])]
        beside = lambda: [r.choice(CHANNELS)] if with_channels and r.random() < 0.15 else []
        return {"id": name, "wards": wards, "packs": [], "responses": [], "gateway": False,
                "steps": [{"role": role, "channels": beside()} for role in roles]}

    def watches(self, team, role, people, now, until):
        """One after another, some with a hole between, some that overlap."""
        r = self.random
        found, begin, on_call = [], now - r.choice([0, 0, 100]), r.random() < 0.3
        length = r.choice([200, 700, 3600, 30_000, 100_000, until - now, until - now])
        if r.random() < 0.1:
            return []
        while begin < until and len(found) < 12:
            long = length * r.choice([1, 1, 1, 1.5])
            found.append({"team": team, "role": role, "person": r.choice(people)["id"], "from": round(begin, 3),
                          "until": round(min(begin + long, until), 3), "on_call": on_call})
            begin += long + (r.choice([10, 150, 400, 4000, 50_000]) if r.random() < 0.2 else -r.choice([30, 100]) if r.random() < 0.1 else 0)
        if len(found) == 12 and r.random() < 0.8:
            found[-1]["until"] = until
        return found

    def spans(self, left):
        r = self.random
        begin, found = r.choice([0, 0, 500, 5000, 40_000]), []
        while begin < left and len(found) < 6:
            long = r.choice([300, 4000, 40_000, left])
            found.append((begin, long))
            begin += long + r.choice([200, 3000, 30_000])
        return found

    # --- Acts -------------------------------------------------------------------------------------------

    def _somebodys(self):
        """An alarm that is somebody's, or any."""
        r = self.random
        shown = self.world.duty.shown() if self.world else []
        if shown and r.random() < 0.95:
            return r.choice(shown)
        return {"patient": r.choice(self.patients), "rule": "vitals_live.spo2_low", "source": self.senders[0].id, "told": [], "person": None}

    def _as(self, person):
        """The actor of somebody by id."""
        plan = self.world.duty.plan if self.world else None
        return next((one.actor for one in plan.people if one.id == person), person) if plan else person

    def act_on(self, act, one, actor=None, **fields):
        r = self.random
        command = {"actor": actor or r.choice([*self.actors, "somebody"]), "do": "alarm", "patient": one["patient"],
                   "rule": one["rule"], "source": one["source"], "act": act, "seen": r.choice(["now", "now", "now", "first"]), **fields}
        self.put(f"alarm_{act}", {"command": command})

    def accept(self, _):
        one = self._somebodys()
        self.act_on("accept", one, self._as(one["person"]) if one["person"] and self.random.random() < 0.5 else None)

    def reject(self, _):
        one = self._somebodys()
        self.act_on("reject", one, self._as(one["person"]) if one["person"] and self.random.random() < 0.8 else None)

    def release(self, _):
        one = self._somebodys()
        self.act_on("release", one, self._as(one["person"]) if one["person"] and self.random.random() < 0.8 else None)

    def received(self, _):
        r, one = self.random, self._somebodys()
        whom = r.choice(one["told"])[0] if one["told"] and r.random() < 0.8 else None
        self.act_on("received", one, self._as(whom) if whom else None)

    def renewed(self, _):
        """A pause renewed, of the sound or of all of it."""
        one = self._somebodys()
        for _ in range(self.random.randint(1, 5)):
            self.act_on("pause", one, what=self.random.choice(["alarm", "alarm", "audio"]))
            self.t += self.random.choice([20, 60, 100, 119, 500])

    def hand_over(self, _):
        r = self.random
        theirs = [one for one in self.world.duty.shown() if one["state"] == "accepted"] if self.world else []
        who = self._as(r.choice(theirs)["person"]) if theirs and r.random() < 0.85 else r.choice(self.actors)
        plan = self.world.duty.plan if self.world else None
        to = r.choice([one.id for one in plan.people] + ["somebody"]) if plan else "somebody"
        self.put("hand_over", {"command": {"actor": who, "do": "hand_over", "to": to}})

    def take_over(self, _):
        r = self.random
        offered = [one for one in self.world.duty.shown() if one["offered"]] if self.world else []
        if not offered:
            return self.hand_over(None)
        one = r.choice(offered)
        all_of_it = [[o["patient"], o["rule"], o["source"]] for o in offered if (o["person"], o["offered"]) == (one["person"], one["offered"])]
        if r.random() < 0.15:
            all_of_it = all_of_it[:-1]
        who = self._as(one["offered"]) if r.random() < 0.9 else r.choice(self.actors)
        return self.put("take_over", {"command": {"actor": who, "do": "take_over", "from": one["person"], "alarms": all_of_it}})

    # --- Channels and time ------------------------------------------------------------------------------

    def delivered(self, _):
        r = self.random
        waits = [(one, told[1]) for one in self.world.duty.shown() for told in one["told"]
                 if told[1] and told[3] in ("waiting", "failed")] if self.world else []
        if not waits:
            return self.odd(None)
        one, channel = r.choice(waits)
        key = {name: one[name] for name in ("patient", "rule", "source")}
        return self.put("delivered", {"delivered": {"channel": channel, **key}})

    def undelivered(self, _):
        r = self.random
        if not self.asked_channels:
            return self.odd(None)
        waits = r.choice([None, None, "high", "medium", "medium"])
        return self.put("undelivered", {"undelivered": {"channel": r.choice(self.asked_channels), "waits": waits}})

    def odd(self, _):
        self.t += self.random.choice(ODD)
        self.put("odd", {"tick": True})

    def due(self, _):
        """The moment at which something of a ladder or plan falls due, or just beside it."""
        now = self.world.now if self.world else None
        ahead = [at for at in self.world.duty.deadlines() if at > now] if self.world else []
        if not ahead:
            return self.odd(None)
        at = (min(ahead) - self.begin) / US + self.random.choice([-1, 0, 0, 0, 1])
        self.t = max(self.t, at)
        return self.put("due", {"tick": True})

    ACTIONS = {**{name: weight * (0.3 if name in RARE else 1) for name, weight in Maker.ACTIONS.items()},
               "plan": 2, "accept": 6, "reject": 4, "release": 4, "received": 2, "renewed": 1.5, "hand_over": 3, "take_over": 4, "delivered": 8,
               "undelivered": 3, "odd": 8, "due": 8, "transfer": 1.5}


def history(seed, steps=200, aim=True, expiring=False):
    """The lines of one history, and the second judge's answers to it."""
    maker = DutyMaker(seed, steps, aim, expiring)
    lines = maker.make()
    return lines, maker.answers[:steps]
