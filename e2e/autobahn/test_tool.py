"""That the repairs of the tool are needed, and that they repair."""

from types import SimpleNamespace

import pytest
import tool
from kosoku._kosoku import PerMessageDeflateOffer
from kosoku.cases import CASES


def case_that_sent_one(case):
    """A case in the state in which it awaits the last echo."""
    protocol = SimpleNamespace(
        CLOSE_STATUS_CODE_NORMAL=1000,
        factory=SimpleNamespace(isServer=False),
        sent=[],
        trafficStats=None,
        enableWirelog=lambda _is_on: None,
        sendClose=lambda _code: None,
        sendMessage=lambda message, _binary: protocol.sent.append(message),
    )
    running = CASES[case](protocol)
    running.count = running.COUNT - 1
    running.behavior = running.FAILED
    running.sendOne()
    return running, protocol.sent[0]


@pytest.mark.parametrize(("case", "binary", "encoding"), [
    ("12.2.2", True, "latin-1"),
    ("12.4.2", False, "utf-8"),
])
def test_an_echo_may_come_uncompressed(monkeypatch, case, binary, encoding):
    kind = CASES[case]
    running, message = case_that_sent_one(case)
    with pytest.raises(TypeError, match="Strings must be encoded"):
        running.onMessage(message.decode(encoding), binary)
    monkeypatch.setattr(kind, "onMessage", tool.taking_text(kind.onMessage))
    running.onMessage(message.decode(encoding), binary)
    assert running.behavior == running.OK


def test_a_wrong_echo_still_fails(monkeypatch):
    kind = CASES["12.2.2"]
    monkeypatch.setattr(kind, "onMessage", tool.taking_text(kind.onMessage))
    running, message = case_that_sent_one("12.2.2")
    running.onMessage(message.decode("latin-1")[::-1], True)
    assert running.behavior == running.FAILED


def test_cases_are_chosen_by_name_or_by_their_beginning():
    assert tool.choose(["1.1.1", "10.*"]) == ["1.1.1", "10.1.1"]
    assert len(tool.choose(None)) == tool.CASES_EXPECTED
    with pytest.raises(AssertionError):
        tool.choose(["11.*"])


@pytest.mark.parametrize("case", ["13.2.1", "13.5.1", "13.6.1", "13.7.1"])
def test_a_demand_is_made_of_every_client_that_compresses(case):
    """In 13.7 the tool would fall back to demanding nothing."""
    kind = CASES[case]
    offers = [PerMessageDeflateOffer(acceptNoContextTakeover=False)]
    before = kind.SERVER_ACCEPT(None, offers)
    assert before is None or not before.requestNoContextTakeover
    demanded = tool.demanding(kind.SERVER_ACCEPT)(None, offers)
    assert demanded.requestNoContextTakeover


def test_no_window_size_is_demanded_of_a_client_that_does_not_know_any():
    """RFC 7692, section 7.1.2.2: the answer MUST NOT include what was not offered."""
    offers = [PerMessageDeflateOffer(acceptMaxWindowBits=False)]
    assert tool.demanding(CASES["13.3.1"].SERVER_ACCEPT)(None, offers) is None
