"""What may be tried again, and what may not."""

import unittest

from again import to_try

LOG = """     Running tests/it/main.rs (target/debug/deps/it-57dc)
test a::b ... FAILED

failures:

---- a::b stdout ----
thread 'a::b' panicked at tests/it/a.rs:1:1:

failures:
    a::b
    c::d

test result: FAILED. 1 passed; 2 failed; 0 ignored
error: 1 target failed:
    `-p vitalgate --test it`
"""


class Again(unittest.TestCase):
    def test_a_few_of_the_whole_program_are_tried_again(self):
        self.assertEqual(to_try(LOG), (["a::b", "c::d"], None))

    def test_many_are_not(self):
        log = LOG.replace("    c::d\n", "    c::d\n    e::f\n    g::h\n")
        self.assertEqual(to_try(log), ([], "4 tests of the whole program failed"))

    def test_a_test_without_sockets_is_not(self):
        log = LOG.replace("--test it`", "--lib`")
        self.assertEqual(to_try(log), ([], "failed: `-p vitalgate --lib`"))
        both = LOG.replace("1 target failed", "2 targets failed") + "    `-p vitalgate-domain --lib`\n"
        self.assertEqual(to_try(both)[0], [])

    def test_what_does_not_compile_is_not(self):
        self.assertEqual(to_try("error: could not compile `vitalgate`\n"), ([], "it did not end with tests that failed"))


if __name__ == "__main__":
    unittest.main()
