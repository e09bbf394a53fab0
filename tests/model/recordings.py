"""The second judge over a recording of the oracle: is every excursion told?

`python3 -m model.recordings oracle/cases/*.json --recordings FOLDER [--hours 72]` prints what the
oracle opens and this judge does not tell, by the shipped rules.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

from oracle import limits, readings  # noqa: E402
from oracle.case import Case  # noqa: E402

from .history import Story  # noqa: E402
from .judge import rules  # noqa: E402


def _pairs(case, folder):
    """(time, signal, pair) of all limits charted beside the recording."""
    charted = limits.charted(folder / case.recording, case.charted_limits, keep_inverted=False)
    return sorted((t, s, p) for s, h in charted.items() for t, p in zip(h.times, h.pairs)) if charted else []


def _put(story, signal, own, units):
    """Charted limits take the place of the shipped ones, the critical ones too."""
    wanted = []
    for name, pair in own.items():
        for side, value in (("low", pair.low), ("high", pair.high)):
            wanted.append({"signal": name, "side": side, "critical": False, "value": value, "unit": units[name]})
            wanted.append({"signal": name, "side": side, "critical": True, "value": None, "unit": units[name]})
    return story.do("limits", patient="p-1", limits=wanted, reason="charted")


def _hear(story, heard):
    """What is open or announced now counts as told."""
    for rule in [a["rule"] for a in story.last["alarms"]] + [a[1] for a in story.last["announced"]]:
        heard.setdefault(rule, set()).add(story.t)


def told(path, folder, cls, columns, interval, hours):
    """(openings of the oracle, those of them that nobody was told of)."""
    case = Case.load(path)
    units = {about["signal"]: about["unit"] for about in columns.values()}
    until = hours * 3600
    story = Story(cls=cls, signals=list(case.rules), bind=False)
    story.do("register", device="d-1", **{"class": cls}, kind="device", via=[],
             signals=[{"signal": s, "interval": interval} for s in case.rules])
    story.do("bind", device="d-1", patient="p-1", zero_means_no_sensor=[s for s, r in case.rules.items() if r.zero_means_no_sensor])
    names = {rule.signal: rule.id for rule in rules.load().limits.values()}
    heard = {}
    own, pending = {}, _pairs(case, folder)
    for one in readings.load(folder / case.recording, case.columns):
        if one.arrived > until:
            break
        while pending and pending[0][0] <= one.arrived:
            at, signal, pair = pending.pop(0)
            own[signal] = pair
            story.t = max(story.t, at)
            _put(story, signal, own, units)
            _hear(story, heard)
        story.send({"signal": one.signal, "value": one.value, "at": one.measured, "unit": units[one.signal]},
                   t=max(one.arrived, story.t), sent_at=False)
        _hear(story, heard)
    expected = [o for o in case.openings(folder) if o.raised <= until and o.what in ("opened", "rose", "late")]
    missed = []
    for opening in expected:
        rule = f"{names[opening.signal]}_{opening.side}"
        near = heard.get(rule, ())
        if not any(opening.began - 1 <= t <= opening.raised + 2 * interval for t in near):
            missed.append(opening)
    return expected, missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path, nargs="+")
    parser.add_argument("--recordings", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=72)
    args = parser.parse_args()
    failed = False
    for path in args.cases:
        raw = json.loads(path.read_text())
        expected, missed = told(path, args.recordings, raw["class"], raw["columns"], raw["interval_s"], args.hours)
        print(f"{path.name}: {len(expected)} openings, {len(missed)} untold")
        for one in missed[:10]:
            print("   ", one)
        failed = failed or bool(missed)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
