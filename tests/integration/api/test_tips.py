"""Tips over HTTP, on the real contract: what a link offers pays, and each side is told its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from kit.identifiers import parse_address, parse_hash, show_address
from ledger.model import erc20
from payments.tips.model import Link, Wish
from tests.support.anvil import ETHER
from tests.support.services import Door, a_token, http_door
from tests.support.shopping import problem
from tests.support.tipped import Tipped

KIM, LEA = "@kim:example.org", "@lea:example.org"


class Jar:
    """A link at the door, and wallets that take what they are offered."""

    def __init__(self, tipped: Tipped, door: Door) -> None:
        """Stand at ``door``."""
        self.tipped, self.door = tipped, door

    def offered(self, link: Link, name: str = "kim", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """What somebody's wallet is given."""
        asked = {"payer": show_address(self.tipped.fair.address(name)), "amount": str(5 * ETHER), **more}
        answer = self.door.post(f"/v1/tips/{link.token}/terms", json=asked)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def send(self, to: str, data: str) -> None:
        """Let @kim's wallet send a call."""
        signer = self.tipped.fair.anvil.signer("kim")
        assert self.tipped.fair.anvil.send(signer, parse_address(to), bytes.fromhex(data[2:])).succeeded

    def mine(self, who: str, side: str) -> dict[str, Any]:
        """The tips of somebody."""
        headers = {"Authorization": a_token(self.tipped.container, who)}
        answer = self.door.get(f"/v1/me/tips?side={side}", headers=headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
def jar(tipped: Tipped) -> Iterator[Jar]:
    """It, on a database of each kind."""
    with http_door(tipped.container) as door:
        yield Jar(tipped, door)


def test_a_link_is_paid_by_a_permit_and_each_side_sees_its_own(jar: Jar) -> None:
    tipped, link = jar.tipped, jar.tipped.link(Wish(note="<b>hm</b>"))
    page = jar.door.get(f"/tip/{link.token}")
    assert page.status_code == 200
    assert "&lt;b&gt;hm" in page.text
    assert LEA in page.text
    assert show_address(tipped.fair.address("lea")) in page.text
    own = erc20(tipped.fair.deployment.chain_id, tipped.fair.deployment.token)
    assert jar.door.get(f"/v1/tips/{link.token}").json() == {
        "state": "open",
        "level": None,
        "takes": [{"asset": own, "symbol": "ERN", "decimals": 18}],
    }
    offer = jar.offered(link, note="thank you", anonymous=True)
    said = b"earnest-tip-note:" + bytes.fromhex(offer["note_salt"][2:]) + b"\0\1" + b"thank you"
    assert offer["terms"]["content"] == "0x" + keccak(said).hex()
    made = Account.sign_typed_data(keccak(text="a key of kim"), full_message=offer["permit"])
    call = offer["calls"]["buy_with_permit"]
    jar.send(call["to"], call["before"] + f"{made.v:064x}{made.r:064x}{made.s:064x}" + call["after"][2:])
    tipped.fair.follow()
    assert tipped.tip(parse_hash(offer["purchase"])) is not None
    assert jar.door.get(f"/v1/tips/{link.token}").json() == {"state": "paid", "level": "finalized", "takes": []}
    assert "A tip was paid by this link" in jar.door.get(f"/tip/{link.token}").text
    (given,), (received,) = jar.mine(KIM, "given")["tips"], jar.mine(LEA, "received")["tips"]
    assert (given["other"], received["other"]) == (LEA, None), "who is not named is told to nobody"
    assert (received["amount"], received["note"], received["counts"]) == (str(5 * ETHER), "thank you", True)
    assert [one["symbol"] for one in jar.mine(LEA, "received")["takes"]] == ["ERN"]
    assert jar.mine(KIM, "received")["takes"] == []
    assert jar.mine(KIM, "received")["tips"] == jar.mine(LEA, "given")["tips"] == []
    headers = {"Authorization": a_token(tipped.container, LEA)}
    statement = jar.door.get("/v1/me/tips/statement.csv", headers=headers).text
    assert given["id"] in statement
    assert KIM not in statement
    asked = [jar.door.get("/v1/me/tips/statement.csv", headers=headers).status_code for _ in range(6)]
    assert asked == [200] * 5 + [429], "it has a bound of its own"


def test_what_is_no_link_or_too_little_is_refused(jar: Jar) -> None:
    link, payer = jar.tipped.link(), show_address(jar.tipped.fair.address("kim"))
    asked = {"payer": payer, "amount": "1"}
    assert problem(jar.door.post(f"/v1/tips/{link.token}/terms", json=asked)) == (400, "tip_small")
    nowhere = jar.door.post(f"/v1/tips/{'a' * 22}/terms", json=asked | {"amount": str(ETHER)})
    assert problem(nowhere) == (404, "tip_unknown")
    assert jar.door.get(f"/tip/{'a' * 22}").status_code == 404
    assert jar.door.get("/v1/me/tips").status_code == 401
    own = {"payer": show_address(jar.tipped.fair.address("lea")), "amount": str(ETHER)}
    assert problem(jar.door.post(f"/v1/tips/{link.token}/terms", json=own)) == (400, "payer_is_paid")
    with jar.tipped.container.work() as work:
        work.tip_links.off(jar.tipped.lea)
    assert problem(jar.door.post(f"/v1/tips/{link.token}/terms", json=own)) == (404, "no_tips")
    assert "They take no tips here now" in jar.door.get(f"/tip/{link.token}").text
