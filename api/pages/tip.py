"""The page of a tip: to whom it is, how much, what is said with it and who sees that, and a wallet to pay it by."""

import re

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from api.dependencies import ContainerDep, limited
from api.pages.rendering import render
from app import gasless, tipping
from app.container import Container, Work
from contracts.typed_data import Domain
from kit.amounts import Amount, show
from kit.clock import unix
from kit.errors import NotFound
from kit.identifiers import show_address
from payments.carrying.model import Cargo
from payments.tips.model import LONGEST_NOTE, Link, least

router = APIRouter(include_in_schema=False)

_TOKEN = re.compile(r"[A-Za-z0-9]{22}")


@router.get(
    "/tip/{token}", response_class=HTMLResponse, dependencies=[Depends(limited("tip_page", per_minute=60, burst=40))]
)
def tip_page(token: str, request: Request, container: ContainerDep) -> HTMLResponse:
    """Show a link to tip by, to whoever has it."""
    if not _TOKEN.fullmatch(token):
        raise _unknown()
    with container.read(one_moment=True) as work:
        link, paid = work.tip_links.find(token), work.tips.of_link(token)
        if link is None or link.receiver is None:
            raise _unknown()
        values = _of(work, link) | _sums(work, link)
    settings, terms = container.settings, container.terms
    values |= {
        "token": token,
        "note": link.wish.note,
        "longest": LONGEST_NOTE,
        "public": link.wish.public,
        "anonymous": link.wish.anonymous,
        "symbol": terms.symbol,
        "decimals": terms.decimals,
        "expires_at": unix(link.expires_at),
        "fee": f"{settings.sales_fee_bps / 100:g}" if settings.sales_fee_receiver else "0",
        "payable": container.deployment.checkout is not None and values["wallet"] is not None and paid is None,
        "free": _free(container, link),
        "relay_fee": None if gasless.why_none(container, Cargo.TIP) else str(terms.relay_fee.base_units),
        "paid": None if paid is None else paid.state.value,
        "chain_id": terms.chain_id,
        "chain_name": settings.chain_name or f"chain {terms.chain_id}",
        "wallet_rpc_url": settings.wallet_rpc_url,
        "url": f"{settings.public_url}/tip/{token}",
    }
    return render(request, "tip.html", values)


def _of(work: Work, link: Link) -> dict[str, object]:
    wallet = None if link.receiver is None else work.tip_links.wallet_of(link.receiver)
    mxid = None if link.receiver is None else work.people.mxid(link.receiver)
    message = None if link.room is None or link.event is None else f"https://matrix.to/#/{link.room}/{link.event}"
    return {"receiver": mxid, "wallet": None if wallet is None else show_address(wallet), "message": message}


def _free(container: Container, link: Link) -> str:
    """Return in which other tokens a tip is carried for nothing."""
    if tipping.has_part(container) or gasless.why_none(container, Cargo.SETTLEMENT):
        return ""
    with container.read() as work:
        tokens = work.tokens
        taken = [] if link.receiver is None else work.tip_links.takes(link.receiver)[1:]
        return ", ".join(tokens.name(one)[0] for one in taken if isinstance(tokens.transfers(one), Domain))


def _sums(work: Work, link: Link) -> dict[str, object]:
    """Return what can be given: in which tokens, and of the one that its giver named, how much."""
    tokens, amount = work.tokens, link.wish.amount
    named, presets = link.wish.asset or tokens.own, [str(one) for one in tipping.PRESETS]
    taken = [] if link.receiver is None else work.tip_links.takes(link.receiver)
    shown = [
        {"asset": one, "symbol": symbol, "decimals": decimals, "least": show(Amount(least(decimals)), decimals)}
        for one, (symbol, decimals) in ((one, tokens.name(one)) for one in taken)
    ]
    preset = None if amount is None or named not in taken else show(Amount(amount), tokens.name(named)[1])
    return {
        "tokens": shown,
        "named": named if named in taken else tokens.own,
        "own": tokens.own,
        "presets": presets,
        "chosen": None if preset in presets else preset,
        "preset": preset,
    }


def _unknown() -> NotFound:
    return NotFound("tip_unknown", "That link is over. Ask the bot for another one.")
