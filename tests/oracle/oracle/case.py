"""A case: one recording, and how it is to be judged."""

import json
from dataclasses import dataclass
from pathlib import Path

from . import judge, limits, readings


@dataclass(frozen=True)
class Case:
    """What a file under `cases/` says."""

    patient: str
    recording: str
    columns: dict[str, str]
    charted_limits: dict[str, str]
    rules: dict[str, judge.Rule]
    window: judge.Window

    @classmethod
    def load(cls, path: Path) -> "Case":
        """Reads a case; an unknown field of a rule is an error."""
        raw = json.loads(path.read_text())
        rules = {signal: _rule(signal, rule) for signal, rule in raw["rules"].items()}
        columns = {column: about["signal"] for column, about in raw["columns"].items()}
        return cls(
            patient=raw["patient"],
            recording=raw["recording"],
            columns={column: signal for column, signal in columns.items() if signal in rules},
            charted_limits=raw.get("charted_limits", {}),
            rules=rules,
            window=judge.Window(
                raw["live_window_s"], raw["actionable_window_s"], 7200.0 if raw["class"] == "charted" else 300.0
            ),
        )

    def openings(self, recordings: Path) -> list[judge.Opening]:
        """Everything that must be raised, in the order of time."""
        path = recordings / self.recording
        out: list[judge.Opening] = []
        histories = limits.charted(path, self.charted_limits, keep_inverted=False)
        judge.judge(readings.load(path, self.columns), self.rules, histories, self.window, out.append)
        return sorted(out, key=lambda opening: (opening.raised, opening.signal, opening.side))


def _rule(signal: str, raw: dict) -> judge.Rule:
    raw = dict(raw)
    pairs = {
        name: limits.Pair(*raw.pop(name, (None, None)))
        for name in ("limits", "critical")
    }
    return judge.Rule(signal=signal, plausible=tuple(raw.pop("plausible")), **pairs, **raw)
