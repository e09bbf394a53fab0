"""Small histories for tests: a bed, a patient, a device, and what they do."""

from .judge.when import stamp, write
from .judge.world import World

BEGIN = "2026-11-21T10:00:00Z"
UNITS = {"spo2": "%", "heart_rate": "/min", "respiratory_rate": "/min", "nibp_sys": "mm[Hg]", "abp_sys": "mm[Hg]", "temperature": "Cel",
         "glucose_cgm": "mg/dL", "glucose_blood": "mg/dL", "impedance": "Ohm", "pulse_rate": "/min", "etco2": "mm[Hg]", "weight": "kg"}


class Story:
    """Steps of one history; each call is one step and keeps the answer."""

    def __init__(self, *, floors=False, age="adult", cls="bedside", signals=("spo2",), rules=None, packs=(), bind=True, **patient):
        header = {"history": 1, "site": "site-1", "time_zone": "UTC", "begin": BEGIN, "rules": rules, "packs": list(packs)}
        self.world = World(header, floors)
        self.begin, self.seq, self.log, self.times, self.last = stamp(BEGIN), {}, [], [], None
        self.t = 0
        self.do("admit", patient="p-1", age_class=age, **patient)
        self.do("register", device="d-1", **{"class": cls}, kind="device", via=[], signals=[{"signal": s} for s in signals])
        if bind:
            self.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=[])

    def step(self, **step):
        self.last = self.world.step({"t": self.t, **step})
        self.log.append(self.last)
        self.times.append(self.t)
        return self.last

    def wait(self, to):
        self.t = to
        return self.step(tick=True)

    def do(self, do, **fields):
        return self.step(command={"actor": "nurse", "do": do, **fields})["answer"]

    def clock(self, t):
        return write(self.begin + round(t * 1e6))

    def send(self, *readings, t=None, device="d-1", error=0, made=None, sent_at=True, flags=None, principal=None, **body):
        """`readings` are dicts, or (signal, value or word); made now by a clock that is `error` wrong."""
        self.t = self.t if t is None else t
        made = self.t if made is None else made
        key = device, body.get("boot")
        self.seq[key] = self.seq.get(key, 0) + 1
        full = {"seq": self.seq[key], **({"sent_at": self.clock(made + error)} if sent_at else {}), **body}
        full["readings"] = [self.reading(one, made + error) for one in readings]
        return self.step(message={"principal": principal or device, "device": device, "kind": "telemetry", "body": full,
                                  "qos": 1, "retain": False, "dup": False, "backlog": False, **(flags or {})})

    def reading(self, one, at):
        if isinstance(one, dict):
            one = dict(one)
        else:
            one = {"signal": one[0], "code" if isinstance(one[1], str) else "value": one[1]}
        if "value" in one:
            one.setdefault("unit", UNITS.get(one["signal"], "/min"))
        if "from" in one:
            one["from"], one["to"] = self.clock(one["from"]), self.clock(one["to"])
        elif "at" not in one and "age_ms" not in one and not one.pop("untimed", False):
            one["at"] = self.clock(at)
        elif isinstance(one.get("at"), (int, float)):
            one["at"] = self.clock(one["at"])
        return one

    def event(self, event, t=None, device="d-1", at=None, **fields):
        self.t = self.t if t is None else t
        body = dict(fields.pop("body", {}))
        self.seq["events"] = self.seq.get("events", 0) + 1
        body = {"seq": self.seq["events"], "sent_at": self.clock(self.t), **body,
                "events": [{"event": event, "at": self.clock(self.t if at is None else at), **fields}]}
        return self.step(message={"principal": device, "device": device, "kind": "events", "body": body,
                                  "qos": 1, "retain": False, "dup": False, "backlog": False})

    def stream(self, begin, end, *readings, every=1, **about):
        t = begin
        while t <= end:
            self.send(*readings, t=t, **about)
            t += every

    def act(self, act, rule, source="d-1", patient="p-1", seen="now", **fields):
        return self.do("alarm", patient=patient, rule=rule, source=source, act=act, seen=seen, **fields)

    def alarm(self, rule, source=None, patient="p-1"):
        found = [a for a in self.last["alarms"] if a["rule"] == rule and a["patient"] == patient
                 and (source is None or a["source"] == source)]
        return found[0] if found else None

    def told(self, rule):
        """Every announcement of a rule so far, as (priority, late)."""
        return [(a[3], a[4]) for answer in self.log for a in answer["announced"] if a[1] == rule]

    def closed(self, rule):
        return [c[3] for answer in self.log for c in answer["closed"] if c[1] == rule]
