"""What a change of the shipped rules would have done over the recordings: the table of `vitalgate backtest`.

    changed_rules.py --binary target/release/vitalgate --recordings FOLDER [--base COMMIT]

Compared is with the commit that the work starts from: where it left `origin/main`, and on that itself the commit before.
Rules and each pack that is another have a table of their own. It is for people: only what cannot be played fails.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

RULES, PACKS = "config/rules.toml", "config/packs"


def git(*words):
    """What git says, or None where it has nothing to say."""
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def base():
    """The commit that the work starts from; None where nothing is known of what was before."""
    head, left = (git("rev-parse", "HEAD") or "").strip(), (git("merge-base", "HEAD", "origin/main") or "").strip()
    if left and left != head:
        return left
    before = git("rev-parse", "--verify", "--quiet", "HEAD~1")
    return before.strip() if before else None


def texts_of(commit):
    """Path and text of every file of rules at a commit."""
    paths = [RULES, *(git("ls-tree", "--name-only", commit, f"{PACKS}/") or "").split()]
    found = {path: git("show", f"{commit}:{path}") for path in paths}
    return {path: text for path, text in found.items() if text is not None}


def texts_here():
    """The same of the work."""
    return {str(path): path.read_text() for path in [Path(RULES), *sorted(Path(PACKS).glob("*.toml"))] if path.exists()}


def comparisons(before, here, folder):
    """For each file that is another its name, and the words by which `vitalgate backtest` compares it."""
    then = Path(folder) / "rules.toml"
    then.write_text(before.get(RULES, here[RULES]))
    if before.get(RULES) not in (None, here[RULES]):
        yield RULES, ["--rules", RULES, "--packs", "none", "--against", str(then), "--against-packs", "none"]
    for path in sorted(set(before) | set(here)):
        if path == RULES or before.get(path) == here.get(path):
            continue
        old = Path(folder) / Path(path).name
        old.write_text(before.get(path, ""))
        packs = [f"./{path}" if path in here else "none", str(old) if path in before else "none"]
        yield path, ["--rules", RULES, "--packs", packs[0], "--against", RULES, "--against-packs", packs[1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--recordings", required=True)
    parser.add_argument("--base")
    args = parser.parse_args()
    commit = args.base or base()
    if commit is None:
        print("there is no commit before this one")
        return 0
    cases = [word for case in sorted(Path("tests/model/cases").glob("*.json")) for word in ("--case", str(case))]
    compared, failed = 0, False
    with tempfile.TemporaryDirectory() as folder:
        before, here = texts_of(commit), texts_here()
        for path, words in comparisons(before, here, folder):
            compared += 1
            print(f"--- {path}, against that of {commit[:8]}", flush=True)
            done = subprocess.run([args.binary, "backtest", *words, *cases, args.recordings], capture_output=True, text=True, check=False)
            print(done.stdout, end="")
            if done.returncode != 0:
                print(done.stderr, end="")
                # Those of before may be in words that are no more.
                is_old = folder in done.stderr
                print("NOT COMPARED: this program cannot read the rules of before" if is_old else "NOT COMPARED")
                failed = failed or not is_old
    if compared == 0:
        print(f"the rules are those of {commit[:8]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
