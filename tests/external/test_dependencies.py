"""The table of dependencies names all of them: docs/decisions/0010-dependencies.md.

Run from this folder: python3 -m unittest
"""

import re
import tomllib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/decisions/0010-dependencies.md"


def manifests():
    """Of the workspace; the fuzzing targets are one of their own."""
    yield from (path for path in sorted(ROOT.glob("**/Cargo.toml")) if not {"target", "fuzz"} & set(path.parts))


def depended_on(kind):
    for path in manifests():
        yield from tomllib.loads(path.read_text(encoding="utf-8")).get(kind, {})


def names(text):
    return set(re.findall(r"`([a-z0-9_-]+)`", text))


def rows():
    """The first cell of each row: a crate that another row merely speaks of has none."""
    cells = re.findall(r"^\| (`[^|]*`) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return names(" ".join(cells))


def only_in_tests():
    return names(re.search(r"^Only in tests:.*?\n\n", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[0])


class Dependencies(unittest.TestCase):
    def test_every_dependency_has_a_row(self):
        self.assertEqual(sorted(set(depended_on("dependencies")) - rows()), [])

    def test_every_dependency_of_tests_is_listed(self):
        self.assertEqual(sorted(set(depended_on("dev-dependencies")) - rows() - only_in_tests()), [])

    def test_every_row_of_the_table_is_a_dependency(self):
        self.assertEqual(sorted(rows() - set(depended_on("dependencies"))), [])


if __name__ == "__main__":
    unittest.main()
