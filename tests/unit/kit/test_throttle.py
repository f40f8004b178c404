"""The throttle."""

from kit.throttle import Throttle


class Time:
    """A clock that stands where a test puts it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_one_at_a_time() -> None:
    time = Time()
    throttle = Throttle(3, 10.0, time)
    assert [throttle.take("a") for _ in range(5)] == [True, True, True, False, False]
    time.now = 10.0
    assert [throttle.take("a") for _ in range(2)] == [True, False]
    time.now = 1_000.0
    assert [throttle.take("a") for _ in range(4)] == [True, True, True, False]


def test_parties_are_counted_apart() -> None:
    throttle = Throttle(1, 10.0, Time())
    assert throttle.take("a")
    assert throttle.take("b")
    assert not throttle.take("a")


def test_its_memory_is_bounded() -> None:
    throttle = Throttle(1, 10.0, Time())
    for party in range(20_000):
        throttle.take(str(party))
    assert len(throttle._levels) == 10_000
