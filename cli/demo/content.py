"""The fourth story: a person buys in a chat, a program without ether by x402, and money goes back when it should."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx
from eth_account import Account
from eth_account.messages import encode_defunct

from app.container import Container
from bot import main as bot
from cli.demo.people import Person
from cli.demo.program import bought_by_npm_client, bought_by_stock_client
from cli.demo.stage import Stage, money
from cli.local import anvil
from cli.local.treasury import ERN
from cli.local.world import BOT_SERVICE
from kit.clock import system_clock
from kit.identifiers import RoomId, show_address

_SELLER: Final = "lea"
_BUYER: Final = "kim"
_PROGRAM: Final = "erin"
"""Whose wallet the program has: it holds tokens, and never held ether."""
_STORY: Final = "A door is a policy, and a key is somebody's word."
_FILE: Final = bytes(range(256)) * 1_000
_LATER: Final = timedelta(minutes=61)
_TRIES: Final = 1_500
_LINK: Final = re.compile(r"http\S+/buy/[A-Za-z0-9]{22}\?order=[A-Za-z0-9]{22}")
_TIP: Final = re.compile(r"http\S+/tip/[A-Za-z0-9]{22}")
_PAGE: Final = re.compile(r"http\S+/link/[\w-]+", re.ASCII)
_MESSAGE: Final = re.compile(r'<textarea id="message"[^>]*>([^<]*)</textarea>')
_PURCHASE: Final = re.compile(r"purchase ([A-Za-z0-9]{22})")


async def counter_made(stage: Stage) -> None:
    """@lea can sell: there is a contract by which a buyer pays a seller, and the relayer carries for programs."""
    shown = await stage.earnest("contracts", "show", "--json")
    stage.demand(shown.get("checkout"), "the contract for sales stands", shown)
    stage.saw("the operator ran: earnest contracts show", shown)
    lea = await stage.talking(_SELLER)
    told = await stage.answered(lea, "help sell", "sell text")
    stage.saw(f"{lea.user_id} wrote: help sell; the bot answered", told)


async def bought_in_a_chat(stage: Stage) -> None:
    """@kim buys a text from @lea: the bot shows what it is, she signs in her own wallet, and it comes into the chat."""
    listing = await _put_up(stage, "text", "story.txt", _STORY.encode(), title="On doors", price="2")
    kim, before = await stage.talking(_BUYER), stage.tokens(stage.address(_SELLER))
    offered = await stage.answered(kim, f"buy {listing['id']}", "On doors", "2 ERN", "/buy/")
    stage.saw(f"{kim.user_id} wrote: buy {listing['id']}; the bot answered", offered)
    await _pay(stage, kim, offered)
    told = await stage.until(lambda: kim.said(_STORY), "the text comes into her chat")
    receipt = await stage.until(lambda: kim.said("is yours: you paid"), "with a receipt")
    stage.saw("the bot handed it over, and a receipt", f"{told}\n\n{receipt}")
    got = stage.tokens(stage.address(_SELLER)) - before
    stage.demand(got == 2 * ERN, "all of it went to the seller", money(got))
    again = await stage.answered(kim, "library", "On doors")
    stage.saw("what she bought stays hers; she wrote: library", again)
    sold = await stage.earnest("sell", "sales", "--seller", _mxid(stage, _SELLER), "--json")
    stage.saw("and the seller sees what was sold: earnest sell sales", sold)


async def tipped(stage: Stage) -> None:
    """@kim tips @lea, who lets herself be tipped at a wallet that she linked, and says something with it."""
    lea, kim = await stage.talking(_SELLER), await stage.talking(_BUYER)
    await _link_wallet(stage, lea)
    on = await stage.answered(lea, "tips on", show_address(stage.address(_SELLER))[:8])
    stage.saw(f"{lea.user_id} linked her wallet and wrote: tips on; the bot answered", on)
    before, heard = stage.tokens(stage.address(_SELLER)), len(lea.heard)
    offered = await stage.answered(kim, f"tip {lea.user_id} 5 Thank you for the doors", "/tip/")
    stage.saw(f"{kim.user_id} wrote: tip {lea.user_id} 5 Thank you for the doors; the bot answered", offered)
    found = _TIP.search(offered)
    stage.demand(found, "there is a link to pay by", offered)
    words = ("tips", "pay", found.group() if found else "", "--amount", "5", "--note", "Thank you for the doors")
    paid = await stage.earnest(*words, *_key(stage, _BUYER), "--yes", "--json")
    stage.saw("her wallet paid: earnest tips pay … --amount 5", paid)
    told = await stage.until(lambda: lea.said("5 ERN", "Thank you for the doors", after=heard), "the bot tells @lea")
    got = stage.tokens(stage.address(_SELLER)) - before
    stage.demand(got == 5 * ERN, "all of it went to her wallet", money(got))
    stage.saw("once the block was safe the bot told her", told)


async def bought_by_a_program(stage: Stage) -> None:
    """@erin's program buys a file by the stock x402 client without any ether; a thief's replay of it gets 402."""
    listing = await _put_up(stage, "file", "doors.bin", _FILE, title="All doors", price="3")
    chain, address = stage.world.chain, stage.address(_PROGRAM)
    stage.demand(chain.balance(address) == 0, "the program's wallet has no ether")
    before = stage.tokens(address)
    url = f"{stage.world.plan.public_url}/v1/listings/{listing['id']}/content"
    sent: list[str] = []
    secret = stage.world.plan.wallet_file(_PROGRAM).read_text(encoding="utf-8").strip()
    answer = await bought_by_stock_client(url, secret, sent)
    while answer.status_code == HTTPStatus.ACCEPTED:
        await asyncio.sleep(0.5)
        async with httpx.AsyncClient(timeout=60) as plain:
            answer = await plain.get(url, headers={"PAYMENT-SIGNATURE": sent[-1]})
    stage.demand(
        answer.status_code == HTTPStatus.OK, "the program gets the file", (answer.status_code, answer.text[:300])
    )
    stage.demand(answer.content == _FILE, "byte for byte")
    spent = before - stage.tokens(address)
    stage.demand(spent == 3 * ERN, "it cost the price and nothing else", money(spent))
    stage.demand(chain.balance(address) == 0, "and no ether")
    told = json.loads(base64.b64decode(answer.headers["PAYMENT-RESPONSE"]))
    stage.saw(f"x402's own Python client got {len(answer.content):,} bytes for {money(spent)} and no ether", told)
    async with httpx.AsyncClient(timeout=60) as thief:
        stolen = json.loads(base64.b64decode(sent[-1]))
        stolen["accepted"]["extra"]["claim"] = "A" * 22
        header = base64.b64encode(json.dumps(stolen).encode()).decode()
        refused = await thief.get(url, headers={"PAYMENT-SIGNATURE": header})
    stage.demand(
        refused.status_code == HTTPStatus.PAYMENT_REQUIRED, "whoever read it on the chain gets nothing", refused
    )
    stage.saw("whoever read that payment on the chain and sent it in again was told 402")


async def bought_by_another_program(stage: Stage) -> None:
    """@erin's other program, x402's npm client, buys within the most that it may spend, and again without any ether."""
    listing = await _put_up(stage, "file", "windows.bin", _FILE[::-1], title="All windows", price="3")
    chain, address = stage.world.chain, stage.address(_PROGRAM)
    url = f"{stage.world.plan.public_url}/v1/listings/{listing['id']}/content"
    key = bytes.fromhex(stage.world.plan.wallet_file(_PROGRAM).read_text(encoding="utf-8").strip().removeprefix("0x"))
    place = stage.world.deployment
    asking = {"network": f"eip155:{place.chain_id}", "asset": show_address(place.token)}
    before = stage.tokens(address)
    refused = await asyncio.to_thread(bought_by_npm_client, url, key, most=3 * ERN - 1, **asking)
    stage.demand(refused.status == 0 and refused.sent is None, "it signs nothing beyond what it may spend", refused)
    stage.saw("x402's own npm client, allowed to spend a little less than the price, signed nothing", refused.refused)
    answer = await asyncio.to_thread(bought_by_npm_client, url, key, most=3 * ERN, **asking)
    body, status = answer.body, answer.status
    while status == HTTPStatus.ACCEPTED:
        await asyncio.sleep(0.5)
        async with httpx.AsyncClient(timeout=60) as plain:
            later = await plain.get(url, headers={"PAYMENT-SIGNATURE": answer.sent or ""})
        body, status = later.content, later.status_code
    stage.demand((status, body) == (HTTPStatus.OK, _FILE[::-1]), "the program gets the file, byte for byte", status)
    spent = before - stage.tokens(address)
    stage.demand(spent == 3 * ERN and chain.balance(address) == 0, "for the price, and no ether", money(spent))
    stage.saw(f"allowed to spend the price it got {len(body):,} bytes for {money(spent)} and no ether")


async def taken_back(stage: Stage) -> None:
    """@kim's payment leaves the chain with its block: what she bought is not hers any more, and the bot says so."""
    listing = await _put_up(stage, "text", "letter.txt", b"A letter about keys.", title="On keys", price="1")
    kim, rpc = await stage.talking(_BUYER), stage.world.plan.rpc_url
    offered = await stage.answered(kim, f"buy {listing['id']}", "On keys", "/buy/")
    before = len(kim.heard)
    with anvil.mining_at_once(rpc, stage.world.plan.pace.block_time):
        await _pay(stage, kim, offered)
        anvil.stand_still(rpc)
        await stage.until(lambda: kim.said("A letter about keys.", after=before), "it comes into her chat")
        anvil.reorg(rpc, 1)
        told = await stage.until(lambda: kim.said("not yours now", "On keys", after=before), "the bot tells @kim")
    stage.saw("the chain replaced that block by one without the payment; the bot told her", told)


async def paid_back(stage: Stage) -> None:
    """@kim asks for her money; @lea pays it back from her own wallet, once however often she is asked."""
    kim = await stage.talking(_BUYER)
    receipt = kim.said("is yours: you paid", "On doors") or ""
    found = _PURCHASE.search(receipt)
    purchase = found.group(1) if found else ""
    stage.demand(purchase, "the receipt names the purchase", receipt)
    asked = await stage.answered(kim, f"refund {purchase} It was about windows.", "On doors")
    stage.saw(f"{kim.user_id} wrote: refund {purchase} It was about windows.; the bot answered", asked)
    before, heard = stage.tokens(stage.address(_BUYER)), len(kim.heard)
    command = ("sell", "refund", purchase, "--seller", _mxid(stage, _SELLER), *_key(stage, _SELLER), "--yes", "--json")
    paid = await stage.earnest(*command)
    stage.saw(f"the seller ran: earnest sell refund {purchase}", paid)
    again = await stage.earnest(*command)
    back = stage.tokens(stage.address(_BUYER)) - before
    stage.demand(back == 2 * ERN, "her money is back, once", (money(back), again))
    told = await stage.until(lambda: kim.said("On doors", "2 ERN", after=heard), "the bot tells @kim")
    stage.saw("asked a second time it paid nothing; the bot told @kim", told)


async def admitted_for_a_time(stage: Stage) -> None:
    """@kim buys an hour in a room of @lea's: the bot asks her in, and puts her out when the hour is over."""
    lea, kim = await stage.talking(_SELLER), await stage.talking(_BUYER)
    room = await lea.create_room()
    words = ("--room", room, "--for", "1h", "--title", "The parlour", "--price", "1", "--finality", "seen")
    seller = ("--seller", lea.user_id, "--wallet", show_address(stage.address(_SELLER)))
    made = await stage.earnest("sell", "admission", *words, *seller, "--json")
    await lea.invite_bot(room)
    await lea.gives_power(room, 50)
    ready = await stage.until(lambda: lea.said("is for sale now", made["id"]), "the bot finds that it may admit people")
    stage.saw(
        f"{lea.user_id} sells an hour in a room: earnest sell admission; the bot looked there and told her", ready
    )
    offered = await stage.answered(kim, f"buy {made['id']}", "The parlour", "/buy/")
    await _pay(stage, kim, offered)
    await _stands(stage, lea, room, kim, "join")
    stage.saw(f"the bot asked {kim.user_id} into the room, and she is in it")
    await asyncio.to_thread(stage.world.supervisor.stop, BOT_SERVICE)
    with _an_hour_later(stage):
        told = await _stands(stage, lea, room, kim, "leave")
    stage.saw("an hour later, by a bot whose clock goes so much ahead, she was put out", told)
    stage.world.supervisor.start(stage.world.service(BOT_SERVICE))
    await asyncio.to_thread(stage.world.supervisor.wait_ready, BOT_SERVICE)


STEPS = (
    counter_made,
    bought_in_a_chat,
    tipped,
    bought_by_a_program,
    bought_by_another_program,
    taken_back,
    paid_back,
    admitted_for_a_time,  # the last one: the clocks of what follows would be behind
)


async def _put_up(stage: Stage, kind: str, name: str, content: bytes, *, title: str, price: str) -> dict[str, Any]:
    file = stage.folder / name
    file.write_bytes(content)
    wallet = show_address(stage.address(_SELLER))
    words = ("--seller", _mxid(stage, _SELLER), "--title", title, "--price", price, "--wallet", wallet)
    made = await stage.earnest("sell", kind, str(file), *words, "--finality", "seen", "--json")
    stage.saw(f"{_mxid(stage, _SELLER)} sells: earnest sell {kind} {name} --title {title!r} --price {price}", made)
    return made


async def _pay(stage: Stage, person: Person, offered: str) -> None:
    found = _LINK.search(offered)
    stage.demand(found, "there is a link to pay by", offered)
    link = found.group() if found else ""
    paid = await stage.earnest("buy", link, *_key(stage, person.name), "--yes", "--json")
    stage.saw(f"{person.user_id}'s wallet paid: earnest buy {link}", paid)


async def _link_wallet(stage: Stage, person: Person) -> None:
    """Let somebody link their wallet on the page to which the bot leads them, by hand."""
    told = await stage.answered(person, "link", "/link/")
    found, own = _PAGE.search(told), stage.world.plan.public_url
    stage.demand(found, "the bot leads to a page", told)
    page = found.group() if found else ""
    secret = stage.world.plan.wallet_file(person.name).read_text(encoding="utf-8").strip()
    async with httpx.AsyncClient(timeout=60, headers={"Origin": own}) as browser:
        shown = await browser.post(f"{page}/message", data={"address": show_address(stage.address(person.name))})
        asked = _MESSAGE.search(shown.text)
        stage.demand(asked, "the page shows what to sign", shown.text)
        message = html.unescape(asked.group(1)) if asked else ""
        signature = Account.from_key(secret).sign_message(encode_defunct(text=message)).signature
        done = await browser.post(
            page, data={"message": message, "signature": "0x" + signature.hex().removeprefix("0x")}
        )
    stage.demand(done.is_success, "the wallet is linked", done.text)


async def _stands(stage: Stage, looker: Person, room: RoomId, other: Person, membership: str) -> dict[str, Any]:
    """Wait until somebody stands so to a room, as another one sees it; what the room says of it."""
    path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/state/m.room.member/{quote(other.user_id, safe='')}"
    found = await looker.get(path)
    for _ in range(_TRIES):
        if found.body.get("membership") == membership:
            break
        stage.heed()
        stage.world.check()
        await asyncio.sleep(0.2)
        found = await looker.get(path)
    stands = found.body.get("membership")
    stage.demand(stands == membership, f"{other.user_id} stands to the room so: {membership}", found.body)
    return found.body


@contextmanager
def _an_hour_later(stage: Stage) -> Iterator[None]:
    """Let the bot be one for which it is an hour later, for the block."""
    container = Container(stage.world.container.settings, clock=lambda: system_clock() + _LATER)
    stop, ended = threading.Event(), list[BaseException]()

    def serve() -> None:
        try:
            bot.run(container, stop=stop)
        except BaseException as error:  # noqa: BLE001 - told below, by whom waits for it
            ended.append(error)

    thread = threading.Thread(target=serve, name="later-bot")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        container.close()
    stage.demand(not ended, "the bot an hour later ran", ended)


def _mxid(stage: Stage, name: str) -> str:
    return stage.world.plan.user_id(name)


def _key(stage: Stage, name: str) -> tuple[str, ...]:
    return ("--key-file", str(stage.world.plan.wallet_file(name)))
