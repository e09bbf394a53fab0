"""`python3 -m oracle CASE --recordings FOLDER`: one line of JSON for each alarm that must open."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from .case import Case


def main() -> None:
    """Prints the openings of a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=Path)
    parser.add_argument("--recordings", type=Path, required=True)
    args = parser.parse_args()
    case = Case.load(args.case)
    for opening in case.openings(args.recordings):
        print(json.dumps({"patient": case.patient, **asdict(opening)}))


main()
