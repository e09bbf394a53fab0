"""The bill of materials is held against Cargo.lock, the build and the program: each kind of fault is found."""

import copy
import unittest

import sbom


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bom = sbom.make()
        cls.lock = sbom.locked()
        cls.built = set(sbom.crates_of(cls.bom))

    def faults(self, change=lambda bom: None, built=None, named=frozenset()):
        bom = copy.deepcopy(self.bom)
        change(bom)
        from cyclonedx.spdx import is_expression

        return list(sbom.faults(bom, self.lock, built or self.built, set(named), is_expression))

    def crate(self, bom, name="serde"):
        return next(c for c in bom["components"] if c["name"] == name)

    def test_the_bill_of_this_tree_has_none_and_fits_the_schema(self):
        self.assertEqual(self.faults(), [])
        self.assertEqual(sbom.against_schema(sbom.json.dumps(self.bom)), [])
        self.assertGreater(len(self.built), 200)

    def test_it_is_the_same_each_time(self):
        self.assertEqual(sbom.make(), self.bom)

    def test_a_crate_that_is_missing_is_named(self):
        serde = self.crate(self.bom)
        found = self.faults(lambda bom: bom["components"].remove(self.crate(bom)))
        self.assertEqual(found, [f"serde {serde['version']} was compiled and is not listed"])

    def test_a_crate_that_was_not_compiled_is_named(self):
        serde = self.crate(self.bom)
        key = ("serde", serde["version"])
        self.assertIn(f"serde {key[1]} is listed and was not compiled", self.faults(built=self.built - {key}))

    def test_what_the_program_names_must_be_listed_as_part_of_it(self):
        for key in (("serde", "0.0.1"), ("syn", self.crate(self.bom, "syn")["version"])):
            self.assertEqual(
                self.faults(named=[key]), [f"{key[0]} {key[1]} is in the program and not listed as required"]
            )

    def test_a_wrong_version_hash_licence_or_purl_is_named(self):
        for field, value, word in (
            ("version", "9.9.9", "not in Cargo.lock"),
            ("hashes", [{"alg": "SHA-256", "content": "0" * 64}], "Cargo.lock says"),
            ("hashes", [], "Cargo.lock says"),
            ("licenses", [], "licence"),
            ("licenses", [{"expression": "no licence"}], "licence"),
            ("purl", "pkg:cargo/serde@9.9.9", "purl"),
        ):
            found = self.faults(lambda bom: self.crate(bom).__setitem__(field, value))
            self.assertTrue(any(word in line for line in found), (field, value, found))

    def test_c_code_and_the_page_are_in_it(self):
        for name in ("libsqlite3-sys", "zstd-sys"):
            found = self.faults(lambda bom: self.crate(bom, name).pop("components"))
            self.assertEqual(len(found), 1, found)
        page = lambda bom: bom["components"][-1]
        self.assertEqual(len(self.faults(lambda bom: page(bom)["components"].pop())), 1)
        self.assertEqual(len(self.faults(lambda bom: page(bom)["hashes"].pop())), 1)

    def test_the_schema_refuses_what_is_no_bill(self):
        bom = copy.deepcopy(self.bom)
        bom["components"][0]["type"] = "crate"
        self.assertEqual(len(sbom.against_schema(sbom.json.dumps(bom))), 1)


if __name__ == "__main__":
    unittest.main()
