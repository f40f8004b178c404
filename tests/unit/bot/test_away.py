"""A homeserver that does not answer is left alone, longer each time, and for an hour at most."""

from __future__ import annotations

from bot import away
from bot.away import Away


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_pause_doubles_until_an_hour_and_ends_with_an_answer() -> None:
    clock = Clock()
    servers = Away(clock)
    assert servers.seconds("a.example") == 0
    pauses = []
    for _ in range(12):
        servers.failed("a.example")
        pauses.append(servers.seconds("a.example"))
        clock.now += pauses[-1]
        assert servers.seconds("a.example") == 0
    assert pauses == [5 * 2**n for n in range(10)] + [3600, 3600]
    servers.failed("b.example")
    assert (servers.seconds("a.example"), servers.seconds("b.example")) == (0, 5)
    servers.answered("a.example")
    servers.failed("a.example")
    assert servers.seconds("a.example") == 5


def test_memory_is_bounded() -> None:
    servers = Away(Clock())
    for number in range(away._MOST_SERVERS + 10):
        servers.failed(f"{number}.example")
    assert len(servers._left_alone) == away._MOST_SERVERS
    assert servers.seconds("0.example") == 0
    assert servers.seconds(f"{away._MOST_SERVERS + 9}.example") == 5
