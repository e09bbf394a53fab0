"""Which tests of a failed run may be tried once more: at most three of the whole program over real sockets.

    python again.py LOG

Prints their names, one a line. Ends with 1, and says why, where anything else failed: a test without sockets and peers
that fails once is wrong, and so is a run in which many do.
"""

import re
import sys

AT_MOST = 3
WHOLE_PROGRAM = "`-p vitalgate --test it`"


def to_try(log):
    """The names, and why there are none."""
    failed = re.search(r"^error: \d+ targets? failed:\n((?: +`.*`\n?)+)", log, re.MULTILINE)
    if not failed:
        return [], "it did not end with tests that failed"
    targets = [line.strip() for line in failed[1].splitlines()]
    if targets != [WHOLE_PROGRAM]:
        return [], f"failed: {', '.join(targets)}"
    lists = re.findall(r"^failures:\n((?:    \S+\n)+)", log, re.MULTILINE)
    names = lists[-1].split() if lists else []
    if not names or len(names) > AT_MOST:
        return [], f"{len(names)} tests of the whole program failed"
    return names, None


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        names, why_not = to_try(log.read())
    if why_not:
        sys.exit(f"not tried again: {why_not}")
    print("\n".join(names))


if __name__ == "__main__":
    main()
