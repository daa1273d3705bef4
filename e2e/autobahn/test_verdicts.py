"""What passes and what does not, without running a case."""

from pathlib import Path

import pytest
import table
from kosoku.cases import GROUPS
from verdicts import Exceptions, Outcome, Tally

INFORMATIONAL = {
    "case": "7.1.6",
    "roles": ["server"],
    "kind": "informational",
    "behavior": "INFORMATIONAL",
    "behaviorClose": "INFORMATIONAL",
    "remoteCloseCode": 1000,
    "reason": "the case says so",
}
TOOL = {**INFORMATIONAL, "case": "12.1.1", "kind": "tool", "behavior": "ERROR"}


def judged(*outcome, role="server", listed=()):
    return Exceptions(listed).judge(role, Outcome(*outcome))


def test_only_ok_twice_passes_without_an_entry():
    assert judged("1.1.1", "OK", "OK") == "ok"
    for behavior in ["NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED", "ERROR"]:
        assert judged("1.1.1", behavior, "OK") == "failed"
    for closing in ["INFORMATIONAL", "FAILED BY CLIENT", "WRONG CODE", "UNCLEAN", "FAILED"]:
        assert judged("1.1.1", "OK", closing) == "failed"


def test_an_entry_holds_for_its_role_its_verdict_and_its_close_code_only():
    verdict = ("7.1.6", "INFORMATIONAL", "INFORMATIONAL")
    assert judged(*verdict, 1000, listed=[INFORMATIONAL]) == "informational"
    assert judged(*verdict, 1002, listed=[INFORMATIONAL]) == "failed"
    assert judged(*verdict, 1000, role="client", listed=[INFORMATIONAL]) == "failed"
    assert judged("7.1.6", "FAILED", "INFORMATIONAL", 1000, listed=[INFORMATIONAL]) == "failed"


def test_a_listed_case_that_begins_to_pass_is_noticed():
    assert judged("12.1.1", "ERROR", "INFORMATIONAL", 1000, listed=[TOOL]) == "tool"
    assert judged("12.1.1", "OK", "OK", 1000, listed=[TOOL]) == "failed"


def test_an_entry_needs_a_reason_and_a_known_kind():
    for mistake in [{"reason": ""}, {"kind": "flaky"}]:
        with pytest.raises(AssertionError):
            Exceptions([{**TOOL, **mistake}])
    with pytest.raises(AssertionError):
        Exceptions([TOOL, TOOL])


def test_a_case_without_a_result_has_failed():
    tally = Tally("server", ["1.1.1", "1.1.2", "2.1"], Exceptions([]))
    tally.add(Outcome("1.1.1", "OK", "OK", seconds=2))
    tally.add(Outcome("2.1", "FAILED", "OK"))
    tally.finish()
    assert (tally.passed, len(tally.problems)) == (1, 2)
    assert list(tally.groups()) == [("1", {"ok": 1, "failed": 1}, 2), ("2", {"failed": 1}, 0)]


def test_a_result_that_nobody_asked_for_has_failed():
    tally = Tally("server", ["1.1.1"], Exceptions([]))
    for case in ["1.1.1", "1.1.1", "9.9.9"]:
        tally.add(Outcome(case, "OK", "OK"))
    tally.finish()
    assert (tally.passed, len(tally.problems)) == (1, 2)


def test_the_committed_list_can_be_read():
    informational = Outcome("7.13.2", "INFORMATIONAL", "INFORMATIONAL", 1002)
    assert Exceptions.committed().judge("client", informational) == "informational"


def test_the_table_has_a_column_for_each_run():
    group = {"group": "7", "kinds": {"ok": 34, "informational": 3}}
    runs = [{"name": name, "groups": [group]} for name in ["server", "client"]]
    document = f"before\n{table.BEGIN}old\n{table.END}after\n"
    written = table.replaced(document, table.table(runs))
    assert "| group | what | server | client |\n" in written
    cells = "34 OK, 3 informational | 34 OK, 3 informational"
    assert f"| 7 | Close Handling | {cells} |\n|  | all | {cells} |\n" in written
    assert "old" not in written and written.endswith("after\n")


def test_the_committed_table_is_of_all_cases_and_without_a_failure():
    document = Path(__file__).parents[2] / "docs/autobahn.md"
    rows = document.read_text(encoding="utf-8").partition(table.BEGIN)[2].partition(table.END)[0]
    numbers = [row.split("|")[1].strip() for row in rows.splitlines() if row.startswith("| ")]
    assert numbers == ["group", "---", *GROUPS, ""]
    assert rows.splitlines()[-2].count("514 OK, 3 informational") == 4
    assert "failed" not in rows
