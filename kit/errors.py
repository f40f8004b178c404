"""The drawn tree of errors: which kind to raise when.

::

    EarnestError
      Refusal          the caller's wish breaks a rule; expected; carries a code and a sentence
        Invalid        the input itself is malformed
        NotFound       there is no such thing (or the caller may not know of it)
        Conflict       it clashes with what already happened
        Forbidden      it is somebody else's to do
      Unavailable      the world did not answer; trying again may help; never shown raw
        ChainUnavailable
          ChainMismatch  it answered, and its chain is not ours
        SignerUnavailable  a key that somebody else holds signed nothing, or something else
        HomeserverUnavailable
        DatabaseUnavailable
        PeerUnavailable  a server that somebody else named
        LeaseLost

Anything else is a bug: let it crash and log it with its context. A "no" that is an *answer* (``Hold``, ``Refuse``)
is a value, never an exception.
"""

from __future__ import annotations


class EarnestError(Exception):
    """Root of every error that Earnest raises on purpose."""


class Refusal(EarnestError):
    """The caller's wish breaks a rule.

    ``code`` is a stable snake_case word for programs and for ``app/wording``; the message is an English sentence for
    operators and developers; ``values`` fill the sentence made for people.
    """

    def __init__(self, code: str, message: str, **values: object) -> None:
        """Refuse with a stable ``code``, an English ``message`` and the values that explain it."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.values = values


class Invalid(Refusal):
    """The input itself is malformed."""


class NotFound(Refusal):
    """There is no such thing, or the caller may not know of it."""


class Conflict(Refusal):
    """It clashes with what already happened."""


class Forbidden(Refusal):
    """It is somebody else's to do."""


class Unavailable(EarnestError):
    """The world did not answer; trying again may help."""


class ChainUnavailable(Unavailable):
    """The chain's node did not answer, or answered nonsense."""


class ChainMismatch(ChainUnavailable):
    """The node's chain is not the one that is ours: nothing that it says is believed until it is right again."""


class SignerUnavailable(Unavailable):
    """Whoever holds a key of ours did not sign what was asked: silent, unwilling, or not to be believed."""


class HomeserverUnavailable(Unavailable):
    """The homeserver did not answer."""


class DatabaseUnavailable(Unavailable):
    """The database did not answer, or stayed locked."""


class PeerUnavailable(Unavailable):
    """A server that somebody else named did not answer, answered beyond bounds, or may not be asked: ``code`` says."""

    def __init__(self, code: str, message: str) -> None:
        """Say in one snake_case word, and in a sentence, what went wrong; neither repeats what the server said."""
        super().__init__(message)
        self.code = code


class LeaseLost(Unavailable):
    """Another process does this work now; nothing was written, and this one waits for its turn."""
