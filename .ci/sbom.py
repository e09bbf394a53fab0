"""The bill of materials of the programs: CycloneDX 1.6, made from what cargo says of the release build, and checked.

    python3 .ci/sbom.py make target/vitalgate.cdx.json --binary target/release/vitalgate
    python3 .ci/sbom.py check target/vitalgate.cdx.json --binary target/release/vitalgate

`make` needs cargo and nothing else. `check` needs `cyclonedx-python-lib[json-validation]` and a release build:
it goes by the schema, by Cargo.lock, by what cargo compiled, and by the paths that the binary itself names.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
PAGE = "web/vendor/preact.js"
# C code inside a crate, which cargo does not count: crate, library, licence, the file that names its version, and how.
INSIDE = [
    ("libsqlite3-sys", "sqlite", "blessing", "sqlite3/sqlite3.h", r'#define SQLITE_VERSION\s+"([^"]+)"'),
    ("zstd-sys", "zstd", "BSD-3-Clause", "zstd/lib/zstd.h", None),
]
ZSTD = [rf"#define ZSTD_VERSION_{part}\s+(\d+)" for part in ("MAJOR", "MINOR", "RELEASE")]


def cargo(*args):
    done = subprocess.run(["cargo", *args], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


def tree(edges, target):
    """(name, version) of all packages of the programs that these edges reach."""
    out = cargo("tree", "--locked", "--target", target, "--edges", edges, "--prefix", "none", "--format", "{p}")
    found = re.findall(r"^(\S+) v(\S+)", out, re.MULTILINE)
    return set(found)


def host():
    return re.search(r"^host: (.+)$", subprocess.check_output(["rustc", "-vV"], text=True), re.MULTILINE)[1]


def locked():
    """The packages of Cargo.lock: (name, version) to checksum, None for our own."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def purl(kind, name, version):
    return f"pkg:{kind}/{quote(name, safe='/')}@{quote(version, safe='')}"


def component(kind, name, version, licence, **more):
    address = purl(kind, name, version)
    return {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}],
        "purl": address,
        **more,
    }


def inside(package):
    """The C library in a crate."""
    for crate, name, licence, header, pattern in INSIDE:
        if package["name"] == crate:
            text = (Path(package["manifest_path"]).parent / header).read_text(errors="replace")
            version = ".".join(re.search(p, text)[1] for p in ([pattern] if pattern else ZSTD))
            return [component("generic", name, version, licence)]
    return []


def of_crate(package, checksum, linked):
    # Older manifests write a slash for "or".
    licence = " ".join((package["license"] or "").replace("/", " OR ").split())
    more = {"scope": "required" if linked else "excluded"}
    if checksum:
        more["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["source"] is None:
        more["description"] = "part of this repository"
    if parts := inside(package):
        more["components"] = parts
    return component("cargo", package["name"], package["version"], licence, **more)


def of_page():
    parts = json.loads((ROOT / "web/vendor/packages.json").read_text())
    return {
        "type": "file",
        "bom-ref": PAGE,
        "name": PAGE,
        "scope": "required",
        "hashes": [{"alg": "SHA-256", "content": sha256(ROOT / PAGE)}],
        "components": [component("npm", p["name"], p["version"], p["license"]) for p in parts],
    }


def make(binary=None):
    target = host()
    linked = tree("normal,no-proc-macro", target)
    built = tree("normal,build", target)
    lock = locked()
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    packages = {p["id"]: p for p in metadata["packages"] if (p["name"], p["version"]) in built}
    refs = {i: purl("cargo", p["name"], p["version"]) for i, p in packages.items()}
    key = lambda p: (p["name"], p["version"])
    crates = [of_crate(p, lock[key(p)], key(p) in linked) for p in packages.values()]
    nodes = {n["id"]: n for n in metadata["resolve"]["nodes"] if n["id"] in packages}

    def needs(node):
        kinds = lambda dep: {k["kind"] for k in dep["dep_kinds"]}
        return sorted({refs[d["pkg"]] for d in node["deps"] if d["pkg"] in refs and kinds(d) != {"dev"}})

    gateway = next(p for p in packages.values() if p["name"] == "vitalgate")
    program = component("cargo", gateway["name"], gateway["version"], gateway["license"])
    program |= {"type": "application", "description": "research and demonstration software, not a medical device"}
    if binary:
        program["hashes"] = [{"alg": "SHA-256", "content": sha256(binary)}]
    crates = [c for c in crates if c["bom-ref"] != program["bom-ref"]]
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": program,
            "properties": [{"name": "cargo:target", "value": target}],
        },
        "components": sorted(crates, key=lambda c: c["bom-ref"]) + [of_page()],
        "dependencies": sorted(
            ({"ref": refs[i], "dependsOn": needs(n)} for i, n in nodes.items()), key=lambda d: d["ref"]
        ),
    }
    # The same content has the same number: two builds of one state can be compared.
    text = json.dumps(bom, sort_keys=True)
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}"
    return bom


def compiled(profile):
    """(name, version) of all packages that a build of this profile compiles, by cargo's own word."""
    names = {p["id"]: (p["name"], p["version"]) for p in json.loads(
        cargo("metadata", "--locked", "--format-version", "1"))["packages"]}
    lines = cargo("build", "--locked", "--profile", profile, "--message-format", "json").splitlines()
    messages = [json.loads(line) for line in lines]
    return {names[m["package_id"]] for m in messages if m["reason"] == "compiler-artifact"}


def named_in(binary):
    """(name, version) of the crates whose source a binary names in its messages."""
    found = re.findall(rb"registry/src/[^/]+/([A-Za-z0-9_-]+?)-(\d[0-9A-Za-z.+-]*)/", Path(binary).read_bytes())
    return {(name.decode(), version.decode()) for name, version in found}


def crates_of(bom):
    all_ = [bom["metadata"]["component"], *bom["components"]]
    return {(c["name"], c["version"]): c for c in all_ if c.get("purl", "").startswith("pkg:cargo/")}


def faults(bom, lock, built, named, is_expression=lambda text: bool(text.strip())):
    """What is wrong with a bill, one line each: against Cargo.lock, what was compiled, and what the binary names."""
    crates = crates_of(bom)
    for key in sorted(built - crates.keys()):
        yield f"{key[0]} {key[1]} was compiled and is not listed"
    for key in sorted(crates.keys() - built):
        yield f"{key[0]} {key[1]} is listed and was not compiled"
    for key in sorted(named):
        if crates.get(key, {}).get("scope", "required") != "required" or key not in crates:
            yield f"{key[0]} {key[1]} is in the program and not listed as required"
    for (name, version), c in sorted(crates.items()):
        this = f"{name} {version}"
        if (name, version) not in lock:
            yield f"{this} is not in Cargo.lock"
            continue
        if c["purl"] != purl("cargo", name, version):
            yield f"{this}: purl {c['purl']}"
        licence = [one.get("expression", "") for one in c.get("licenses", [])]
        if len(licence) != 1 or not is_expression(licence[0]):
            yield f"{this}: licence {licence}"
        checksum = lock[name, version]
        hashes = [one["content"] for one in c.get("hashes", []) if one["alg"] == "SHA-256"]
        if checksum and hashes != [checksum]:
            yield f"{this}: hash {hashes}, and Cargo.lock says {checksum}"
    for crate, library, *_ in INSIDE:
        if any(name == crate for name, _ in built):
            parts = [p["name"] for (name, _), c in crates.items() if name == crate for p in c.get("components", [])]
            if parts != [library]:
                yield f"{crate} holds {library}, and {parts} is listed"
    page = [c for c in bom["components"] if c["name"] == PAGE]
    if [h["content"] for c in page for h in c.get("hashes", [])] != [sha256(ROOT / PAGE)]:
        yield f"{PAGE} is not listed as it is"
    installed = (ROOT / "web/vendor/README.md").read_text().split("npm install ")[1].split("\n")[0].split()
    parts = {f"{p['name']}@{p['version']}" for c in page for p in c.get("components", [])}
    if parts != {one for one in installed if not one.startswith("esbuild@")}:
        yield f"{PAGE} is made of {installed}, and {sorted(parts)} is listed"


def against_schema(text):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return [] if found is None else [f"schema: {found.data.message} at {list(found.data.absolute_path)}"]


def check(path, binary, profile):
    from cyclonedx.spdx import is_expression

    text = Path(path).read_text()
    found = against_schema(text)
    bom = json.loads(text)
    # First, for it may link the program anew.
    built = compiled(profile)
    named = named_in(binary)
    if not named:
        found.append(f"{binary} names no crate: is it a release build?")
    found += faults(bom, locked(), built, named, is_expression)
    hashes = [h["content"] for h in bom["metadata"]["component"].get("hashes", [])]
    if hashes != [sha256(binary)]:
        found.append(f"the bill is of another program than {binary}")
    return found, len(crates_of(bom)), len(named)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", choices=["make", "check"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--binary", type=Path)
    parser.add_argument("--profile", default="release", help="of the build that it is held against")
    args = parser.parse_args()
    if args.act == "make":
        args.file.parent.mkdir(parents=True, exist_ok=True)
        args.file.write_text(json.dumps(make(args.binary), indent=1) + "\n")
        return
    found, listed, named = check(args.file, args.binary or ROOT / "target/release/vitalgate", args.profile)
    for line in found:
        print(line, file=sys.stderr)
    if found:
        sys.exit(f"{args.file}: {len(found)} faults")
    print(f"{args.file}: {listed} crates, all that were compiled; {named} of them named by the program itself")


if __name__ == "__main__":
    main()
