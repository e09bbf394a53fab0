"""Hostile histories from a seed.

`python3 -m model.generator --seed N [--steps 200] [--histogram]` prints one history, or with
`--histogram` how often each kind of step occurs in a hundred of them.
"""

import argparse
import json
import random
from collections import Counter
from dataclasses import dataclass, field

from .judge.when import stamp, write
from .judge.world import World

BEGIN = "2026-11-21T10:00:00Z"

UNITS = {
    "spo2": "%", "heart_rate": "/min", "pulse_rate": "/min", "respiratory_rate": "/min", "etco2": "mm[Hg]",
    "nibp_sys": "mm[Hg]", "nibp_dia": "mm[Hg]", "abp_sys": "mm[Hg]", "temperature": "Cel", "glucose_cgm": "mg/dL", "glucose_blood": "mg/dL",
    "impedance": "Ohm", "shock_impedance": "Ohm", "mean_heart_rate_24h": "/min", "weight": "kg",
}
# Inside, a little beyond, far beyond, at the edge.
VALUES = {
    "spo2": ([97, 93, 95], [86, 87], [70, 78, 60], [88, 80, 89, 90]),
    "heart_rate": ([72, 80], [38, 135], [20, 170, 0], [40, 130, 44, 126]),
    "pulse_rate": ([72, 80], [38, 135], [25, 165], [40, 130, 45]),
    "respiratory_rate": ([16, 19], [7, 32], [3, 40, 0], [8, 30, 10]),
    "etco2": ([38], [22, 55], [9, 10], [25, 50]),
    "nibp_sys": ([120, 130], [85, 190], [60, 72, 235], [90, 180, 94]),
    "nibp_dia": ([75], [10], [6], [20]),
    "abp_sys": ([120], [85, 190], [60, 230], [90, 180]),
    "temperature": ([36.8, 37.2], [34.5, 39.0], [41.0], [35.0, 38.5]),
    "glucose_cgm": ([110, 140], [65, 190], [50, 39, 260], [70, 55, 180, 75]),
    "glucose_blood": ([110], [65, 260], [40, 20], [70, 55]),
    "impedance": ([500], [150, 2500], [100], [200, 2000]),
    "shock_impedance": ([60], [20, 130], [5], [25, 125]),
    "mean_heart_rate_24h": ([70], [115], [140], [110]),
    "weight": ([70], [70], [70], [70]),
}
IMPLAUSIBLE = {"spo2": 105, "heart_rate": 400, "nibp_sys": 500, "temperature": 50, "glucose_cgm": 5, "abp_sys": 400}
CODES = {
    "spo2": ["mdc:150456"], "heart_rate": ["mdc:147842"], "pulse_rate": ["mdc:149514", "mdc:149530"],
    "respiratory_rate": ["mdc:151562", "mdc:151570"], "impedance": ["mdc:722432", "mdc:722433"],
}
CLASSES = {
    "bedside": (1, ["spo2", "heart_rate", "respiratory_rate", "etco2", "abp_sys", "nibp_sys", "pulse_rate", "temperature"]),
    "wearable": (60, ["heart_rate", "spo2", "temperature"]),
    "cgm": (300, ["glucose_cgm"]),
    "spot": (86400, ["nibp_sys", "nibp_dia", "temperature", "weight", "glucose_blood"]),
    "kiosk": (3600, ["nibp_sys", "spo2", "heart_rate"]),
    "charted": (3600, ["heart_rate", "spo2", "respiratory_rate", "nibp_sys", "temperature"]),
    "cied": (86400, ["impedance", "shock_impedance", "mean_heart_rate_24h"]),
    "pump": (300, ["glucose_cgm"]),
    "sleeping": (64800, ["nibp_sys", "temperature"]),
}
EVENTS = ["vf_detected", "vt_detected", "shock_delivered", "therapy_off", "battery_eri", "af_detected", "occlusion",
          "something_else", "vf_storm", "pacing_failure", "lead_fault"]
RELOADS = [
    ['low = ["88 %"]', 'low = ["92 %"]'], ['delay = "15s"', 'delay = "5s"'],
    ['high = ["130 /min"]', 'high = ["120 /min"]'], ['low = ["90 mm[Hg]"]', 'low = ["100 mm[Hg]"]'],
    ['id = "cied.vf"', 'id = "cied.vf_new"'], ['quality_min = 0.5', 'quality_min = 0.2'],
    ['gap = "5m"', 'gap = "6m"'], ['confirm = "5m"\n', ''],
]


@dataclass
class Sender:
    """A device with its own clock, counter and outbox."""

    id: str
    cls: str
    interval: int
    signals: list
    principal: str
    relay: str | None
    error: float = 0.0
    lag: float = 0.0
    stands: float | None = None
    boot: int | None = None
    seq: int = 0
    sends_at: bool = True
    source: str | None = None
    mood: dict = field(default_factory=dict)
    outbox: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    episodes: list = field(default_factory=list)
    last_end: float = 0.0


class Maker:
    """One history. Runs a judge beside it only to aim commands at alarms that are open."""

    def __init__(self, seed, steps, aim=True, expiring=False):
        self.random, self.expiring = random.Random(seed), expiring
        r = self.random
        self.seed, self.length = seed, steps
        self.dense = r.random() < 0.65
        self.header = {"history": seed, "site": "site-1", "time_zone": "Europe/Berlin", "begin": BEGIN, "rules": None}
        self.begin = stamp(BEGIN)
        self.world = World(self.header) if aim else None
        self.lines, self.answers, self.kinds = [], [], Counter()
        self.t = 0.0
        self.patients, self.beds, self.bound, self.bound_at = [], [], {}, {}
        self.senders, self.relay_error = [], {}
        self.binding_since, self.scopes = {}, []

    def put(self, kind, step):
        line = {"t": round(self.t, 3), **step}
        self.lines.append(line)
        self.kinds[kind] += 1
        if self.world:
            self.answers.append(self.world.step(line))

    def command(self, do, named=None, /, **fields):
        self.put(named or do, {"command": {"actor": self.random.choice(["nurse", "doctor"]), "do": do, **fields}})

    # --- Begin --------------------------------------------------------------------------------------

    def people(self):
        r = self.random
        for ward in ("w-1", "w-2")[: r.randint(1, 2)]:
            self.command("add_ward", ward=ward)
        for n in range(r.randint(1, 3)):
            bed = f"b-{n + 1}"
            self.command("add_bed", bed=bed, ward="w-1")
            self.beds.append(bed)
        for n in range(r.randint(1, 3)):
            self.admit(f"p-{n + 1}")

    def admit(self, patient):
        r = self.random
        age = r.choice(["adult"] * 6 + ["paediatric", "neonatal", "unknown"])
        extra = {"bed": r.choice(self.beds)} if self.beds and r.random() < 0.5 else {}
        self.command("admit", patient=patient, age_class=age, continuous=r.random() < 0.4, pregnant=r.random() < 0.05, **extra)
        if patient not in self.patients:
            self.patients.append(patient)

    def things(self):
        r = self.random
        for n in range(r.randint(0, 2)):
            relay = f"relay-{n + 1}"
            self.relay_error[relay] = r.choice([0, 0, 0, 2, 180, -180])
            self.command("register", device=relay, **{"class": "relay"}, kind="relay", via=[], signals=[])
        usual = ["bedside", "bedside", "wearable"] if self.dense else list(CLASSES)
        for n in range(r.randint(1, 4)):
            self.sender(n, r.choice(usual if r.random() < 0.8 else list(CLASSES)))
        if r.random() < 0.2:
            self.twin(self.senders[0])

    def twin(self, one):
        """Another device that measures the same of the same patient, in the same moods."""
        name = f"{one.cls[:3]}-9"
        other = Sender(name, one.cls, one.interval, one.signals, name, None, boot=one.boot, mood=one.mood)
        self.command("register", device=name, **{"class": one.cls}, kind="device", via=[], signals=[{"signal": s} for s in one.signals])
        self.senders.append(other)
        patient = self.bound.get(one.id) or self.random.choice(self.patients)
        self.bound[name], self.binding_since[name] = patient, round(self.t, 3)
        self.command("bind", device=name, patient=patient, zero_means_no_sensor=[])

    def sender(self, n, cls):
        r = self.random
        interval, possible = CLASSES[cls]
        signals = r.sample(possible, r.randint(1, min(3, len(possible))))
        relay = r.choice(list(self.relay_error)) if self.relay_error and r.random() < 0.4 else None
        name = f"{cls[:3]}-{n + 1}"
        one = Sender(name, cls, interval, signals, relay or name, relay)
        one.boot = r.choice([None, 5])
        one.sends_at = r.random() < 0.7
        one.error = r.choice([0] * 6 + [0.3, -2, 20, -20, 240, -180, 7200, -10800])
        one.source = r.choice([None] * 5 + ["ntp", "manual", "none"])
        listed = [{"signal": s} for s in signals] if r.random() < 0.8 else []
        self.command("register", device=name, **{"class": cls}, kind="device", via=[relay] if relay else [], signals=listed)
        self.senders.append(one)
        if r.random() < 0.9:
            self.bind(one)

    def bind(self, one):
        r = self.random
        zero = r.sample(one.signals, 1) if r.random() < 0.2 else []
        patient = r.choice(self.patients)
        if self.bound.get(one.id) is None:
            self.bound[one.id] = patient
            self.binding_since[one.id] = round(self.t, 3)
        self.command("bind", device=one.id, patient=patient, zero_means_no_sensor=zero)

    # --- Messages -----------------------------------------------------------------------------------

    def clock(self, one, t):
        """What the sender's clock shows."""
        return write(self.begin + round(((one.stands if one.stands is not None else t) + one.error) * 1e6))

    def value(self, one, signal):
        """Values stay in a mood for a while, so that delays run."""
        r = self.random
        if r.random() < 0.12 or signal not in one.mood:
            one.mood[signal] = r.choices([0, 1, 2, 3], [5, 2, 2, 1])[0]
        return r.choice(VALUES[signal][one.mood[signal]])

    def readings(self, one, t, kind):
        r = self.random
        found = []
        for signal in one.signals:
            if r.random() < 0.1:
                continue
            name = r.choice(CODES[signal]) if signal in CODES and r.random() < 0.15 else signal
            reading = {"at": self.clock(one, t - one.lag), "signal": name, "value": self.value(one, signal), "unit": UNITS[signal]}
            found.append(self.disturb(one, signal, reading, kind))
        return found

    def disturb(self, one, signal, reading, kind):
        r = self.random
        if kind == "quality":
            reading["quality"] = r.choice([0.2, "low", 0.9])
        elif kind == "absent":
            del reading["value"], reading["unit"]
            reading["absent"] = "not-performed"
        elif kind == "comparator":
            reading["comparator"] = r.choice(["<", "<=", ">=", ">"])
        elif kind == "implausible" and signal in IMPLAUSIBLE:
            reading["value"] = IMPLAUSIBLE[signal]
        elif kind == "zero" and signal in ("spo2", "heart_rate", "respiratory_rate", "abp_sys"):
            reading["value"] = 0
        elif kind == "unit":
            reading["unit"] = "kg" if signal != "weight" else "Cel"
        elif kind == "other_unit" and signal in ("temperature", "glucose_cgm", "glucose_blood", "nibp_sys"):
            self.other_unit(signal, reading)
        elif kind == "fraction" and signal == "spo2":
            reading["value"] = r.choice([0.97, 0.6])
        elif kind == "untimed":
            del reading["at"]
        elif kind == "age":
            del reading["at"]
            reading["age_ms"] = r.choice([0, 500, 20_000, 4_000_000])
        elif kind == "instance":
            reading["instance"] = r.choice(["A", "B"])
        elif kind == "preliminary":
            reading["status"] = "preliminary"
        return reading

    @staticmethod
    def other_unit(signal, reading):
        if signal == "temperature":
            reading["value"], reading["unit"] = round(reading["value"] * 1.8 + 32, 1), "[degF]"
        elif signal == "nibp_sys":
            reading["value"], reading["unit"] = round(reading["value"] * 0.133322, 1), "kPa"
        else:
            reading["value"], reading["unit"] = round(reading["value"] / 18.0182, 1), "mmol/L"

    def body(self, one, t, kind="live"):
        """The bytes as they were made at `t`."""
        one.seq += 1
        body = {"seq": one.seq}
        if one.boot is not None:
            body["boot"] = one.boot
        if one.sends_at:
            body["sent_at"] = self.clock(one, t)
        if one.source:
            body["clock"] = {"source": one.source}
        if kind == "mode_test":
            body["mode"] = self.random.choice(["test", "demo"])
        if one.relay:
            off = self.relay_error[one.relay]
            shown = lambda at: write(self.begin + round((at + off) * 1e6))
            body["relay"] = {"id": one.relay, "received_at": shown(t), "sent_at": shown(t)}
            if self.random.random() < 0.7:
                body["relay"]["device_clock"] = self.clock(one, t)
        return body

    def send(self, one, body, kind, *, topic="telemetry", remember=True, **flags):
        if remember:
            one.sent.append((topic, body))
            one.sent = one.sent[-40:]
        self.put(kind, {"message": {"principal": one.principal, "device": one.id, "kind": topic, "body": body, "qos": 1,
                                    "retain": False, "dup": False, "backlog": False, **flags}})

    def live(self, one, kind="live"):
        body = self.body(one, self.t, kind)
        body["readings"] = self.readings(one, self.t - self.random.choice([0, 0, 0, 0.2, 2]), kind)
        self.send(one, body, kind)

    def late(self, one):
        """Readings of before, sent now."""
        back = self.random.choice([7, 30, 90, 400, 4000, 10_000, 100_000, 300_000])
        body = self.body(one, self.t)
        body["readings"] = self.readings(one, self.t - back, "late")
        self.send(one, body, "late")

    def ahead(self, one):
        body = self.body(one, self.t)
        body["readings"] = self.readings(one, self.t + self.random.choice([4, 60, 240, 400, 2000, 9000]), "ahead")
        self.send(one, body, "ahead")

    def queue(self, one):
        """An outbox emptied: old bytes unchanged, old `sent_at` included."""
        r = self.random
        made = r.randint(3, 12)
        apart = r.choice([one.interval, 60, 5])
        apart = min(apart, 7200)
        start = self.t - made * apart
        bodies = []
        for n in range(made):
            at = start + n * apart
            body = self.body(one, at)
            body["readings"] = self.readings(one, at, "queue")
            bodies.append(body)
        order = r.choice(["oldest", "oldest", "newest"])
        backlog = r.random() < 0.3
        for body in bodies if order == "oldest" else reversed(bodies):
            self.t += r.choice([0.03, 0.03, 0.5])
            self.send(one, body, f"queue_{order}" + ("_backlog" if backlog else ""), backlog=backlog)

    def run(self, one):
        """A stream for a while."""
        r = self.random
        for _ in range(r.randint(3, 25)):
            self.t += one.interval * r.choice([1, 1, 1, 1, 1.1, 2]) if one.interval < 3600 else one.interval
            self.live(one)

    def batch(self, one):
        """Several instants in one message, in any order."""
        body = self.body(one, self.t)
        times = [self.t - n * min(one.interval, 60) for n in range(self.random.randint(2, 6))]
        self.random.shuffle(times)
        body["readings"] = [reading for at in times for reading in self.readings(one, at, "batch")]
        self.send(one, body, "batch")

    def repeated(self, one, kind):
        """The same readings again: as a correction, a withdrawal, final after preliminary, or another value."""
        r = self.random
        old = [body for topic, body in one.sent if topic == "telemetry" and body.get("readings")]
        if not old:
            return self.live(one)
        before = r.choice(old[-6:])
        body = self.body(one, self.t)
        body["readings"] = []
        for reading in r.sample(before["readings"], r.randint(1, len(before["readings"]))):
            again = dict(reading)
            if kind == "withdrawal":
                again["status"] = "entered-in-error"
                if r.random() < 0.15:
                    body["mode"] = "test"
            elif kind in ("correction", "conflict", "final"):
                self.another(again)
                again["status"] = "corrected" if kind == "correction" else "final"
            again.pop("quality", None) if r.random() < 0.7 else None
            body["readings"].append(again)
        return self.send(one, body, kind)

    def another(self, reading):
        """Another value in place of the one it has."""
        signal = reading["signal"] if reading["signal"] in VALUES else None
        if "value" in reading and signal:
            reading["value"] = self.random.choice(self.random.choice(VALUES[signal]))

    def redelivered(self, one):
        if not one.sent:
            return self.live(one)
        topic, body = self.random.choice(one.sent[-5:])
        return self.send(one, body, "redelivered", topic=topic, remember=False, dup=self.random.random() < 0.7)

    def seq_reused(self, one):
        self.live(one, "seq_reused_after")
        one.seq -= 1
        self.t += 1
        self.live(one, "seq_reused")

    def boot_back(self, one):
        one.boot = max(0, (one.boot or 5) - 1)
        one.seq = 0
        self.live(one, "boot_back")

    def boot_lost(self, one):
        """Counter and clock go back together."""
        r = self.random
        one.boot, one.seq = max(0, (one.boot or 5) - r.choice([0, 1])), 0
        one.error, one.stands = one.error - r.choice([40, 600, 3600]), None
        for _ in range(r.randint(3, 20)):
            self.t += min(one.interval, 60)
            self.live(one, "boot_lost")

    def boot_on(self, one):
        one.boot, one.seq = (one.boot or 4) + 1, 0
        self.live(one, "boot_on")

    def boot_gone(self, one):
        one.boot = None
        self.live(one, "boot_gone")

    def clock_wrong(self, one):
        one.error = self.random.choice([3, 20, 90, 240, -240, 10_800, -10_800, -157_000_000, 400])
        one.stands = None
        self.live(one, "clock_step")

    def clock_lags(self, one):
        """What it measures is stamped by another clock than what it sends, or by NTP that does not work."""
        r = self.random
        if r.random() < 0.5:
            one.lag = r.choice([25, 50, 90, 3600, 7200])
        else:
            one.error, one.stands, one.source = -r.choice([45, 120, 600, 3600]), None, "ntp"
        for _ in range(r.randint(4, 25)):
            self.t += one.interval * r.choice([1, 1, 1, 1.1]) if one.interval < 3600 else one.interval
            self.live(one, "clock_lags")

    def seq_back(self, one):
        """A counter of few bits, or one wild number."""
        r = self.random
        if r.random() < 0.5:
            one.seq, before = r.choice([1_000, 2**53 - 2]), one.seq
            self.live(one, "seq_wild")
        else:
            one.seq += r.choice([0, 70, 255])
            self.live(one, "seq_on")
            before = 0
        one.seq = before
        for _ in range(r.randint(2, 8)):
            self.t += min(one.interval, 60)
            self.live(one, "seq_back")

    def clock_right(self, one):
        one.error, one.stands, one.lag = 0, None, 0
        self.live(one, "clock_right")

    def clock_reset(self, one):
        """A clock that begins in 2015 or 2021."""
        year = self.random.choice(["2015-01-01T00:00:00Z", "2021-01-01T00:00:00Z", "1999-01-01T00:00:00Z"])
        one.error, one.stands = (stamp(year) - self.begin) / 1e6 - self.t, None
        self.live(one, "clock_reset")

    def clock_stands(self, one):
        one.stands = self.t - self.random.choice([0, 0, 90, 3600])
        self.live(one, "clock_stands")
        for _ in range(self.random.choice([0, 0, 15])):
            self.t += min(one.interval, 60)
            self.live(one, "clock_stands")

    def stray(self, one):
        """A principal that may not speak for the device."""
        body = self.body(one, self.t)
        body["readings"] = self.readings(one, self.t, "live")
        one.seq -= 1
        self.put("stray", {"message": {"principal": "nobody", "device": one.id, "kind": "telemetry", "body": body,
                                       "qos": 1, "retain": False, "dup": False, "backlog": False}})

    def told(self, one):
        body = self.body(one, self.t)
        body["signals"] = [{"signal": s, "interval_s": one.interval} for s in one.signals]
        if self.random.random() < 0.3:
            body["mode"] = "test"
        self.send(one, body, "info", topic="info")

    def retained(self, one):
        body = self.body(one, self.t)
        body["readings"] = self.readings(one, self.t, "live")
        self.send(one, body, "retained", retain=True)

    # --- Events -------------------------------------------------------------------------------------

    def event(self, one):
        r = self.random
        phase = r.choice(["single", "single", "start", "end", "end", "update"])
        back = r.choice([0, 0, 0, 1, 30, 170, 5000, 200_000])
        event = {"event": r.choice(EVENTS), "at": self.clock(one, self.t - back), "phase": phase}
        if phase == "end" and one.episodes and r.random() < 0.9:
            event["event"], event["id"] = r.choice(one.episodes[-4:])
        elif r.random() < 0.8:
            reuse = one.episodes and r.random() < 0.25
            event["event"], event["id"] = r.choice(one.episodes) if reuse else (event["event"], f"ep-{len(one.episodes) + 1}")
            one.episodes.append((event["event"], event["id"]))
        body = self.body(one, self.t)
        body["events"] = [event]
        self.send(one, body, f"event_{phase}" + ("_late" if back > 20 else ""), topic="events")

    def event_burst(self, one):
        name = self.random.choice(EVENTS)
        for _ in range(self.random.randint(3, 6)):
            self.t += 0.02
            body = self.body(one, self.t)
            one.episodes.append((name, f"ep-{len(one.episodes) + 1}"))
            body["events"] = [{"event": name, "id": one.episodes[-1][1], "at": self.clock(one, self.t)}]
            self.send(one, body, "event_burst", topic="events")

    # --- Commands -----------------------------------------------------------------------------------

    def unbind(self, one):
        self.bound[one.id] = None
        self.command("unbind", device=one.id)

    def rebind(self, one):
        before = self.bound.get(one.id)
        self.unbind(one)
        self.t += self.random.choice([0, 0.5, 3, 30])
        if self.random.random() < 0.5 and before:
            self.bound[one.id] = before
            self.binding_since[one.id] = round(self.t, 3)
            self.command("bind", "bind_again", device=one.id, patient=before, zero_means_no_sensor=[])
        else:
            self.bind(one)

    def correct_binding(self, one):
        patient = self.random.choice([*self.patients, None])
        self.bound[one.id] = patient
        self.command("correct_binding", device=one.id, **{"from": self.binding_since.get(one.id, 0)}, patient=patient, reason="wrong bed")

    def discharge(self, one):
        r = self.random
        patient = r.choice(self.patients)
        reason = {"reason": "home"} if r.random() < 0.6 else {}
        self.command("discharge", patient=patient, **reason)
        for device, bound in self.bound.items():
            if bound == patient:
                self.bound[device] = None
        if r.random() < 0.7:
            self.t += r.choice([1, 60])
            self.admit(patient)

    def limits(self, one):
        r = self.random
        patient = self.bound.get(one.id) or r.choice(self.patients)
        chosen = []
        for signal in r.sample(one.signals, r.randint(1, len(one.signals))):
            low, high = VALUES[signal][1][0], VALUES[signal][0][0]
            side, value = r.choice([("low", low + r.choice([-2, 0, 3])), ("high", high + r.choice([1, 60])), ("low", None)])
            name = r.choice(CODES[signal]) if signal in CODES and r.random() < 0.3 else signal
            chosen.append({"signal": name, "side": side, "critical": r.random() < 0.2, "value": value, "unit": UNITS[signal]})
        for one in chosen if self.expiring else ():
            if r.random() < 0.6:
                ends = self.t + r.choice([0, 5, 30, 90, 600, 4000] if self.dense else [600, 7200, 80_000, 90_000, 200_000])
                one["until"] = write(self.begin + round(round(ends, 3) * 1e6))
        if r.random() < 0.15:
            chosen.append(dict(chosen[0]))
        if r.random() < 0.1:
            chosen.append({"signal": "weight", "side": "low", "critical": False, "value": 40, "unit": "kg"})
        if r.random() < 0.1:
            chosen += [{"signal": "nibp_sys", "side": "low", "critical": False, "value": 90, "unit": "mm[Hg]"},
                       {"signal": "nibp_sys", "side": "high", "critical": False, "value": 10, "unit": "mm[Hg]"}]
        if r.random() < 0.15:
            chosen = []
        reason = {"reason": "usual for her"} if r.random() < 0.7 else {}
        later = r.choice([1, 7, 20, 70, 600] if self.dense else [600, 7200, 90_000])
        when = {"from": round(self.t + later, 3)} if r.random() < 0.25 else {}
        self.command("limits", patient=patient, limits=chosen, **when, **reason)

    def patch(self, one):
        r = self.random
        patient = self.bound.get(one.id) or r.choice(self.patients)
        change = r.choice([{"pregnant": True}, {"pregnant": False}, {"continuous": True}, {"age_class": "adult"}, {"age_class": "paediatric"}])
        self.command("patch_patient", patient=patient, **change)

    def answer(self, one):
        """A person answers an alarm, often one that is open, sometimes one that is not."""
        r = self.random
        fresh = [a for a in self.world.alarms.open.values() if a.rule != "link.refused"] if self.world else []
        if fresh and r.random() < 0.93:
            alarm = r.choice(sorted(fresh, key=lambda a: str(a.key)))
            patient, rule, source = alarm.key
        else:
            patient, rule, source = r.choice(self.patients), "vitals_live.spo2_low", one.id
        act = r.choice(["acknowledge"] * 5 + ["reset"] * 3 + ["unacknowledge"] + ["pause"] * 4 + ["off"] * 2 + ["resume"] * 2 + ["comment"])
        fields = {"reason": r.choice(["seen", "CT"])} if r.random() < 0.6 else {}
        if act == "off" or (act == "pause" and r.random() < 0.5):
            fields["until"] = round(self.t + r.choice([0, 30, 110, 120, 500, 4000, 86_400, 90_000]), 3)
        if act in ("pause", "off"):
            fields["what"] = r.choice(["audio", "alarm", "alarm"])
        if act == "comment":
            fields["text"] = r.choice(["probe moved", "probe moved", "", "é" * 501])
        self.command("alarm", f"alarm_{act}", patient=patient, rule=rule, source=source, act=act,
                     seen=r.choice(["now", "now", "now", "first"]), **fields)

    def pause(self, one):
        """Of a rule, a patient, or whoever lies in a bed."""
        r = self.random
        rules = sorted({a.rule for a in self.world.alarms.open.values() if a.patient is not None}) if self.world else []
        rule = r.choice(rules) if rules and r.random() < 0.7 else r.choice(
            ["vitals_live.spo2_low", "vitals_live.heart_rate_high", "link.silence", "gateway.deaf", "vitals_live.nothing"])
        patient = self.bound.get(one.id) or r.choice(self.patients)
        scope = r.choice([{"patient": patient}] * 4 + [{"rule": rule}] * 2 + [{"patient": patient, "rule": rule}] + [{}])
        if self.beds and r.random() < 0.3:
            scope = {"bed": r.choice(self.beds), **({"rule": rule} if r.random() < 0.2 else {})}
        self.scopes.append(scope)
        until = round(self.t + r.choice([40, 110, 400, 4000, 40_000] + ([0, 86_400, 90_000] if r.random() < 0.2 else [])), 3)
        reason = {"reason": "CT"} if r.random() < 0.9 else {}
        self.command("pause", "pause_scope", **scope, until=until, **reason)

    def end_pause(self, one):
        scope = self.random.choice(self.scopes) if self.scopes else {"patient": self.random.choice(self.patients)}
        self.command("end_pause", **scope)

    def transfer(self, one):
        if self.beds:
            self.command("transfer", patient=self.random.choice(self.patients), bed=self.random.choice(self.beds))

    def move_bed(self, one):
        if self.beds:
            self.command("add_bed", "move_bed", bed=self.random.choice(self.beds), ward=self.random.choice(["w-1", "w-2"]))

    def register_again(self, one):
        self.command("register", "register_again", device=one.id, **{"class": one.cls}, kind="device",
                     via=[one.relay] if one.relay else [], signals=[{"signal": s} for s in one.signals])

    def bind_taken(self, one):
        """A device that is somebody's already, or the same again with another word for zero."""
        patient = self.random.choice(self.patients)
        taken = self.bound.get(one.id) is not None
        if not taken:
            self.bound[one.id], self.binding_since[one.id] = patient, round(self.t, 3)
        self.command("bind", "bind_taken" if taken else "bind", device=one.id, patient=patient,
                     zero_means_no_sensor=self.random.sample(one.signals, 1))

    # --- The gateway --------------------------------------------------------------------------------

    def gap(self, one):
        begin = round(self.t, 3)
        self.t += self.random.choice([1, 3, 6, 8, 12, 30, 400])
        self.put("gap", {"gap": {"from": begin}})

    def reload(self, one):
        r = self.random
        self.put("reload", {"reload": r.sample(RELOADS, r.randint(0, 2))})

    def restart(self, one):
        self.put("restart", {"restart": True})

    def tick(self, one):
        r = self.random
        self.t += r.choice([1, 5, 11, 20, 65, 130] if self.dense else [600, 3600, 8000, 90_000, 200_000])
        self.put("tick", {"tick": True})

    def silence(self, one):
        self.t += self.random.choice([20, 70, 310, 700, 4000] if self.dense else [8000, 90_000, 300_000, 900_000])
        self.put("long_silence", {"tick": True})

    ACTIONS = {
        "live": 14, "run": 7, "late": 4, "ahead": 2, "queue": 2, "batch": 2, "correction": 2, "conflict": 2,
        "withdrawal": 3, "final": 1, "preliminary": 1, "quality": 2, "absent": 1, "comparator": 2, "implausible": 1,
        "zero": 2, "unit": 1, "other_unit": 2, "fraction": 1, "untimed": 1, "age": 1, "instance": 1, "mode_test": 1,
        "redelivered": 1, "seq_reused": 1, "boot_back": 1, "boot_lost": 0.4, "boot_on": 1, "boot_gone": 0.3, "clock_wrong": 1,
        "clock_right": 1.5, "clock_lags": 0.7, "seq_back": 0.4, "clock_reset": 0.5, "clock_stands": 0.5, "stray": 0.3, "told": 0.5, "retained": 0.5,
        "event": 5, "event_burst": 0.7, "unbind": 0.6, "bind_taken": 1.5, "rebind": 1.2, "correct_binding": 1, "discharge": 0.6,
        "limits": 2, "patch": 0.8, "answer": 11, "pause": 1.5, "end_pause": 0.7, "transfer": 0.5, "move_bed": 0.3, "register_again": 0.4, "gap": 1,
        "reload": 0.7, "restart": 0.5, "tick": 3, "silence": 1,
    }
    READING = {"live", "preliminary", "quality", "absent", "comparator", "implausible", "zero", "unit", "other_unit",
               "fraction", "untimed", "age", "instance", "mode_test"}
    REPEATED = {"correction", "conflict", "withdrawal", "final"}

    def make(self):
        """Header and steps."""
        r = self.random
        self.people()
        self.things()
        names, weights = list(self.ACTIONS), list(self.ACTIONS.values())
        focus = r.choice(self.senders)
        while len(self.lines) < self.length:
            if r.random() < 0.05:
                focus = r.choice(self.senders)
            one = focus if r.random() < 0.75 else r.choice(self.senders)
            action = r.choices(names, weights)[0]
            if action in ("live", "run", "late"):
                one.stands = None if r.random() < 0.1 else one.stands
            self.t += r.choice([0.5, 1, 1, 2, 4] if self.dense else [5, 60, 300, 1800, 7200, 43_000])
            if action in self.READING:
                self.live(one, action)
            elif action in self.REPEATED:
                self.repeated(one, action)
            else:
                getattr(self, action)(one)
        return [self.header, *self.lines[: self.length]]


def history(seed, steps=200, aim=True, expiring=False):
    """The lines of one history, and the second judge's answers to it. `expiring`: some limits of patients end."""
    maker = Maker(seed, steps, aim, expiring)
    lines = maker.make()
    return lines, maker.answers[:steps]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--histogram", action="store_true")
    args = parser.parse_args()
    if not args.histogram:
        for line in history(args.seed, args.steps)[0]:
            print(json.dumps(line))
        return
    found = Counter()
    for seed in range(args.seed, args.seed + 100):
        maker = Maker(seed, args.steps)
        maker.make()
        found += maker.kinds
    for kind, count in found.most_common():
        print(f"{count:8} {kind}")


if __name__ == "__main__":
    main()
