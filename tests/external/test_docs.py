"""What the pages name exists: every path of the repository in docs, README and CONTRIBUTING.

Run from this folder: python3 -m unittest
"""

import itertools
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = "src|crates|tests|config|docs|examples|deploy|simulators|web|benches|fuzz"
NAMED = re.compile(rf"`((?:{FOLDERS})/[A-Za-z0-9_./{{}},*-]*)`")


def expand(path):
    """`src/{a,b}.rs` is two paths."""
    parts = [part.split(",") for part in re.split(r"\{([^}]*)\}", path)]
    return ["".join(choice) for choice in itertools.product(*parts)]


def tracked():
    """Files of the repository, and the folders that hold them."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    folders = {str(parent) for file in listed for parent in Path(file).parents}
    return set(listed) | folders


def named(text):
    """Paths that a page names."""
    for found in NAMED.findall(text):
        yield from (path.rstrip("/") for path in expand(found) if "*" not in path)


class Paths(unittest.TestCase):
    def test_every_path_that_a_page_names_exists(self):
        known = tracked()
        pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
        missing = [
            f"{page.relative_to(ROOT)}: {path}"
            for page in pages
            for path in named(page.read_text(encoding="utf-8"))
            if path not in known and f"{path}.rs" not in known
        ]
        self.assertEqual(missing, [], "\n" + "\n".join(missing))

    def test_a_path_that_does_not_exist_is_found(self):
        self.assertEqual(list(named("see `src/{a,b}.rs` and `no/path`")), ["src/a.rs", "src/b.rs"])
        self.assertNotIn("src/a.rs", tracked())


if __name__ == "__main__":
    unittest.main()
