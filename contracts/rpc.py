"""The wire to a node: JSON-RPC over HTTP, bounded in time and size, that tells no secrets.

web3's own HTTP provider reads answers of any size, waits between bytes for ever, retries by itself, follows redirects
and shows its URL; a provider's URL is where API keys stand. So this one has its ``make_request`` and no more of it: to
import web3 takes as long as to import all the rest of a process.
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

import httpcore
import orjson

from kit.errors import ChainUnavailable, Invalid
from kit.hurry import HurriedBackend

TIMEOUT: Final = 10.0
"""Seconds that one question may take in all, from connecting to the last byte."""
MOST_BYTES: Final = 16 * 2**20
"""The largest answer that is read: five times what the logs of a full block of transfers take."""

_OK: Final = 200
_LONGEST_MESSAGE: Final = 200


class NodeError(Exception):
    """The node answered with a JSON-RPC error. ``message`` is printable and short; ``data`` is as it came."""

    def __init__(self, code: int, message: str, data: object) -> None:
        """Keep what the node said."""
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.data = data


class Declined(ChainUnavailable):
    """The node answered that it cannot tell this, or will not: another one may."""


class TooMuch(Declined):
    """The node tells more than is read: whoever asked may ask for less."""


class Answered(NamedTuple):
    """What came of several calls in one request: their numbers, and the answer's HTTP status and body."""

    numbers: list[int]
    status: int
    body: bytes


class BoundedProvider:
    """A node over HTTP(S). Its URL is shown nowhere; ``place`` (host and port) may be."""

    def __init__(
        self, url: str, *, timeout: float = TIMEOUT, most_bytes: int = MOST_BYTES, who: str = "The chain's node"
    ) -> None:
        """Ask ``who`` is at ``url``. Raises ``Invalid`` for what is no http(s) URL."""
        parts, host, port = parse_url(url, ("http", "https"), "EARNEST_RPC_URL")
        self.place = f"{host}:{port}"
        self._who = f"{who} at {self.place}"
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._url = httpcore.URL(
            scheme=parts.scheme.encode(),
            host=host.encode(),
            port=port,
            target=(parts.path or "/").encode() + (b"?" + parts.query.encode() if parts.query else b""),
        )
        self._headers = [
            (b"Host", parts.netloc.rpartition("@")[2].encode()),
            (b"Content-Type", b"application/json"),
            (b"Accept-Encoding", b"identity"),  # an answer that unfolds has no bound
            (b"User-Agent", b"earnest"),
        ]
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers.append((b"Authorization", b"Basic " + base64.b64encode(pair.encode())))
        self._numbers = itertools.count()
        self._hurry = HurriedBackend()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpcore.default_ssl_context() if parts.scheme == "https" else None,
            max_connections=20,
            max_keepalive_connections=20,
            keepalive_expiry=30,
            network_backend=self._hurry,
        )

    def __repr__(self) -> str:
        return f"<BoundedProvider {self.place}>"

    def close(self) -> None:
        """Close the connections that wait for the next question."""
        self._pool.close()

    def ask(self, method: str, *params: Any) -> Any:  # noqa: ANN401 - JSON, which the asker checks
        """Return the result of one call. Raises ``ChainUnavailable``, or ``NodeError`` where the node says no."""
        return self._result(self.make_request(method, list(params)))

    def put_all(self, questions: Sequence[tuple[str, list[Any]]]) -> Answered:
        """Put several calls in one request (JSON-RPC 2.0, section 6), for ``results``. Raises as ``ask``."""
        numbers = [next(self._numbers) for _ in questions]
        asked = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in zip(numbers, questions, strict=True)
        ]
        return Answered(numbers, *self._post(orjson.dumps(asked)))

    def results(self, answered: Answered) -> list[Any]:
        """Return the results in the answer to several calls. Raises as ``ask``."""
        numbers, status, body = answered
        try:
            answers = orjson.loads(body)
        except orjson.JSONDecodeError:
            answers = None
        if isinstance(answers, dict):  # no list: the node refuses them all
            answers = [{**answers, "id": number} for number in numbers]
        if not isinstance(answers, list) or len(answers) != len(numbers):
            if status != _OK:
                raise ChainUnavailable(f"{self._who} answered with HTTP status {status}.")
            raise self._nonsense("no JSON-RPC answers to the questions")
        found = {
            answer.get("id"): answer for answer in answers if isinstance(answer, dict) and _is_id(answer.get("id"))
        }
        return [self._result(self._envelope(status, found.get(number), number)) for number in numbers]

    def _result(self, response: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON, which the asker checks
        if "error" not in response:
            return response["result"]
        error: object = response["error"]
        if not isinstance(error, dict):
            raise self._nonsense("an error without a shape")
        code, message = error.get("code"), error.get("message")
        if isinstance(code, bool) or not isinstance(code, int) or not isinstance(message, str):
            raise self._nonsense("an error without a code and a message")
        shown = "".join(c for c in message[:_LONGEST_MESSAGE] if c.isprintable())
        raise NodeError(code, shown, error.get("data"))

    def make_request(self, method: str, params: Any) -> dict[str, Any]:  # noqa: ANN401 - web3's signature
        """Put one question and check the envelope of its answer; what is in it is the asker's to check."""
        number = next(self._numbers)
        question = orjson.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        status, body = self._post(question)
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        return self._envelope(status, answer, number)

    def _envelope(self, status: int, answer: Any, number: int) -> dict[str, Any]:  # noqa: ANN401 - JSON
        whole = isinstance(answer, dict) and answer.get("jsonrpc") == "2.0" and answer.get("id") == number
        if status != _OK and not (whole and "error" in answer):
            raise ChainUnavailable(f"{self._who} answered with HTTP status {status}.")
        if not whole or ("result" in answer) == (answer.get("error") is not None):
            raise self._nonsense("no JSON-RPC answer to the question")
        if answer.get("error") is None:
            answer.pop("error", None)
        envelope: dict[str, Any] = answer
        return envelope

    def _post(self, question: bytes) -> tuple[int, bytes]:
        timeouts = {"connect": self._timeout, "read": self._timeout, "write": self._timeout, "pool": self._timeout}
        headers = [*self._headers, (b"Content-Length", str(len(question)).encode())]
        received = bytearray()
        try:
            with (
                self._hurry.until(time.monotonic() + self._timeout),
                self._pool.stream(
                    b"POST", self._url, headers=headers, content=question, extensions={"timeout": timeouts}
                ) as response,
            ):
                if any(name.lower() == b"content-encoding" for name, _ in response.headers):
                    raise self._nonsense("an encoded answer")
                for chunk in response.iter_stream():
                    received += chunk
                    if len(received) > self._most_bytes:
                        raise TooMuch(f"{self._who} answered nonsense: more than {self._most_bytes} bytes.")
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            # Not chained: the frames of the library's error hold the URL, where keys stand.
            raise ChainUnavailable(f"{self._who} did not answer: {type(error).__name__}.") from None
        return response.status, bytes(received)

    def _nonsense(self, what: str) -> ChainUnavailable:
        return ChainUnavailable(f"{self._who} answered nonsense: {what}.")


def _is_id(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def parse_url(url: str, schemes: tuple[str, str], setting: str) -> tuple[SplitResult, str, int]:
    """Return a URL of one of two schemes (the second is the one over TLS), its host and its port.

    Raises ``Invalid``, naming the ``setting`` and not the URL.
    """
    plain, secure = schemes
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if parts.scheme in schemes and host and url.isascii() and url.isprintable():
            host.encode("idna")  # what no resolver could take would fail there as something else
            return parts, host, port or (443 if parts.scheme == secure else 80)
    except ValueError:
        pass  # its message would show the URL
    raise Invalid("rpc_url_malformed", f"The node's address is no {plain}:// or {secure}:// URL: check {setting}.")
