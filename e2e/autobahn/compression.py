"""What the cases 12 and 13 leave open: that our end compresses at all, and in the mode of the run.

The tool takes any right echo. An end that agrees to compress and then never does would pass.
"""

from kosoku.cases import CASES

NO_TAKEOVER = "server_no_context_takeover"


def objection(result, is_takeover):
    """What is wrong with a case that the tool calls OK, or nothing."""
    kind = CASES[result.case_id]
    if not result.case_id.startswith(("12.", "13.")):
        return None
    agreed = [it for it in result.http_response.lower().splitlines() if "permessage-" in it]
    if len(agreed) != 1:
        return f"extensions in {len(agreed)} lines"
    # The cases 13 make their own offers, and their server its own demands.
    if result.case_id.startswith("12.") and (NO_TAKEOVER in agreed[0]) is is_takeover:
        return f"the mode of this run should have been agreed on, not {agreed[0]}"
    ratio = result.traffic_stats.__json__()["incomingCompressionRatio"]
    if is_worth_it(kind) and (ratio is None or 0.9 < ratio):
        return f"what it sent had {ratio} of the size of the messages"
    return None


def is_worth_it(kind):
    """Above our threshold, and a text: the picture and the PDF do not always become smaller."""
    return 1024 <= kind.LEN and not kind.TESTDATA["binary"]
