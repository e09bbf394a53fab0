"""What is compared, with which commit, and what fails."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import changed_rules

# Prints the words it was called with and the old rules; what is called wrong it refuses.
PROGRAM = """#!/bin/sh
echo "$@"
for word; do
    case $word in /*.toml) cat "$word"; grep -q wrong "$word" && { echo "$word: line 1" >&2; exit 64; } ;; esac
done
grep -q wrong config/rules.toml && { echo "config/rules.toml: line 1" >&2; exit 64; }
exit 0
"""


class ChangedRules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        for path in ("config/packs", "tests/model/cases"):
            Path(path).mkdir(parents=True)
        Path("tests/model/cases/one.json").write_text("{}")
        Path("program").write_text(PROGRAM)
        Path("program").chmod(0o755)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.write("rules.toml", "first\n")
        self.write("packs/hf.toml", "pack of before\n")
        self.commit()

    def git(self, *words):
        subprocess.run(["git", "-c", "user.name=ci", "-c", "user.email=ci@localhost", *words], check=True, capture_output=True)

    def commit(self):
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "made")

    def write(self, name, text):
        Path("config", name).write_text(text)

    def run_it(self, *words):
        said = io.StringIO()
        arguments = ["changed_rules.py", "--binary", "./program", "--recordings", "recordings", *words]
        with mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(said):
            return changed_rules.main(), said.getvalue()

    def test_the_first_commit_has_none_before(self):
        self.assertEqual(self.run_it(), (0, "there is no commit before this one\n"))

    def test_rules_as_they_were_are_not_played(self):
        self.write("gateway.toml", "other\n")
        self.commit()
        code, said = self.run_it()
        self.assertEqual((code, said.split(" ")[:4]), (0, ["the", "rules", "are", "those"]))

    def test_changed_rules_are_played_against_those_of_before(self):
        self.write("rules.toml", "second\n")
        self.commit()
        code, said = self.run_it()
        self.assertEqual(code, 0)
        self.assertIn("backtest --rules config/rules.toml --packs none --against", said)
        self.assertIn("--against-packs none --case tests/model/cases/one.json recordings\nfirst\n", said)

    def test_each_changed_pack_has_a_table(self):
        self.write("packs/hf.toml", "pack of now\n")
        self.write("packs/new.toml", "new\n")
        self.commit()
        code, said = self.run_it()
        self.assertEqual((code, said.count("--- ")), (0, 2))
        self.assertIn("--packs ./config/packs/hf.toml --against config/rules.toml --against-packs /", said)
        self.assertIn("pack of before\n", said)
        self.assertIn("--packs ./config/packs/new.toml --against config/rules.toml --against-packs none", said)

    def test_a_pack_that_is_gone_is_compared_with_none(self):
        Path("config/packs/hf.toml").unlink()
        self.commit()
        self.assertIn("--packs none --against config/rules.toml --against-packs /", self.run_it()[1])

    def test_from_where_the_work_left_the_main_line(self):
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        for text in ("second\n", "third\n"):
            self.write("rules.toml", text)
            self.commit()
        self.assertIn("\nfirst\n", self.run_it()[1])
        self.assertIn("\nsecond\n", self.run_it("--base", "HEAD~1")[1])
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.assertIn("\nsecond\n", self.run_it()[1])

    def test_only_rules_that_cannot_be_played_now_fail(self):
        self.write("rules.toml", "wrong\n")
        self.commit()
        self.assertEqual(self.run_it()[0], 1)
        self.write("rules.toml", "right\n")
        self.commit()
        code, said = self.run_it()
        self.assertEqual(code, 0)
        self.assertIn("NOT COMPARED: this program cannot read the rules of before", said)


if __name__ == "__main__":
    unittest.main()
