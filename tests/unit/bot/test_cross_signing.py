"""Cross-signing with homeservers that ask who the bot is, in ways that the one of our tests does not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from nio.crypto import OlmAccount

from bot.cross_signing import CrossSigning, Device
from bot.homeserver import Denied
from bot.kept import Kept
from kit.clock import system_clock
from kit.errors import Conflict
from kit.identifiers import UserId
from tests.support.devices import DEVICE, ME, a_device

PASSWORD = "the bot's own"


class Server:
    """Shows one device, takes what it is given, and asks as a test says before it takes an identity."""

    def __init__(self, *questions: dict[str, Any], status: int = 401) -> None:
        self.account = OlmAccount()
        self.questions = list(questions)
        self.status = status
        self.proofs: list[Any] = []
        self.shows: dict[str, Any] = {"device_keys": {ME: {DEVICE: a_device(self.account)}}}
        self.failures: dict[str, Any] = {}

    async def ask(self, _: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/query"):
            return self.shows
        if path.endswith("/signatures/upload"):
            return {"failures": self.failures}
        self.proofs.append(body.get("auth"))
        if self.questions:
            raise Denied(self.status, self.questions.pop(0))
        self.shows |= {f"{name}s": {ME: key} for name, key in body.items() if name != "auth"}
        return {}

    def ensure(self, folder: Path, *, password: str | None = PASSWORD) -> None:
        signing = CrossSigning(self.ask, Kept(folder), password=password, clock=system_clock)
        asyncio.run(signing.ensure(Device(UserId(ME), DEVICE, self.account), may_replace=True))


def asks(*flows: list[str], done: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"session": "s1", "flows": [{"stages": stages} for stages in flows], "completed": list(done)}


def test_a_server_that_asks_nothing_is_told_no_password(tmp_path: Path) -> None:
    server = Server()
    server.ensure(tmp_path)
    assert server.proofs == [None]


def test_a_server_that_asks_for_the_password_gets_it(tmp_path: Path) -> None:
    server = Server(asks(["m.login.sso"], ["m.login.password"]))
    server.ensure(tmp_path)
    assert server.proofs[1] == {
        "type": "m.login.password",
        "session": "s1",
        "identifier": {"type": "m.id.user", "user": ME},
        "password": PASSWORD,
    }


def test_stages_are_taken_one_by_one(tmp_path: Path) -> None:
    stages = ["m.login.password", "m.login.dummy"]
    server = Server(asks(stages), asks(stages, done=("m.login.password",)))
    server.ensure(tmp_path)
    assert [proof and proof["type"] for proof in server.proofs] == [None, *stages]


@pytest.mark.parametrize(
    ("questions", "password", "code"),
    [
        ([asks(["m.login.password"])], None, "bot_password_missing"),
        ([asks(["m.oauth"], ["m.login.password", "m.login.email.identity"])], PASSWORD, "proof_unknown"),
        ([{}], PASSWORD, "proof_unknown"),
        ([{"flows": 5, "completed": {}}], PASSWORD, "proof_unknown"),
        ([{"flows": ["odd", {"stages": 5}, {"stages": [[]]}]}], PASSWORD, "proof_unknown"),
        ([asks(["m.login.password"])] * 9, PASSWORD, "proof_refused"),
    ],
)
def test_what_cannot_be_answered_ends_it(
    tmp_path: Path, questions: list[dict[str, Any]], password: str | None, code: str
) -> None:
    server = Server(*questions)
    with pytest.raises(Conflict) as ended:
        server.ensure(tmp_path, password=password)
    assert ended.value.code == code
    assert len(server.proofs) <= 3


def test_a_wrong_password_is_sent_once_only(tmp_path: Path) -> None:
    question = asks(["m.login.password"])
    server = Server(question, {**question, "errcode": "M_FORBIDDEN", "error": "Invalid password"})
    with pytest.raises(Denied):
        server.ensure(tmp_path)
    assert len(server.proofs) == 2


def test_a_server_without_cross_signing_says_so(tmp_path: Path) -> None:
    with pytest.raises(Denied):
        Server({"errcode": "M_UNRECOGNIZED"}, status=404).ensure(tmp_path)


def test_a_signature_that_is_not_taken_is_told(tmp_path: Path) -> None:
    server = Server()
    server.failures = {ME: {DEVICE: {"errcode": "M_INVALID_SIGNATURE"}}}
    with pytest.raises(Conflict) as ended:
        server.ensure(tmp_path)
    assert ended.value.code == "signature_refused"


def test_no_foreign_device_is_signed(tmp_path: Path) -> None:
    server = Server()
    server.account = OlmAccount()
    with pytest.raises(Conflict) as ended:
        server.ensure(tmp_path)
    assert ended.value.code == "device_unknown"
