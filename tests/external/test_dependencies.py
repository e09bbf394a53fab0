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


def depended_on():
    for path in manifests():
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
        for kind in ("dependencies", "dev-dependencies"):
            yield from manifest.get(kind, {})


def on_the_page():
    return set(re.findall(r"`([a-z0-9_-]+)`", PAGE.read_text(encoding="utf-8")))


class Dependencies(unittest.TestCase):
    def test_every_dependency_is_on_the_page(self):
        self.assertEqual(sorted(set(depended_on()) - on_the_page()), [])

    def test_every_row_of_the_table_is_a_dependency(self):
        rows = re.findall(r"^\| (`[^|]*`) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        named = {name for row in rows for name in re.findall(r"`([a-z0-9_-]+)`", row)}
        self.assertEqual(sorted(named - set(depended_on())), [])


if __name__ == "__main__":
    unittest.main()
