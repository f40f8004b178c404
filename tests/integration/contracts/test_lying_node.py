"""A node that lies, dawdles or talks nonsense: every time ``ChainUnavailable``, in bounded time and memory."""

import base64
import json
import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, cast

import pytest
import trustme
from eth_utils.crypto import keccak

from contracts import rpc
from contracts.bloom import bits_of
from contracts.chain import BlockLogs, Fees, RawLog, Receipt
from contracts.rpc import BoundedProvider
from contracts.web3_chain import Web3Chain
from kit.errors import ChainUnavailable, Conflict, Invalid
from kit.identifiers import Address, Hash32, show_hash
from tests.support.lying_node import TRUE_BLOCK, TRUE_LOG, TRUE_RECEIPT, LyingNode, reply
from tests.support.terms import BLOCK, CHAIN_ID, ESCROW, TOKEN, TRANSACTION

OTHER = "0x" + "99" * 32
RAW = b"\x02raw"
WANTED = {TOKEN: [Hash32(b"\xaa" * 32)], ESCROW: [Hash32(b"\xbb" * 32)]}
Lie = Callable[[BaseHTTPRequestHandler, bytes], None]


@pytest.fixture
def chain(lying_node: LyingNode) -> Iterator[Web3Chain]:
    chain = Web3Chain(lying_node.url, CHAIN_ID, timeout=120)
    yield chain
    chain.close()


ASK: dict[str, Callable[[Web3Chain], object]] = {
    "eth_getBlockByNumber": lambda chain: chain.block(BLOCK.number),
    "eth_getBlockByHash": lambda chain: chain.block(BLOCK.hash),
    "eth_getLogs": lambda chain: chain.read(BLOCK.number, WANTED),
    "eth_getTransactionReceipt": lambda chain: chain.receipt(TRANSACTION),
    "eth_getTransactionCount": lambda chain: chain.nonce(TOKEN),
    "eth_getBalance": lambda chain: chain.balance(TOKEN),
    "eth_getCode": lambda chain: chain.code(TOKEN),
    "eth_call": lambda chain: chain.call(TOKEN, b""),
    "eth_estimateGas": lambda chain: chain.estimate_gas(TOKEN, b"", ESCROW),
    "eth_maxPriorityFeePerGas": lambda chain: chain.fees(),
    "eth_feeHistory": lambda chain: chain.fees(),
    "eth_sendRawTransaction": lambda chain: chain.send(RAW),
}


def test_the_truth_is_believed(chain: Web3Chain, lying_node: LyingNode) -> None:
    """So that the lies below fail for being lies."""
    lying_node.answers["eth_sendRawTransaction"] = show_hash(Hash32(keccak(RAW)))
    first = RawLog(TOKEN, (Hash32(b"\xaa" * 32),), b"\x01" * 32, BLOCK.hash, 0, TRANSACTION)
    second = RawLog(TOKEN, (Hash32(b"\xaa" * 32),), b"\x01" * 32, BLOCK.hash, 1, TRANSACTION)
    assert {method: ask(chain) for method, ask in ASK.items()} == {
        "eth_getBlockByNumber": BLOCK,
        "eth_getBlockByHash": BLOCK,
        "eth_getLogs": BlockLogs(BLOCK, [first, second]),
        "eth_getTransactionReceipt": Receipt(
            TRANSACTION, BLOCK.hash, BLOCK.number, succeeded=True, gas_used=21_000, gas_price=2 * 10**9
        ),
        "eth_getTransactionCount": 5,
        "eth_getBalance": 10**18,
        "eth_getCode": b"\x60\x01",
        "eth_call": bytes(32),
        "eth_estimateGas": 21_000,
        "eth_maxPriorityFeePerGas": Fees(max_fee=5 * 10**9, priority_fee=10**9),
        "eth_feeHistory": Fees(max_fee=5 * 10**9, priority_fee=10**9),
        "eth_sendRawTransaction": keccak(RAW),
    }
    assert lying_node.asked.count("eth_chainId") == 1


@pytest.mark.parametrize(
    "answer", [7, True, [], {}, "", "0x", "0xzz", "1", "0x" + "f" * 65, "0x1_0", "0x\u0661", ["0x1"]], ids=repr
)
@pytest.mark.parametrize("method", ASK)
def test_an_answer_of_another_type_is_nonsense(
    chain: Web3Chain, lying_node: LyingNode, method: str, answer: object
) -> None:
    if answer == "0x" and method in {"eth_getCode", "eth_call"}:
        return  # no code, and an empty answer, are good answers
    lying_node.answers[method] = answer
    with pytest.raises(ChainUnavailable, match="nonsense"):
        ASK[method](chain)


@pytest.mark.parametrize("method", [method for method in ASK if "Block" not in method and "Receipt" not in method])
def test_nothing_is_no_answer(chain: Web3Chain, lying_node: LyingNode, method: str) -> None:
    lying_node.answers[method] = None
    with pytest.raises(ChainUnavailable, match="nonsense"):
        ASK[method](chain)


BLOCK_LIES: dict[str, dict[str, Any]] = {
    "another number": {"number": "0x8"},
    "a number beyond what a database counts": {"number": hex(2**63)},
    "another hash": {"hash": OTHER},
    "a hash that is too short": {"hash": "0x" + "07" * 31},
    "a hash with blanks in it": {"hash": "0x" + "07 " * 21 + "7"},
    "no parent": {"parentHash": None},
    "a time in words": {"timestamp": "noon"},
    "a time that is no text": {"timestamp": 1_800_000_000},
    "a time without an end": {"timestamp": "0x" + "f" * 16},
}


@pytest.mark.parametrize("lie", BLOCK_LIES.values(), ids=BLOCK_LIES.keys())
def test_a_lie_about_a_block_is_nonsense(chain: Web3Chain, lying_node: LyingNode, lie: dict[str, Any]) -> None:
    for method, which in (("eth_getBlockByNumber", BLOCK.number), ("eth_getBlockByHash", BLOCK.hash)):
        lying_node.answers[method] = TRUE_BLOCK | lie
        if (which == BLOCK.number and lie == {"hash": OTHER}) or (which == BLOCK.hash and lie == {"number": "0x8"}):
            continue  # nobody can know
        with pytest.raises(ChainUnavailable, match="nonsense"):
            chain.block(which)


@pytest.mark.parametrize("field", ["number", "hash", "parentHash", "timestamp", "logsBloom"])
def test_a_block_that_lacks_something_is_nonsense(chain: Web3Chain, lying_node: LyingNode, field: str) -> None:
    lying_node.answers["eth_getBlockByNumber"] = {key: value for key, value in TRUE_BLOCK.items() if key != field}
    with pytest.raises(ChainUnavailable, match="nonsense"):
        chain.block("latest")


LOG_LIES: dict[str, list[Any]] = {
    "a log of another block": [TRUE_LOG | {"blockHash": OTHER}],
    "a log of another contract": [TRUE_LOG | {"address": "0x" + "11" * 20}],
    "an address of 32 bytes": [TRUE_LOG | {"address": "0x" + "00" * 12 + TOKEN.hex()}],
    "the same log twice": [TRUE_LOG, TRUE_LOG],
    "logs out of order": [TRUE_LOG | {"logIndex": "0x2"}, TRUE_LOG | {"logIndex": "0x1"}],
    "a log that was taken back": [TRUE_LOG | {"removed": True}],
    "five topics": [TRUE_LOG | {"topics": ["0x" + "aa" * 32] * 5}],
    "a topic of 31 bytes": [TRUE_LOG | {"topics": ["0x" + "aa" * 31]}],
    "a topic that is a number": [TRUE_LOG | {"topics": [5]}],
    "topics that are a text": [TRUE_LOG | {"topics": "0x" + "aa" * 32}],
    "data of half a byte": [TRUE_LOG | {"data": "0x123"}],
    "data without end": [TRUE_LOG | {"data": "0x" + "00" * (2**16 + 1)}],
    "no transaction": [TRUE_LOG | {"transactionHash": None}],
    "a negative index": [TRUE_LOG | {"logIndex": "-0x1"}],
    "an index beyond any block": [TRUE_LOG | {"logIndex": hex(2**31)}],
    "a log that is a list": [[TRUE_LOG]],
    "more logs than a block holds": [TRUE_LOG | {"logIndex": hex(index)} for index in range(100_001)],
}


@pytest.mark.parametrize("lie", LOG_LIES.values(), ids=LOG_LIES.keys())
def test_a_lie_about_logs_is_nonsense(chain: Web3Chain, lying_node: LyingNode, lie: list[Any]) -> None:
    lying_node.answers["eth_getLogs"] = lie
    with pytest.raises(ChainUnavailable, match="nonsense"):
        chain.read(BLOCK.hash, WANTED)


def test_a_log_that_is_not_in_its_blocks_filter_is_nonsense(chain: Web3Chain, lying_node: LyingNode) -> None:
    lying_node.answers["eth_getLogs"] = [TRUE_LOG | {"topics": ["0x" + "cc" * 32]}]
    with pytest.raises(ChainUnavailable, match="nonsense: a log is not in the bloom filter of block 7"):
        chain.read(BLOCK.number, WANTED)


def test_a_filter_that_speaks_of_logs_that_do_not_come_is_doubted(chain: Web3Chain, lying_node: LyingNode) -> None:
    lying_node.answers["eth_getLogs"] = []
    with pytest.raises(ChainUnavailable, match="nonsense: the logs of block 7 do not make up its bloom filter"):
        chain.read(BLOCK.number, WANTED)
    assert lying_node.asked.count("eth_getLogs") == 2, "asked once more, for all of them"


def test_a_filter_that_speaks_of_more_than_there_is_may_be_right(chain: Web3Chain, lying_node: LyingNode) -> None:
    theirs = [
        {"address": "0x" + TOKEN.hex(), "topics": []},
        {"address": "0x" + "11" * 20, "topics": ["0x" + "aa" * 32]},
    ]
    bloom = bits_of(TOKEN) | bits_of(b"\x11" * 20) | bits_of(b"\xaa" * 32)
    lying_node.answers["eth_getBlockByNumber"] = TRUE_BLOCK | {"logsBloom": f"0x{bloom:0512x}"}
    answers = iter([[], [TRUE_LOG | log | {"logIndex": hex(index)} for index, log in enumerate(theirs)]])

    def tell(handler: BaseHTTPRequestHandler, question: bytes) -> None:
        asked = json.loads(question)
        result = next(answers) if asked["method"] == "eth_getLogs" else lying_node.answers[asked["method"]]
        reply(handler, json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode())

    lying_node.lie = tell
    found = chain.read(BLOCK.number, WANTED)
    assert found is not None
    assert [log.topics for log in found.logs] == [()], "the token wrote something, and no transfer"


@pytest.mark.parametrize(("logs", "data"), [(20_001, 32), (300, 2**15)], ids=["many logs", "many bytes"])
def test_a_block_with_very_much_of_ours_is_read_all_the_same(
    chain: Web3Chain, lying_node: LyingNode, logs: int, data: int
) -> None:
    told = TRUE_LOG | {"data": "0x" + "00" * data}
    lying_node.answers["eth_getLogs"] = [told | {"logIndex": hex(index)} for index in range(logs)]
    found = chain.read(BLOCK.number, WANTED)
    assert found is not None
    assert [log.log_index for log in found.logs] == list(range(logs))


@pytest.mark.parametrize("how", ["declines", "too many logs", "too many bytes"])
def test_what_ours_wrote_is_asked_for_alone_where_there_is_too_much_to_settle_a_doubt(
    chain: Web3Chain, lying_node: LyingNode, how: str
) -> None:
    asked: list[dict[str, Any]] = []
    many = [TRUE_LOG | {"logIndex": hex(index)} for index in range(20_001)]

    def tell(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        question = json.loads(body)
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": lying_node.answers[question["method"]]}
        if question["method"] == "eth_getLogs":
            (about,) = question["params"]
            asked.append(about)
            ours = [TRUE_LOG] if len(asked) > 1 else []
            answer["result"] = ours if "address" in about else many if how == "too many logs" else "0x" + "0" * 2**24
            if "address" not in about and how == "declines":
                answer = {"jsonrpc": "2.0", "id": question["id"], "error": {"code": -32005, "message": "too many"}}
        reply(handler, json.dumps(answer).encode())

    bloom = bits_of(TOKEN) | bits_of(bytes.fromhex("aa" * 32)) | bits_of(ESCROW) | bits_of(bytes.fromhex("bb" * 32))
    lying_node.answers["eth_getBlockByNumber"] = TRUE_BLOCK | {"logsBloom": f"0x{bloom:0512x}"}
    lying_node.lie = tell
    found = chain.read(BLOCK.number, WANTED)
    assert found is not None
    assert [log.log_index for log in found.logs] == [0]
    assert found.doubtful, "of the escrow nothing came, and nothing says that there is nothing"
    assert [sorted(about) for about in asked] == [["address", "blockHash"], ["blockHash"], ["address", "blockHash"]]


RECEIPT_LIES: dict[str, dict[str, Any]] = {
    "of another transaction": {"transactionHash": OTHER},
    "without a block number": {"blockNumber": None},
    "half succeeded": {"status": "0x2"},
    "without a status": {"status": None},
    "with gas in words": {"gasUsed": "much"},
    "with a price beyond all reason": {"effectiveGasPrice": hex(10**15)},
}


@pytest.mark.parametrize("lie", RECEIPT_LIES.values(), ids=RECEIPT_LIES.keys())
def test_a_lie_about_a_receipt_is_nonsense(chain: Web3Chain, lying_node: LyingNode, lie: dict[str, Any]) -> None:
    lying_node.answers["eth_getTransactionReceipt"] = TRUE_RECEIPT | lie
    with pytest.raises(ChainUnavailable, match="nonsense"):
        chain.receipt(TRANSACTION)


@pytest.mark.parametrize("field", [field for field in TRUE_RECEIPT if field != "effectiveGasPrice"])
def test_a_receipt_that_lacks_something_is_nonsense(chain: Web3Chain, lying_node: LyingNode, field: str) -> None:
    lying_node.answers["eth_getTransactionReceipt"] = {k: value for k, value in TRUE_RECEIPT.items() if k != field}
    with pytest.raises(ChainUnavailable, match="nonsense"):
        chain.receipt(TRANSACTION)


def test_a_receipt_may_keep_its_price_to_itself(chain: Web3Chain, lying_node: LyingNode) -> None:
    told = {k: value for k, value in TRUE_RECEIPT.items() if k != "effectiveGasPrice"}
    lying_node.answers["eth_getTransactionReceipt"] = told
    found = chain.receipt(TRANSACTION)
    assert found is not None
    assert found.gas_price is None


def test_a_receipt_of_a_pending_transaction_is_none_yet(chain: Web3Chain, lying_node: LyingNode) -> None:
    lying_node.answers["eth_getTransactionReceipt"] = TRUE_RECEIPT | {"blockHash": None, "blockNumber": None}
    assert chain.receipt(TRANSACTION) is None


def test_another_transactions_hash_is_nonsense(chain: Web3Chain, lying_node: LyingNode) -> None:
    lying_node.answers["eth_sendRawTransaction"] = OTHER
    with pytest.raises(ChainUnavailable, match="nonsense"):
        chain.send(RAW)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("eth_estimateGas", hex(30_000_001)),
        ("eth_maxPriorityFeePerGas", hex(10**14 + 1)),
        ("eth_feeHistory", {"baseFeePerGas": [hex(10**14 + 1)]}),
        ("eth_feeHistory", {"baseFeePerGas": []}),
        ("eth_getCode", "0x" + "00" * (2**16 + 1)),
        ("eth_call", "0x" + "00" * (2**18 + 1)),
    ],
)
def test_what_would_ruin_us_is_nonsense(chain: Web3Chain, lying_node: LyingNode, method: str, answer: object) -> None:
    lying_node.answers[method] = answer
    with pytest.raises(ChainUnavailable, match="nonsense"):
        ASK[method](chain)


def envelope(**changes: Any) -> Lie:  # noqa: ANN401 - JSON
    def lie(handler: BaseHTTPRequestHandler, question: bytes) -> None:
        answer = {"jsonrpc": "2.0", "id": json.loads(question)["id"], "result": "0x5"} | changes
        reply(handler, json.dumps({key: value for key, value in answer.items() if value != "absent"}).encode())

    return lie


def body(content: bytes, status: int = 200, **headers: str) -> Lie:
    return lambda handler, _: reply(handler, content, status=status, **headers)


def hang_up(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def cut_short(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    handler.close_connection = True


def encoded(handler: BaseHTTPRequestHandler, question: bytes) -> None:
    answer = {"jsonrpc": "2.0", "id": json.loads(question)["id"], "result": "0x5"}
    reply(handler, json.dumps(answer).encode(), Content_Encoding="gzip")


def no_http(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    handler.close_connection = True


def with_status(handler: BaseHTTPRequestHandler, question: bytes) -> None:
    answer = {"jsonrpc": "2.0", "id": json.loads(question)["id"], "result": "0x5"}
    reply(handler, json.dumps(answer).encode(), status=500)


WIRE_LIES: dict[str, Lie] = {
    "no JSON": body(b"<html>welcome</html>"),
    "no UTF-8": body(b"\xff\xfe{}"),
    "an empty body": body(b""),
    "a batch": body(b"[]"),
    "half of an answer": body(b'{"jsonrpc":"2.0","id":1,'),
    "nesting without end": body(b"[" * 100_000),
    "a number without end": body(b'{"jsonrpc":"2.0","id":1,"result":' + b"9" * 100_000 + b"}"),
    "another question's answer": envelope(id=10**6),
    "nobody's answer": envelope(id=None),
    "another protocol": envelope(jsonrpc="1.0"),
    "neither result nor error": envelope(result="absent"),
    "both result and error": envelope(error={"code": 3, "message": "execution reverted"}),
    "an error that is a text": envelope(result="absent", error="broken"),
    "an error without a code": envelope(result="absent", error={"message": "broken"}),
    "an error whose code is a truth": envelope(result="absent", error={"code": True, "message": "broken"}),
    "an error without words": envelope(result="absent", error={"code": -32000}),
    "too many questions": body(b"slow down", status=429),
    "a broken gateway": body(b"", status=502),
    "an answer that is an error by its status": with_status,
    "another place": body(b"", status=307, Location="http://127.0.0.1:9/"),
    "an answer that unfolds": body(b"\x1f\x8b" + bytes(100), Content_Encoding="gzip"),
    "an answer that says it is packed": encoded,
    "a hang-up": hang_up,
    "a hang-up in the middle": cut_short,
    "no HTTP": no_http,
}


@pytest.mark.parametrize("lie", WIRE_LIES.values(), ids=WIRE_LIES.keys())
def test_a_lie_on_the_wire_is_an_absence(chain: Web3Chain, lying_node: LyingNode, lie: Lie) -> None:
    lying_node.lie = lie
    with pytest.raises(ChainUnavailable):
        chain.nonce(TOKEN)
    lying_node.lie = None
    assert chain.nonce(TOKEN) == 5, "and when it comes to its senses, so do we"


def test_an_answer_of_any_size_is_not_read(chain: Web3Chain, lying_node: LyingNode) -> None:
    sent = 0

    def flood(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        nonlocal sent
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not lying_node.stopping.is_set():
            handler.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            sent += 65536

    lying_node.lie = flood
    with pytest.raises(ChainUnavailable, match="more than 16777216 bytes"):
        chain.nonce(TOKEN)
    assert sent < 2 * rpc.MOST_BYTES


def slowly(lying_node: LyingNode, start: bytes, drop: bytes) -> Lie:
    def drip(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.wfile.write(start)
        while not lying_node.stopping.wait(0.02):
            handler.wfile.write(drop)

    return drip


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"s"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["silence", "a drip of headers", "a drip of body", "a drip of chunks"],
)
def test_a_node_that_dawdles_is_given_up(lying_node: LyingNode, start: bytes, drop: bytes) -> None:
    chain = Web3Chain(lying_node.url, CHAIN_ID, timeout=120)
    assert chain.chain_id == CHAIN_ID
    chain._provider._timeout = 0.5
    lying_node.lie = slowly(lying_node, start, drop)
    before = time.monotonic()
    with pytest.raises(ChainUnavailable, match=r"did not answer: \w+Timeout"):
        chain.nonce(TOKEN)
    assert time.monotonic() - before >= 0.45
    chain.close()


def test_a_node_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        chain = Web3Chain(f"http://127.0.0.1:{taken.getsockname()[1]}", CHAIN_ID)
        with pytest.raises(ChainUnavailable, match="did not answer: ConnectError"):
            chain.block("latest")


def test_a_certificate_that_nobody_vouches_for_is_refused(lying_node: LyingNode) -> None:
    """TLS to a node of that name whose certificate comes from an authority of its own."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(theirs)
    lying_node.server.socket = theirs.wrap_socket(lying_node.server.socket, server_side=True)
    chain = Web3Chain(lying_node.url.replace("http://127.0.0.1", "https://localhost"), CHAIN_ID)
    with pytest.raises(ChainUnavailable, match="did not answer: ConnectError"):
        chain.nonce(TOKEN)
    assert lying_node.asked == []
    chain.close()


def test_another_chain_is_refused_in_a_sentence(lying_node: LyingNode) -> None:
    chain = Web3Chain(lying_node.url, 1)
    for ask in ASK.values():
        with pytest.raises(ChainUnavailable, match="serves chain 31337, but chain 1 is wanted: check EARNEST_RPC_URL"):
            ask(chain)
    with pytest.raises(ChainUnavailable, match="serves chain 31337"):
        _ = chain.chain_id
    assert set(lying_node.asked) == {"eth_chainId"}, "nothing else is asked of another chain"
    chain.close()


def test_whatever_chain_it_is_may_be_taken(lying_node: LyingNode) -> None:
    lying_node.answers["eth_chainId"] = "0xa4b1"
    chain = Web3Chain(lying_node.url, None)
    assert chain.chain_id == 42161
    chain.close()


def test_after_an_absence_the_chain_is_asked_again(chain: Web3Chain, lying_node: LyingNode) -> None:
    assert chain.nonce(TOKEN) == 5
    lying_node.lie = hang_up
    with pytest.raises(ChainUnavailable):
        chain.nonce(TOKEN)
    lying_node.lie = None
    lying_node.answers["eth_chainId"] = "0x1"
    with pytest.raises(ChainUnavailable, match="serves chain 1"):
        chain.nonce(TOKEN)


@pytest.mark.parametrize("answer", [None, 31337, "31337", "0x", {}], ids=repr)
def test_a_chain_id_that_is_none_is_nonsense(chain: Web3Chain, lying_node: LyingNode, answer: object) -> None:
    lying_node.answers["eth_chainId"] = answer
    with pytest.raises(ChainUnavailable, match="nonsense"):
        chain.nonce(TOKEN)


# ------------------------------------------------------------------------------------------------- a node that says no


@pytest.mark.parametrize("message", ["header not found", "Unknown block", "finalized block not found"])
def test_a_block_that_the_node_calls_unknown_is_none(chain: Web3Chain, lying_node: LyingNode, message: str) -> None:
    lying_node.errors["eth_getBlockByNumber"] = {"code": -39001, "message": message}
    assert chain.block("finalized") is None


def test_other_errors_are_told_in_one_short_printable_line(chain: Web3Chain, lying_node: LyingNode) -> None:
    evil = {"code": -32005, "message": "limit\x1b[2J\n" + "x" * 10_000}
    for method, ask in ASK.items():
        lying_node.errors = {method: evil}
        with pytest.raises(ChainUnavailable) as told:
            ask(chain)
        assert str(told.value).isprintable()
        assert len(str(told.value)) < 300


@pytest.mark.parametrize(
    ("error", "data", "because"),
    [
        ({"code": 3, "message": "execution reverted", "data": "0x01020304"}, b"\x01\x02\x03\x04", "0x01020304"),
        ({"code": -32000, "message": "VM Exception: revert"}, b"", "no reason given"),
        ({"code": 3, "message": "execution reverted", "data": {"nested": "0x"}}, b"", "no reason given"),
        ({"code": 3, "message": "execution reverted", "data": "0xzz"}, b"", "no reason given"),
        ({"code": 3, "message": "execution reverted", "data": "0x" + "00" * 300_000}, b"", "no reason given"),
    ],
)
@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas"])
def test_a_revert_is_a_conflict_with_its_data(
    chain: Web3Chain, lying_node: LyingNode, method: str, error: dict[str, Any], data: bytes, because: str
) -> None:
    lying_node.errors[method] = error
    with pytest.raises(Conflict) as refused:
        ASK[method](chain)
    assert (refused.value.code, refused.value.values["data"], refused.value.message) == ("reverted", data, because)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("nonce too low: next nonce 5, tx nonce 4", "nonce_too_low"),
        ("replacement transaction underpriced", "underpriced"),
        ("max fee per gas less than block base fee", "underpriced"),
        ("insufficient funds for gas * price + value", "insufficient_funds"),
        ("exceeds block gas limit", "transaction_refused"),
    ],
)
def test_a_refused_transaction_says_why(chain: Web3Chain, lying_node: LyingNode, message: str, code: str) -> None:
    lying_node.errors["eth_sendRawTransaction"] = {"code": -32000, "message": message}
    with pytest.raises(Conflict) as refused:
        chain.send(RAW)
    assert refused.value.code == code


def test_a_transaction_that_the_node_has_is_sent(chain: Web3Chain, lying_node: LyingNode) -> None:
    sent = Hash32(keccak(RAW))
    lying_node.errors["eth_sendRawTransaction"] = {"code": -32000, "message": "nonce too low"}
    lying_node.answers["eth_getTransactionByHash"] = {"hash": show_hash(sent)}
    assert chain.send(RAW) == sent


def test_a_transaction_that_the_node_confuses_is_not_sent(chain: Web3Chain, lying_node: LyingNode) -> None:
    lying_node.errors["eth_sendRawTransaction"] = {"code": -32000, "message": "already known"}
    lying_node.answers["eth_getTransactionByHash"] = {"hash": OTHER}
    with pytest.raises(Conflict):
        chain.send(RAW)


def test_a_node_that_fails_is_not_a_node_that_refuses(chain: Web3Chain, lying_node: LyingNode) -> None:
    lying_node.errors["eth_sendRawTransaction"] = {"code": -32603, "message": "internal error"}
    with pytest.raises(ChainUnavailable, match="internal error"):
        chain.send(RAW)


# ------------------------------------------------------------------------------------------------- secrets


def test_the_url_is_shown_nowhere(lying_node: LyingNode, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = lying_node.url.replace("http://", "http://us%40er:s3cret-word@") + "/v3/k3y-in-path?token=k3y-in-query"
    chain = Web3Chain(url, CHAIN_ID, timeout=120)
    shown = [repr(chain), repr(chain._provider), str(chain._provider)]
    assert chain.nonce(TOKEN) == 5
    silence = slowly(lying_node, b"", b"")
    for lie in (body(b"nonsense"), body(b"", 302), hang_up, no_http, silence):
        assert chain.chain_id == CHAIN_ID
        lying_node.lie = lie
        chain._provider._timeout = 0.5 if lie is silence else 120
        with pytest.raises(ChainUnavailable) as told:
            chain.nonce(TOKEN)
        shown += traceback.format_exception(told.value)
        assert told.value.__cause__ is None
        assert told.value.__context__ is None or told.value.__suppress_context__, "no frames of the library's"
    chain.close()
    everything = "\n".join([*shown, caplog.text])
    assert everything
    for secret in ("s3cret-word", "k3y-in-path", "k3y-in-query", "us@er", "us%40er"):
        assert secret not in everything
    expected = "Basic " + base64.b64encode(b"us@er:s3cret-word").decode()
    assert {headers["authorization"] for headers in lying_node.headers} == {expected}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3cret",
        "ftp://s3cret@host/",
        "http://",
        "http://:s3cret@/",
        "http://host:s3cret/",
        "http://[s3cret/",
        "http://höst/s3cret",
        "file:///etc/s3cret",
        "//s3cret",
        "http://a..s3cret/",
        f"http://{'s3cret' * 11}/",
        "http://host/s3cret\r\nX-Evil: 1",
    ],
)
def test_what_is_no_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        Web3Chain(url, CHAIN_ID)
    assert "s3cret" not in "".join(
        traceback.format_exception(refused.value, chain=not refused.value.__suppress_context__)
    )


def test_a_node_may_stand_at_an_ipv6_address() -> None:
    chain = Web3Chain("http://[::1]:9/", CHAIN_ID)
    assert repr(chain) == "<Web3Chain ::1:9>"
    with pytest.raises(ChainUnavailable, match="did not answer: Connect"):
        chain.block("latest")


def test_no_proxy_of_the_environment_is_used(lying_node: LyingNode, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    chain = Web3Chain(lying_node.url, CHAIN_ID)
    assert chain.nonce(TOKEN) == 5
    chain.close()


# ------------------------------------------------------------------------------------------------- threads, web3


def test_many_threads_may_ask_at_once(chain: Web3Chain) -> None:
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(20):
                assert chain.nonce(TOKEN) == 5
                assert chain.block(BLOCK.number) == BLOCK
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_it_is_a_provider_that_web3_itself_can_use(lying_node: LyingNode) -> None:
    from web3 import Web3  # noqa: PLC0415 - slow to import, and needed here alone
    from web3.providers.base import JSONBaseProvider  # noqa: PLC0415 - the same
    from web3.types import RPCEndpoint, RPCResponse  # noqa: PLC0415 - the same

    provider = BoundedProvider(lying_node.url)

    class OfWeb3(JSONBaseProvider):
        def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - web3's signature
            return cast("RPCResponse", provider.make_request(method, params))

    assert Web3(OfWeb3()).eth.chain_id == CHAIN_ID
    provider.close()


def test_an_address_of_no_bytes_never_reaches_the_node(chain: Web3Chain, lying_node: LyingNode) -> None:
    with pytest.raises(ValueError, match="format"):
        chain.balance(Address(b""))
    assert "eth_getBalance" not in lying_node.asked
