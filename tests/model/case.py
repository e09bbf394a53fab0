"""A case: a recording, how it is played, and the figures by which it is to be judged."""

import json
from pathlib import Path

from . import csvs
from .judge.when import US, stamp, write
from .moves import Watched

START = "2026-03-02T00:00:00Z"
BEFORE = -60


class Case:
    """What a file under `cases/` says, beside the folder of its recording."""

    def __init__(self, path: Path, recordings: Path):
        self.name = path.stem
        self.raw = json.loads(path.read_text())
        self.patient, self.device = self.raw["patient"], self.raw["device"]
        self.columns = self.raw["columns"]
        self.recording = recordings / self.raw["recording"]

    def history(self):
        """The case as lines for either judge: people first, then limits and readings as they come."""
        yield self.header()
        for command in self.admission():
            yield {"t": 0, "command": command}
        steps = [(one.since, 0, one) for one in csvs.charted(self.recording, self.raw.get("charted_limits", {}))]
        steps += [(arrived, 1, together) for arrived, together in self._messages()]
        pairs = {}
        for seq, (at, _, step) in enumerate(sorted(steps, key=lambda one: one[:2]), start=1):
            if isinstance(step, csvs.Charted):
                limits = self._limits({**pairs, step.signal: step.pair})
                if not step.pair.mistyped:
                    pairs[step.signal] = step.pair
                yield {"t": at - BEFORE, "command": limits}
            else:
                yield {"t": at - BEFORE, "message": self._message(seq, at, step)}

    def play(self):
        """(world, answers to the changes of limits) after everything."""
        lines = self.history()
        world, answers = Watched(next(lines)), []
        for line in lines:
            answer = world.step(line)["answer"]
            if line.get("command", {}).get("do") == "limits":
                answers.append((line, answer))
            elif "command" in line and answer != "done":
                raise ValueError(f"{self.name}: {line}: {answer}")
        return world, answers

    def header(self):
        begin = write(stamp(START) + BEFORE * US)
        return {"history": 1, "site": "site-1", "time_zone": "UTC", "begin": begin, "rules": None}

    def admission(self):
        """A patient, the device, and where limits are charted none before the first."""
        every = self.raw["interval_s"]
        signals = [{"signal": about["signal"], "interval": every} for about in self.columns.values()]
        zero = [signal for signal, figures in self.raw["rules"].items() if figures.get("zero_means_no_sensor")]
        yield {"actor": "nurse", "do": "admit", "patient": self.patient, "age_class": "adult"}
        yield {"actor": "nurse", "do": "register", "device": self.device, "class": self.raw["class"], "kind": "device", "via": [],
               "signals": signals}
        yield {"actor": "nurse", "do": "bind", "device": self.device, "patient": self.patient, "zero_means_no_sensor": zero}
        if "charted_limits" in self.raw:
            yield self._limits({})

    def _limits(self, pairs):
        """Charted limits take the place of the shipped ones, the critical ones too."""
        wanted = []
        for about in self.columns.values():
            pair = pairs.get(about["signal"], csvs.Pair())
            for side, value in (("low", pair.low), ("high", pair.high)):
                for critical, limit in ((False, value), (True, None)):
                    wanted.append({"signal": about["signal"], "side": side, "critical": critical, "value": limit, "unit": about["unit"]})
        return {"actor": "nurse", "do": "limits", "patient": self.patient, "limits": wanted, "reason": "as charted"}

    def _messages(self):
        """What arrives together is one message."""
        found = {}
        for one in csvs.readings(self.recording, self.columns, zeros_are_gaps=self.raw.get("zeros_are_gaps", False)):
            found.setdefault(one.arrived, []).append(one)
        return found.items()

    def _message(self, seq, arrived, together):
        at = lambda seconds: write(stamp(START) + round(seconds * US))
        readings = [
            {"at": at(one.measured), "signal": self.columns[one.column]["signal"], "value": one.value,
             "unit": self.columns[one.column]["unit"]}
            for one in together
        ]
        body = {"boot": 1, "seq": seq, "sent_at": at(arrived), "mode": "real", "clock": {"source": "ntp"}, "readings": readings}
        return {"principal": self.device, "device": self.device, "kind": "telemetry", "body": body,
                "qos": 1, "retain": False, "dup": False, "backlog": False}
