"""Writes the results of full runs into a document: `python table.py DOCUMENT RESULT...`.

Each RESULT is what `run.py --record` has kept. In the document, what stands between the two
marks is replaced.
"""

import datetime
import json
import platform
import sys
import tomllib
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from kosoku._report_assets import CaseCategories
from verdicts import phrase

BEGIN = "<!-- cargo xtask autobahn writes from here -->\n"
END = "<!-- to here -->\n"


def table(runs):
    """One row for each group of cases, one column for each run."""
    names = [run["name"] for run in runs]
    lines = [row("group", "what", *names), row("---", "---", *["---"] * len(runs))]
    for groups in zip(*(run["groups"] for run in runs), strict=True):
        number = groups[0]["group"]
        assert all(it["group"] == number for it in groups), "the runs are not of the same cases"
        cells = (phrase(it["kinds"]) for it in groups)
        lines.append(row(number, CaseCategories[number], *cells))
    lines.append(row("", "all", *map(total, runs)))
    return "".join(lines)


def total(run):
    kinds = Counter()
    for group in run["groups"]:
        kinds.update(group["kinds"])
    return phrase(kinds)


def row(*cells):
    return "| " + " | ".join(cells) + " |\n"


def versions():
    today = datetime.datetime.now(datetime.UTC).date()
    manifest = Path(__file__).parents[2] / "Cargo.toml"
    ours = tomllib.loads(manifest.read_text(encoding="utf-8"))["workspace"]["package"]["version"]
    tool = f"kosoku {version('kosoku')}, Python {platform.python_version()}"
    return f"{today}, Switchboard {ours}, {tool}, {platform.system()} {platform.machine()}.\n"


def replaced(document, text):
    before, begin, rest = document.partition(BEGIN)
    _old, end, after = rest.partition(END)
    assert begin and end, "the marks are missing"
    return before + begin + text + end + after


def main():
    document, *results = map(Path, sys.argv[1:])
    runs = [json.loads(it.read_text(encoding="utf-8")) for it in results]
    text = f"\n{versions()}\n{table(runs)}\n"
    document.write_text(replaced(document.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
