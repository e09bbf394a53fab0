"""Runs both judges over the same histories.

`python3 -m model.compare --driver PATH --seed N --steps 1000000 [--minutes 5]` prints one line at the
end, and writes the smallest history of each new kind of disagreement to a file in `--out`.
"""

import argparse
import json
import re
import shlex
import sys
import time
from collections import Counter
from pathlib import Path

from . import combinations, duties, generator, kinds, outages, scores
from .case import Case
from .driver import Died, Driver
from .judge import rules
from .judge.world import World
from .shrink import shrink

LENGTH = 150


def judged(lines, floors=True):
    """This judge's answers to a history."""
    world = World(lines[0], floors)
    return [world.step(line) for line in lines[1:]]


def first_difference(lines, model, driver):
    """(step, kinds) where the answers differ first, or None: what follows is a consequence."""
    for number, (line, one, other) in enumerate(zip(lines[1:], model, driver)):
        found = kinds.differences(line, one, other)
        if found:
            return number, found
    return None


class Comparison:
    """What was compared so far."""

    def __init__(self, driver, out, floors=True, skip=()):
        self.driver, self.out, self.floors = driver, Path(out), floors
        self.skip = [re.compile(one) for one in skip]
        self.steps = self.histories = self.differing = 0
        self.writes = True
        self.kinds = Counter()

    def differ(self, lines, model=None):
        """(step, kinds) of a history, or None."""
        if model is None:
            model = judged(lines, self.floors)
        try:
            answers = self.driver.answers(lines)
        except Died as why:
            return len(lines) - 2, {f"driver died {why}" if "answers" not in str(why) else "driver died"}
        found = first_difference(lines, model, answers)
        if found:
            wanted = {kind for kind in found[1] if not any(one.search(kind) for one in self.skip)}
            return (found[0], wanted) if wanted else None
        return None

    def run(self, lines, model=None):
        """Compares one history; a new kind is shrunk and written."""
        self.histories += 1
        self.steps += len(lines) - 1
        found = self.differ(lines, model)
        if not found:
            return
        self.differing += 1
        place, different = found
        for kind in sorted(different):
            self.kinds[kind] += 1
            if self.kinds[kind] == 1 and self.writes:
                self.write(kind, lines[: place + 2])

    def kinds_of(self, lines):
        """The kinds of a history that shrinking made, which may be none."""
        try:
            found = self.differ(lines)
        except (KeyError, TypeError, ValueError):
            return set()
        return found[1] if found else set()

    def write(self, kind, lines):
        def same(candidate):
            return kind in self.kinds_of(candidate)

        small = shrink(lines, same) if same(lines) else lines
        self.out.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")[:80]
        path = self.out / f"{name}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in small))
        print(f"new: {kind}: {len(small) - 1} steps in {path}", file=sys.stderr)


def read_histories(path):
    """Histories from a file of JSON lines."""
    found = []
    for line in Path(path).read_text().splitlines():
        step = json.loads(line)
        if "begin" in step:
            found.append([])
        found[-1].append(step)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", required=True, help="the other judge, with its arguments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--length", type=int, default=LENGTH, help="steps of one history")
    parser.add_argument("--duty", action="store_true", help="histories in which somebody is on duty")
    parser.add_argument("--outages", action="store_true", help="histories of relays with several patients that go quiet and come back")
    parser.add_argument("--scores", action="store_true", help="histories of patients whose score is judged")
    parser.add_argument("--combinations", action="store_true", help="histories of patients of whom several conditions are judged at once")
    parser.add_argument("--packs", type=Path, help="the folder of the packs, if it is not config/packs")
    parser.add_argument("--expiring", action="store_true", help="histories in which limits of patients end")
    parser.add_argument("--minutes", type=float, help="ends after so long, whatever was done")
    parser.add_argument("--out", default="disagreements")
    parser.add_argument("--names", help="JSON: names of rules of the driver, as this judge calls them")
    parser.add_argument("--skip", action="append", default=[], help="kinds (regular expression) to pass over")
    parser.add_argument("--no-floors", action="store_true", help="without the lethal floors of contract 0.22a")
    parser.add_argument("--at-least", type=float, metavar="SHARE",
                        help="how many of the histories must be judged alike from end to end; writes none of the others")
    parser.add_argument("--files", nargs="*", help="histories to run instead of made ones")
    parser.add_argument("--cases", type=Path, nargs="*", help="cases to play instead; nothing is written of them")
    parser.add_argument("--recordings", type=Path, help="the folder of their recordings")
    args = parser.parse_args()
    rules.PACKS = args.packs or rules.PACKS
    names = json.loads(Path(args.names).read_text()) if args.names else None
    comparison = Comparison(Driver(shlex.split(args.driver), names), args.out, not args.no_floors, args.skip)
    comparison.writes = args.at_least is None and args.cases is None
    until = time.monotonic() + args.minutes * 60 if args.minutes else None
    try:
        if args.cases is not None:
            for path in args.cases:
                comparison.run(list(Case(path, args.recordings).history()))
        elif args.files is not None:
            for path in args.files:
                for lines in read_histories(path):
                    comparison.run(lines)
        else:
            made(comparison, args, until)
    finally:
        comparison.driver.close()
    found = ", ".join(f"{count} {kind}" for kind, count in comparison.kinds.most_common()) or "none"
    alike = comparison.histories - comparison.differing
    print(f"seed {args.seed}: {comparison.steps} steps, {comparison.histories} histories, {alike} of them alike from end "
          f"to end, disagreements: {found}")
    if args.at_least is not None:
        sys.exit(0 if comparison.histories and alike >= args.at_least * comparison.histories else 1)
    sys.exit(1 if comparison.kinds else 0)


def made(comparison, args, until):
    """Histories one after another, until enough."""
    seed, maker = args.seed * 1_000_000, generator
    for chosen, other in ((args.duty, duties), (args.outages, outages), (args.scores, scores),
                          (args.combinations, combinations)):
        maker = other if chosen else maker
    while comparison.steps < args.steps and (until is None or time.monotonic() < until):
        lines, model = maker.history(seed, args.length, expiring=args.expiring)
        comparison.run(lines, None if args.no_floors else model)
        seed += 1


if __name__ == "__main__":
    main()
