"""kosoku, made fit for strict use: its cases, shortened and repaired.

Two things are repaired, either of which would make right behavior fail:

- The cases 12 and 13 hash what comes back. kosoku hands them bytes for a message that came
  compressed but text for one that did not, and Python does not hash text, so that the case ends with
  "Strings must be encoded before hashing". Yet whether to compress is decided for each message
  (RFC 7692, section 6), and small ones are usually left as they are, by us below 1,024 bytes.
- In the cases 13.2, 13.5 and 13.6 a fuzzing server wants `client_no_context_takeover`, but only of
  clients that mention it, and declines to compress with others; the case is then "unimplemented".
  Yet the server may demand this of everybody (RFC 7692, section 7.1.1.2): the client's word is a
  hint that it will not take over contexts in any case, which ours does not give if it means to.
"""

from kosoku.cases import CASES
from kosoku._kosoku import PerMessageDeflateOffer

CASES_EXPECTED = 517


def prepare(messages):
    """Makes the cases of 12 and 13 echo so many messages, whether compressed or not."""
    assert len(CASES) == CASES_EXPECTED, f"{len(CASES)} cases, but this was written for others"
    for kind in filter(is_compressing, CASES.values()):
        kind.COUNT = messages
        kind.onMessage = taking_text(kind.onMessage)
        kind.SERVER_ACCEPT = demanding(kind.SERVER_ACCEPT)


def choose(globs):
    """The ids of the cases that these name, or of all, in order."""
    chosen = [case for case in CASES if not globs or any(matches(case, it) for it in globs)]
    assert chosen, f"no case is called {globs}"
    return chosen


def is_compressing(kind):
    return kind.__name__.startswith(("Case12_", "Case13_"))


def taking_text(original):
    """kosoku makes text of a text message, and of a binary one a character for each byte."""

    def on_message(self, message, binary):
        if isinstance(message, str):
            message = message.encode("latin-1" if binary else "utf-8")
        original(self, message, binary)

    return on_message


def demanding(original):
    """Whoever offers to compress gets the demands of the case."""

    def accept(self, offers):
        return original(self, [hinting(offer) for offer in offers])

    return accept


def hinting(offer):
    return PerMessageDeflateOffer(
        True, offer.acceptMaxWindowBits, offer.requestNoContextTakeover, offer.requestMaxWindowBits
    )


def matches(case, glob):
    return case.startswith(glob[:-1]) if glob.endswith("*") else case == glob
