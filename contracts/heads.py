"""New heads: listens at a node's WebSocket, and wakes whoever follows the chain. What comes is not even read.

A head that is told of may be another node's, of another fork or made up; so it is a reason to look, and nothing else.
Without it the chain is looked at now and then all the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Self

import structlog
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, reconnect

from contracts.rpc import TIMEOUT, parse_url

LOG = structlog.get_logger(__name__)

MOST_BYTES: Final = 2**16
"""The largest message that is taken; a head has some 2,000 bytes."""
_MOST_WAITING: Final = 4
_SUBSCRIBE: Final = '{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'
_LEAST_SECONDS: Final = 0.05
"""However many heads are told of, nobody is woken more often."""
_PATIENCE_SECONDS: Final = 0.5
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0

# The library would log the URL, where keys stand.
_UNHEARD: Final = logging.getLogger("heads")
_UNHEARD.setLevel(logging.CRITICAL + 1)


class Heads:
    """Listens during the block, in a thread of its own; a socket that died is opened again, after growing pauses."""

    def __init__(self, url: str, wake: Callable[[], object]) -> None:
        """Call ``wake`` for each message from the node at ``url``. Raises ``Invalid`` for what is no ws(s) URL."""
        _, self._host, self._port = parse_url(url, ("ws", "wss"), "EARNEST_RPC_WS_URL")
        self._url = url
        self._wake = wake
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="new-heads", daemon=True)
        self.listening = False
        """Whether the node is heard now."""

    @property
    def place(self) -> str:
        """Where the node is: host and port, never the URL."""
        return f"{self._host}:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _listen(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            try:
                # The address given outright, so that no redirect leads to another; and no proxy of the environment's.
                with reconnect(
                    self._url,
                    address=(self._host, self._port),
                    proxy=None,
                    compression=None,
                    open_timeout=TIMEOUT,
                    close_timeout=_PATIENCE_SECONDS,
                    max_size=MOST_BYTES,
                    max_queue=_MOST_WAITING,
                    logger=_UNHEARD,
                ) as connection:
                    connection.send(_SUBSCRIBE)
                    while self._heard(connection):
                        pause = _FIRST_PAUSE
            except (OSError, ValueError, WebSocketException) as error:
                if self.listening or pause == _FIRST_PAUSE:
                    LOG.warning("heads_unheard", node=self.place, reason=type(error).__name__, seconds=pause)
                self.listening = False
                self._stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _heard(self, connection: ClientConnection) -> bool:
        """Wait for one message and wake; ``False`` where it is time to stop."""
        while not self._stop.is_set():
            try:
                connection.recv(timeout=_PATIENCE_SECONDS)
            except TimeoutError:
                continue
            if not self.listening:
                self.listening = True
                LOG.info("heads_heard", node=self.place)
            self._wake()
            self._stop.wait(_LEAST_SECONDS)
            return True
        return False
