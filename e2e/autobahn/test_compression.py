"""That an end which only pretends to compress is found."""

from types import SimpleNamespace

import pytest
from compression import objection

HEAD = "HTTP/1.1 101 Switching Protocols\r\n"
PLAIN = HEAD + "Sec-WebSocket-Extensions: permessage-deflate"


def result(case="12.1.4", response=f"{PLAIN}; server_no_context_takeover", ratio=0.4):
    stats = SimpleNamespace(__json__=lambda: {"incomingCompressionRatio": ratio})
    return SimpleNamespace(case_id=case, http_response=response, traffic_stats=stats)


def test_a_case_as_agreed_has_no_objection():
    assert objection(result(), is_takeover=False) is None
    assert objection(result(response=PLAIN), is_takeover=True) is None
    assert objection(result("1.1.1", HEAD, None), is_takeover=False) is None


@pytest.mark.parametrize("ratio", [None, 1.0])
def test_echoes_that_are_never_smaller_are_found(ratio):
    assert "size" in objection(result(ratio=ratio), is_takeover=False)


def test_small_messages_and_pictures_may_stay_as_they_are():
    assert objection(result("12.1.1", ratio=1.0), is_takeover=False) is None
    assert objection(result("12.2.9", ratio=1.0), is_takeover=False) is None


def test_a_run_in_the_other_mode_is_found():
    assert "mode" in objection(result(response=PLAIN), is_takeover=False)
    assert "mode" in objection(result(), is_takeover=True)
    assert objection(result("13.1.4", PLAIN), is_takeover=False) is None


def test_an_answer_without_the_extension_is_found():
    assert "extensions" in objection(result(response=HEAD), is_takeover=False)
