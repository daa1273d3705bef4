"""What a result of the Autobahn cases comes to: strict, and with every exception written down.

A case passes with OK for what was exchanged and OK for how it was closed. NON-STRICT, which the
tool itself lets pass, is a failure here. `expected.json` names the cases that end otherwise, with
the exact verdicts and the reason; such a case fails too when it ends in another way, be it OK.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

EXPECTED = Path(__file__).with_name("expected.json")


@dataclass(frozen=True)
class Outcome:
    """How one case ended, in the words of the tool."""

    case: str
    behavior: str
    behavior_close: str
    remote_close_code: int | None = None
    seconds: float = 0.0
    why: str = ""


class Exceptions:
    """The cases that do not end with OK."""

    def __init__(self, entries):
        self._entries = {}
        for entry in entries:
            assert entry["kind"] in ("informational", "tool"), f"no such kind: {entry}"
            assert entry["reason"], f"no reason: {entry}"
            for role in entry["roles"]:
                key = (role, entry["case"])
                assert key not in self._entries, f"named twice: {key}"
                self._entries[key] = entry

    @classmethod
    def committed(cls):
        return cls(json.loads(EXPECTED.read_text(encoding="utf-8")))

    def judge(self, role, outcome):
        """`ok`, `informational` or `tool`, all of which pass; else `failed`."""
        found = (outcome.behavior, outcome.behavior_close)
        entry = self._entries.get((role, outcome.case))
        if entry is None:
            return "ok" if found == ("OK", "OK") else "failed"
        listed = (entry["behavior"], entry["behaviorClose"])
        is_code = outcome.remote_close_code == entry["remoteCloseCode"]
        return entry["kind"] if found == listed and is_code else "failed"


class Tally:
    """One run, case by case."""

    def __init__(self, role, cases, exceptions):
        self.problems = []
        self._role = role
        self._exceptions = exceptions
        self._cases = list(cases)
        self._kinds = {}
        self._seconds = Counter()

    def add(self, outcome):
        """Gives the kind."""
        case = outcome.case
        if case not in self._cases or case in self._kinds:
            self.problems.append(f"{case}: not asked for, or a second result")
            return "failed"
        kind = self._exceptions.judge(self._role, outcome)
        self._kinds[case] = kind
        self._seconds[group(case)] += outcome.seconds
        if kind == "failed":
            verdict = f"{outcome.behavior}, closing {outcome.behavior_close}"
            code = outcome.remote_close_code
            self.problems.append(f"{case}: {verdict}, our close code {code}. {outcome.why}")
        return kind

    def finish(self):
        """A case without a result has failed."""
        self.problems.extend(f"{it}: no result" for it in self._cases if it not in self._kinds)

    @property
    def passed(self):
        return sum(kind != "failed" for kind in self._kinds.values())

    def groups(self):
        """For each group: its number, how many cases of which kind, and how long they took."""
        for number in dict.fromkeys(map(group, self._cases)):
            kinds = (self._kinds.get(it, "failed") for it in self._cases if group(it) == number)
            yield number, Counter(kinds), self._seconds[number]


def group(case):
    return case.split(".")[0]


def phrase(kinds):
    """Kinds and how many of them, as `34 OK, 3 informational`."""
    return ", ".join(f"{kinds[it]} {name}" for it, name in NAMES.items() if kinds.get(it))


NAMES = {
    "ok": "OK",
    "informational": "informational",
    "tool": "mistaken by the tool",
    "failed": "failed",
}
