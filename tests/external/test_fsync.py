"""The preloaded library itself, without the gateway: `python3 -m unittest` in this folder."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SYNC = """
import os, sys
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
try:
    getattr(os, sys.argv[2])(file)
    print("synced")
except OSError as error:
    print(error.errno)
"""


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.build = tempfile.TemporaryDirectory()
        cls.library = Path(cls.build.name, "fsync.so")
        subprocess.run(
            ["cc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", cls.library, HERE / "fsync.c", "-ldl"],
            check=True,
        )

    @classmethod
    def tearDownClass(cls):
        cls.build.cleanup()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def start(self, call):
        return subprocess.Popen(
            [sys.executable, "-c", SYNC, self.folder / "data", call],
            env={**os.environ, "LD_PRELOAD": str(self.library), "VG_FSYNC_DIR": str(self.folder)},
            stdout=subprocess.PIPE,
            text=True,
        )

    def run_with(self, call):
        process = self.start(call)
        return process.communicate()[0].strip()

    def test_without_flags_both_calls_sync_and_are_counted(self):
        self.assertEqual(self.run_with("fsync"), "synced")
        self.assertEqual(self.run_with("fdatasync"), "synced")
        self.assertEqual((self.folder / "calls").read_text(), "..")
        self.assertEqual((self.folder / "synced").read_text(), "..")

    def test_errors_are_those_asked_for_and_nothing_is_synced(self):
        for flag, number in (("eio", 5), ("enospc", 28)):
            (self.folder / flag).touch()
            for call in ("fsync", "fdatasync"):
                self.assertEqual(self.run_with(call), str(number))
            (self.folder / flag).unlink()
        self.assertFalse((self.folder / "synced").exists())

    def test_a_delay_is_taken_before_the_call(self):
        (self.folder / "delay").write_text("1\n")
        self.assertEqual(self.run_with("fsync"), "synced")

    def test_a_blocked_call_waits_for_the_file_to_go(self):
        block = self.folder / "block"
        block.touch()
        process = self.start("fdatasync")
        while not (self.folder / "calls").exists():
            self.assertIsNone(process.poll())
        self.assertFalse((self.folder / "synced").exists())
        block.unlink()
        self.assertEqual(process.communicate()[0].strip(), "synced")
        self.assertEqual((self.folder / "synced").read_text(), ".")


if __name__ == "__main__":
    unittest.main()
