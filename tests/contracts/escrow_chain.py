"""The same token and escrow on a real chain, spoken to in raw JSON-RPC, so that nothing of ours stands between."""

from __future__ import annotations

import json
import re
import subprocess
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from coincurve import PrivateKey
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from tests.contracts.escrow_model import Log, Stake, State, Terms
from tests.support.anvil import anvil_program

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAIN_ID: Final = 31337
HEAD: Final = ("eth_getBlockByNumber", ("latest", False))
GAS: Final = 2_000_000
TERMS: Final = "(address,address,uint256,uint256,address,uint256,address,address,address,uint64,uint64,bytes32)"
_ARTIFACTS = Path(__file__).resolve().parents[2] / "contracts" / "artifacts"


class Key:
    """A secret key and its address."""

    def __init__(self, name: str) -> None:
        self._key = PrivateKey(keccak(text=f"a key of {name}"))
        public = self._key.public_key.format(compressed=False)
        self.address: Final = "0x" + keccak(public[1:])[12:].hex()

    def sign(self, digest: bytes) -> tuple[int, bytes, bytes]:
        """Sign a digest; returns v, r, s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return 27 + signature[64], signature[:32], signature[32:64]


class Node:
    """A JSON-RPC endpoint."""

    def __init__(self, host: str) -> None:
        self._connection = HTTPConnection(host)
        self._ids = count(1)

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """Ask one thing."""
        return self.ask_all([(method, params)])[0]

    def ask_all(self, questions: list[tuple[str, tuple[object, ...]]]) -> list[Any]:
        """Ask several things in one request."""
        asked = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
            for method, params in questions
        ]
        self._connection.request("POST", "/", orjson.dumps(asked), {"content-type": "application/json"})
        answers = {answer["id"]: answer for answer in orjson.loads(self._connection.getresponse().read())}
        return [_result(answers[question["id"]]) for question in asked]


@contextmanager
def running_node(log: Path) -> Iterator[Node]:
    """Run an anvil for the block. It keeps no old states: nobody asks for them, and writing them takes most time."""
    command = [str(anvil_program()), "--port", "0", "--chain-id", str(CHAIN_ID), "--prune-history"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        while not (port := re.search(rb"Listening on 127\.0\.0\.1:(\d+)", log.read_bytes())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        node = Node(f"127.0.0.1:{int(port[1])}")
        try:
            yield node
        finally:
            node.close()
    finally:
        process.terminate()
        process.wait()


class RpcError(Exception):
    """The node refuses; ``data`` is what a reverted call returned."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("message"))
        self.data = str(error.get("data") or "0x")


class Contract:
    """A committed artifact: how to call it and how to read what it says."""

    def __init__(self, name: str) -> None:
        artifact = json.loads((_ARTIFACTS / f"{name}.json").read_text())
        self.bytecode = str(artifact["bytecode"])
        self.functions = {entry["name"]: _signature(entry) for entry in artifact["abi"] if entry["type"] == "function"}
        self.errors = {_id(entry)[:4]: entry["name"] for entry in artifact["abi"] if entry["type"] == "error"}
        self.events = {_id(entry): entry for entry in artifact["abi"] if entry["type"] == "event"}

    def call(self, function: str, *arguments: object) -> str:
        """Return the calldata."""
        signature = self.functions[function]
        return "0x" + (keccak(text=signature)[:4] + encode(_split(signature), arguments)).hex()


def _type(entry: dict[str, Any]) -> str:
    """The canonical type; a struct is a tuple of its parts."""
    if entry["type"].startswith("tuple"):
        return f"({','.join(_type(part) for part in entry['components'])}){entry['type'].removeprefix('tuple')}"
    return str(entry["type"])


def _signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(_type(part) for part in entry['inputs'])})"


def _id(entry: dict[str, Any]) -> bytes:
    return keccak(text=_signature(entry))


def _split(signature: str) -> list[str]:
    """The types between the outer parentheses."""
    types, depth, word = [], 0, ""
    for character in signature[signature.index("(") + 1 : -1]:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            types.append(word)
            word = ""
        else:
            word += character
    return [*types, word] if word else types


TOKEN: Final = Contract("Token")
ESCROW: Final = Contract("ContactEscrow")
PLEDGES: Final = Contract("Pledges")
REWARDS: Final = Contract("RewardDistributor")
CHECKOUT: Final = Contract("Checkout")
_ERRORS = TOKEN.errors | ESCROW.errors
_EVENTS = TOKEN.events | ESCROW.events


class Seen(NamedTuple):
    """What a look at the chain shows."""

    time: int
    balances: dict[str, int]
    supply: int
    stake: Stake
    stake_id: bytes


class World:
    """One token and one escrow on the chain."""

    def __init__(self, node: Node, treasury: str, supply: int, people: list[str]) -> None:
        self.node = node
        self.node.ask("anvil_setBlockTimestampInterval", 1)
        self._time = -1  # not known
        self._treasury = treasury
        self.token = self._deploy(TOKEN.bytecode + encode(["address", "uint256"], [treasury, supply]).hex())
        self.escrow = self._deploy(ESCROW.bytecode + encode(["address"], [self.token]).hex())
        self.everybody = [*people, self.escrow]
        self._terms_by_id: dict[bytes, Terms] = {}
        self._ids_by_terms: dict[Terms, bytes] = {}
        self._sums = [TOKEN.call("balanceOf", who) for who in self.everybody] + [TOKEN.call("totalSupply")]

    def _deploy(self, code: str) -> str:
        receipt = self.node.ask("eth_sendTransactionSync", {"from": self._treasury, "data": code, "gas": hex(3 * GAS)})
        return str(receipt["contractAddress"]).lower()

    def stake_id(self, terms: Terms) -> bytes:
        """Return the id, hashed here and not by the contract."""
        if terms in self._ids_by_terms:
            return self._ids_by_terms[terms]
        stake_id = self._ids_by_terms[terms] = keccak(
            encode(["uint256", "address", TERMS], [CHAIN_ID, self.escrow, terms])
        )
        self._terms_by_id[stake_id] = terms
        return stake_id

    # ------------------------------------------------------------------ doing

    def send(self, sender: str, to: str, data: str, at: int) -> list[Log] | str:
        """Send a transaction into a block of that time; returns its logs, or the name of the error it reverted with."""
        call = {"from": sender, "to": to, "data": data, "gas": hex(GAS)}
        if at != self._time + 1:
            self.node.ask("evm_setNextBlockTimestamp", at)
        self._time = at
        receipt = self.node.ask("eth_sendTransactionSync", call)
        if int(receipt["status"], 16) == 1:
            return [self._read(log) for log in receipt["logs"]]
        try:  # nothing has changed, so the same call now fails for the same reason, and says it
            self.node.ask("eth_call", call, "latest")
        except RpcError as error:
            return str(_ERRORS[bytes.fromhex(error.data[2:10])])
        raise AssertionError("it failed, and would not fail now")

    def permit(self, key: Key, value: int, nonce: int, deadline: int) -> tuple[int, bytes, bytes]:
        """Sign a permit for the escrow."""
        kind = keccak(text="Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
        types = ["bytes32", "address", "address", "uint256", "uint256", "uint256"]
        return self._sign(key, encode(types, [kind, key.address, self.escrow, value, nonce, deadline]))

    def authorize(self, key: Key, terms: Terms) -> tuple[int, bytes, bytes]:
        """Sign an opening."""
        kind = keccak(
            text="ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
            "uint256 validBefore,bytes32 nonce)"
        )
        types = ["bytes32", "address", "address", "uint256", "uint256", "uint256", "bytes32"]
        due = terms.amount + terms.fee + terms.relay_fee
        values = [kind, terms.payer, self.escrow, due, 0, terms.quote_expiry, self.stake_id(terms)]
        return self._sign(key, encode(types, values))

    def cancel(self, key: Key, terms: Terms) -> tuple[int, bytes, bytes]:
        """Sign that an opening signed before is void."""
        kind = keccak(text="CancelAuthorization(address authorizer,bytes32 nonce)")
        return self._sign(key, encode(["bytes32", "address", "bytes32"], [kind, key.address, self.stake_id(terms)]))

    def _sign(self, key: Key, struct: bytes) -> tuple[int, bytes, bytes]:
        kind = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
        domain = encode(types, [kind, keccak(text="Earnest"), keccak(text="1"), CHAIN_ID, self.token])
        return key.sign(keccak(b"\x19\x01" + keccak(domain) + keccak(struct)))

    # ------------------------------------------------------------------ looking

    def look(self, terms: Terms) -> Seen:
        """Look at all there is to see, after one stake was touched."""
        calls = [(self.token, data) for data in self._sums]
        calls.append((self.escrow, ESCROW.call("stakeId", terms)))
        calls.append((self.escrow, ESCROW.call("stakes", self.stake_id(terms))))
        asked: list[tuple[str, tuple[object, ...]]] = [
            ("eth_call", ({"to": to, "data": data}, "latest")) for to, data in calls
        ]
        *numbers, stake_id, stake, block = self.node.ask_all([*asked, HEAD])
        *balances, supply = (int(number, 16) for number in numbers)
        state, executable_at = decode(["uint8", "uint64"], bytes.fromhex(stake[2:]))
        return Seen(
            int(block["timestamp"], 16),
            dict(zip(self.everybody, balances, strict=True)),
            supply,
            Stake(State(state), executable_at),
            bytes.fromhex(stake_id[2:]),
        )

    def _read(self, log: dict[str, Any]) -> Log:
        """Decode a log; a stake's id is read as the terms it stands for."""
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        event = _EVENTS[topics[0]]
        assert str(log["address"]) == (self.escrow if topics[0] in ESCROW.events else self.token)
        plain = [_type(entry) for entry in event["inputs"] if not entry["indexed"]]
        rest = iter(decode(plain, bytes.fromhex(log["data"][2:])))
        indexed = iter(topics[1:])
        values: list[object] = []
        for entry in event["inputs"]:
            if not entry["indexed"]:
                value = next(rest)
                values.append(Terms(*value) if isinstance(value, tuple) else value)
            elif entry["type"] == "address":
                values.append("0x" + next(indexed)[12:].hex())
            else:
                values.append(self._terms_by_id[next(indexed)])
        return Log(event["name"], tuple(values))


def _result(answer: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if "error" in answer:
        raise RpcError(answer["error"])
    return answer["result"]
