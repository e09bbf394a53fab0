"""`python3 -m model.judge [--no-floors]`: histories as JSON lines in, answers as JSON lines out."""

import json
import sys

from .world import World


def main():
    world, floors = None, "--no-floors" not in sys.argv[1:]
    for line in sys.stdin:
        step = json.loads(line)
        if "begin" in step:
            world = World(step, floors)
        else:
            print(json.dumps(world.step(step)), flush=True)


main()
