"""The judge over recordings: what must move in the alarms of a case.

`python3 -m model.recordings CASE --recordings FOLDER` prints a line of JSON for each move of an alarm, then
one for each late crossing; times are seconds from the start of the recording. It fails where the figures of the
case are not those of the shipped rules.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from . import crossings, figures
from .case import START, Case
from .judge.when import US, stamp


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path)
    parser.add_argument("--recordings", type=Path, required=True)
    args = parser.parse_args()
    case = Case(args.case, args.recordings)
    differ = figures.differences(case)
    if differ:
        sys.exit("\n".join(differ))
    world = case.play()[0]
    for change in world.moves:
        write(change)
    for crossing in crossings.late(world):
        write(crossing, change="late_crossing")


def write(one, **more):
    print(json.dumps({**asdict(one), **more, "measured": seconds(one.measured), "at": seconds(one.at)}))


def seconds(at):
    return None if at is None else (at - stamp(START)) / US


if __name__ == "__main__":
    main()
