"""Name servers, and whoever answers in their stead, that lie, loop, flood and break off."""

from __future__ import annotations

import itertools
import random
import socket
import time
from collections.abc import Callable, Sequence
from struct import pack

import pytest

from kit.dns_messages import Kind, Question, name_of, read
from kit.errors import Invalid, PeerUnavailable
from kit.names import Names, Service
from tests.support.name_servers import (
    CNAME,
    SRV,
    THE_NAME,
    A,
    Manner,
    Sender,
    answer,
    framed,
    kind_of,
    lying,
    record,
    wire_name,
)

LATER = 20.0
GOOD = record(THE_NAME, A, bytes((192, 0, 2, 1)))
FORGED = record(THE_NAME, A, bytes((192, 0, 2, 66)))
ELSE = wire_name("other.example") + b"\0\x01\0\x01"
CUT = 0x8380
FAILS = 0x8182


def addresses(names: Names, host: str = "far.example", *, seconds: float = LATER) -> list[str]:
    return [str(one) for one in names.addresses(host, until=time.monotonic() + seconds)]


def only_a(question: bytes, *records: bytes) -> list[bytes]:
    """Answer with these records where addresses of version 4 are asked for, and with none otherwise."""
    return [answer(question, *(records if kind_of(question) == A else ()))]


def refused(names: Names) -> str:
    with pytest.raises(PeerUnavailable) as found:
        addresses(names)
    return found.value.code


# ----------------------------------------------------------------------------------------------- whose answer it is


@pytest.mark.parametrize(
    "stray",
    [
        lambda question: answer(question, FORGED, number=int.from_bytes(question[:2], "big") ^ 1),
        lambda question: answer(question, record(wire_name("other.example"), A, bytes((192, 0, 2, 66))), about=ELSE),
        lambda question: answer(question, FORGED, flags=0x0100),
        lambda question: answer(question, FORGED, flags=0xA180),
        lambda question: answer(question, FORGED, about=wire_name("far.example") + b"\0\x10\0\x01"),
        lambda question: question[:11],
        lambda _: b"",
    ],
    ids=["number", "name", "question", "operation", "kind", "short", "empty"],
)
def test_what_is_no_answer_to_our_question_is_passed_over(stray: Callable[[bytes], bytes]) -> None:
    def manner(question: bytes, _: Sender) -> Sequence[bytes]:
        return [stray(question), *only_a(question, GOOD)]

    with lying(manner) as server:
        assert addresses(server.names) == ["192.0.2.1"]
        assert len(server.asked) == 2, "it was asked once for each kind"


def test_an_answer_from_another_port_is_none() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:

        def manner(question: bytes, sender: Sender) -> Sequence[bytes]:
            other.sendto(answer(question, FORGED), sender)
            return only_a(question, GOOD)

        with lying(manner) as server:
            assert addresses(server.names) == ["192.0.2.1"]


def test_numbers_and_ports_are_not_foreseen() -> None:
    ports = set()

    def manner(question: bytes, sender: Sender) -> Sequence[bytes]:
        ports.add(sender[1])
        return only_a(question, GOOD)

    with lying(manner) as server:
        for _ in range(20):
            addresses(server.names)
        numbers = {question[:2] for question in server.asked}
    assert len(numbers) > 30
    assert len(ports) > 10


def test_a_flood_of_what_is_no_answer_ends_with_the_time_there_is() -> None:
    with lying(lambda question, _: [question] * 200) as server:
        assert refused(server.names) == "too_slow"


# ----------------------------------------------------------------------------------------------- what it says


def test_of_an_answer_only_what_belongs_to_the_name_counts() -> None:
    poison = record(wire_name("other.example"), A, bytes((192, 0, 2, 66)))
    other_net = record(THE_NAME, A, bytes((192, 0, 2, 66)), net=3)
    with lying(lambda question, _: only_a(question, poison, GOOD, other_net)) as server:
        assert addresses(server.names) == ["192.0.2.1"]


def test_other_names_are_followed_and_circles_are_not() -> None:
    names = [wire_name(f"{number}.example") for number in range(12)]
    steps = [record(one, CNAME, next_) for one, next_ in itertools.pairwise([THE_NAME, *names])]
    ends = [record(one, A, bytes((192, 0, 2, number))) for number, one in enumerate(names)]
    for length, found in ((1, ["192.0.2.0"]), (8, ["192.0.2.7"])):
        chain = [*reversed(steps[:length]), ends[length - 1]]
        with lying(lambda question, _, chain=chain: only_a(question, *chain)) as server:  # type: ignore[misc]
            assert addresses(server.names) == found
    circle = [*steps[:3], record(names[2], CNAME, THE_NAME)]
    itself = [record(THE_NAME, CNAME, THE_NAME)]
    for chain in (circle, itself, [*steps[:12], ends[11]]):
        with lying(lambda question, _, chain=chain: only_a(question, *chain)) as server:  # type: ignore[misc]
            assert refused(server.names) == "name_unknown"


def test_a_thousand_records_are_not_all_read() -> None:
    many = [record(THE_NAME, A, bytes((192, 0, 2, 1 + number % 200))) for number in range(1_000)]

    def whole(question: bytes, _: Sender) -> Sequence[bytes]:
        return [framed(answer(question, *many))]

    with lying(lambda question, _: [answer(question, flags=CUT)], whole) as server:
        assert 0 < len(addresses(server.names)) <= 400


@pytest.mark.parametrize(
    "nonsense",
    [
        record(b"\xc0\xff", A, b"\1\2\3\4"),
        record(b"\xff\xff", A, b"\1\2\3\4"),
        record(b"\xc0\x1d", A, b"\1\2\3\4"),
        record(b"\x40" + b"a" * 64 + b"\0", A, b"\1\2\3\4"),
        record((b"\x3f" + b"a" * 63) * 5 + b"\0", A, b"\1\2\3\4"),
        record(THE_NAME, A, b"\1\2\3"),
        record(THE_NAME, A, b"\1\2\3\4\5"),
        record(THE_NAME, A, b"\1\2\3\4")[:-1],
        record(THE_NAME, A, b"")[:7],
        THE_NAME[:1],
        record(THE_NAME, CNAME, b"\xc0"),
        record(THE_NAME, CNAME, b""),
    ],
    ids=["beyond", "far", "itself", "label", "long", "three", "five", "cut", "head", "half", "alias", "none"],
)
def test_nonsense_from_the_only_name_server_is_no_address(nonsense: bytes) -> None:
    with lying(lambda question, _: only_a(question, nonsense)) as server:
        assert refused(server.names) == "name_unknown"


def test_names_that_go_on_elsewhere_for_ever_end() -> None:
    question = Question(1, name_of("far.example"), Kind.A)
    head = answer(question.encoded(), b"", flags=0x8180)
    first = len(head)
    ladder = b"".join((0xC000 | max(12, first + 2 * step - 2)).to_bytes(2, "big") for step in range(6_000))
    deepest = (0xC000 | (first + 2 * 5_999)).to_bytes(2, "big")
    padding = record(THE_NAME, 16, ladder)
    wire = answer(question.encoded(), padding, *[record(deepest, A, b"\1\2\3\4")] * 150)
    with pytest.raises(Invalid):
        read(wire, question)


def test_no_bytes_at_all_are_more_than_refused() -> None:
    question = Question(7, name_of("far.example"), Kind.SRV)
    good = answer(
        question.encoded(),
        record(THE_NAME, CNAME, wire_name("b.example")),
        record(wire_name("b.example"), SRV, bytes((0, 1, 0, 2, 1, 187)) + THE_NAME),
    )
    chance = random.Random(9)
    for _ in range(3_000):
        wire = bytearray(good[: chance.randrange(12, len(good) + 1)])
        for _ in range(chance.randrange(4)):
            wire[chance.randrange(len(wire))] = chance.randrange(256)
        try:
            found = read(bytes(wire), question)
        except Invalid:
            continue
        assert found is None or all(target.host.isascii() for target in found.targets)


# ----------------------------------------------------------------------------------------------- who cannot, and TCP


def test_what_does_not_fit_is_asked_for_by_tcp() -> None:
    def whole(question: bytes, _: Sender) -> Sequence[bytes]:
        message = framed(*only_a(question, GOOD, *[record(THE_NAME, A, bytes((192, 0, 2, 2)))] * 50))
        return [message[:1], message[1:40], message[40:]]

    with lying(lambda question, _: [answer(question, FORGED, flags=CUT)], whole) as server:
        assert addresses(server.names)[:2] == ["192.0.2.1", "192.0.2.2"]
        assert len(server.asked_by_tcp) == 2


@pytest.mark.parametrize(
    "by_tcp",
    [
        None,
        lambda question, _: [framed(answer(question, GOOD))[:-3]],
        lambda question, _: [framed(answer(question, GOOD, number=1))],
        lambda question, _: [framed(answer(question, GOOD, flags=CUT))],
        lambda _, __: [framed(b"")],
        lambda _, __: [b"\0"],
    ],
    ids=["closed", "broken off", "number", "cut again", "empty", "half a length"],
)
def test_what_tcp_says_is_no_better_believed(by_tcp: Manner | None) -> None:
    with lying(lambda question, _: [answer(question, flags=CUT)], by_tcp) as server:
        assert refused(server.names) == "name_unknown"
        assert len(server.asked) == 2, "it was not asked again and again"


def test_a_name_server_that_cannot_tell_is_not_asked_again_but_the_next_one_is() -> None:
    with lying(lambda question, _: [answer(question, flags=FAILS)]) as first:
        assert refused(first.names) == "name_unknown"
        assert len(first.asked) == 2
    with lying(lambda question, _: [question[:2] + b"\x81\x85" + bytes(8)]) as first:
        assert refused(first.names) == "name_unknown"
        assert len(first.asked) == 2
    with lying(lambda question, _: only_a(question, GOOD)) as second:
        resolver = second.names._resolver
        resolver.nameservers = ["127.0.0.2", "::1", "127.0.0.1"]  # nobody listens at the first two
        assert addresses(Names(resolver)) == ["192.0.2.1"]


# ----------------------------------------------------------------------------------------------- services


def test_services_come_by_priority_and_odd_hosts_are_left_out() -> None:
    def service(priority: int, weight: int, port: int, host: bytes) -> bytes:
        return record(THE_NAME, SRV, pack("!3H", priority, weight, port) + host)

    records = [
        *(service(2, 0, 4, wire_name("d.example")), service(1, 0, 3, wire_name("c.example"))),
        *(service(1, 9, 1, wire_name("A.example")), service(0, 0, 9, b"\0"), service(0, 0, 8, b"\3a b\0")),
        service(0, 0, 7, b"\x0bfar.example\0"),
    ]
    with lying(lambda question, _: [answer(question, *records)]) as server:
        found = server.names.services("_matrix-fed._tcp", "far.example", until=time.monotonic() + LATER)
    assert found == [Service("a.example", 1), Service("c.example", 3), Service("d.example", 4)]
