"""The link page: a person proves with a signature (EIP-4361) that a wallet is theirs. Looking at it changes nothing."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import HTMLResponse

from api.dependencies import SESSION_COOKIE, ContainerDep, limited, same_origin
from api.errors import sentence, status_of
from api.pages.rendering import render
from app.container import Container, Work
from app.sessions import SESSION_LIFETIME
from kit.errors import Forbidden, NotFound, Refusal
from kit.identifiers import Address, PersonId, UserId, parse_address, show_address
from ledger import siwe

router = APIRouter(
    prefix="/link", include_in_schema=False, dependencies=[Depends(limited("link", per_minute=30, burst=20))]
)

SIGN_WITHIN = timedelta(minutes=10)
"""How long the message that a wallet signs is good."""

_IN_STATEMENTS = "-._~:/?#[]@!$&'()*+,;= "
Token = Annotated[str, Path(max_length=200)]


@router.get("/{token}", response_class=HTMLResponse)
def look(token: Token, request: Request, container: ContainerDep) -> HTMLResponse:
    """Show whose link it is and what linking means. Changes nothing, so that no preview uses the link up."""
    with container.read() as work:
        _, mxid = _whose(work, token)
    return _page(request, container, token, mxid)


@router.post("/{token}/message", response_class=HTMLResponse)
def make_message(
    token: Token, address: Annotated[str, Form(max_length=64)], request: Request, container: ContainerDep
) -> HTMLResponse:
    """Show the message that the wallet signs, made for this person and address alone."""
    _from_here(request, container)
    with container.work() as work:
        person, mxid = _whose(work, token)
        try:
            message = _message(container, work, person, mxid, parse_address(address.strip()))
        except Refusal as error:
            return _page(request, container, token, mxid, trouble=error)
    return _page(request, container, token, mxid, message=message)


@router.post("/{token}", response_class=HTMLResponse)
def confirm(
    token: Token,
    message: Annotated[str, Form(max_length=siwe.LONGEST)],
    signature: Annotated[str, Form(max_length=200)],
    request: Request,
    container: ContainerDep,
) -> HTMLResponse:
    """Link the wallet that signed, use the link up, and sign the browser in."""
    _from_here(request, container)
    text = message.replace("\r\n", "\n").strip("\n")  # forms send every line break as CR LF
    try:
        with container.work() as work:
            person, mxid = _whose(work, token)
            address = _link(container, work, person, mxid, text, signature.strip())
            work.sessions.redeem(token)
            secret = work.sessions.start(person)
            wallets = [show_address(one) for one in work.holders.addresses(person)]
    except Refusal as error:
        # All of it was rolled back: the link and the message are as good as before.
        with container.read() as work:
            _, mxid = _whose(work, token)
        return _page(request, container, token, mxid, trouble=error)
    values = {"step": "done", "mxid": mxid, "address": show_address(address), "wallets": wallets}
    response = render(request, "link.html", values)
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path="/",
        secure=container.settings.public_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )
    return response


def statement_for(mxid: UserId) -> str:
    """Return what the message says in words; a character that EIP-4361 has no place for there becomes ``?``.

    The exact id stands in the message's resource, percent-encoded.
    """
    plain = "".join(c if (c.isascii() and c.isalnum()) or c in _IN_STATEMENTS else "?" for c in mxid)
    return f"Link this wallet to the Matrix account {plain} on Earnest. It moves no money."


def resource_for(mxid: UserId) -> str:
    """Return the person as a ``matrix:`` URI (Matrix specification, "URIs")."""
    return f"matrix:u/{quote(mxid[1:], safe='')}"


def _whose(work: Work, token: str) -> tuple[PersonId, UserId]:
    person = work.sessions.look(token)
    mxid = work.people.mxid(person)
    if mxid is None:
        raise NotFound("link_unknown", "There is no such link. Ask the bot for a new one.")
    return person, mxid


def _message(container: Container, work: Work, person: PersonId, mxid: UserId, address: Address) -> siwe.Message:
    uri = f"{container.settings.public_url}/link"
    return siwe.Message(
        domain=urlsplit(uri).netloc,
        address=address,
        uri=uri,
        chain_id=container.terms.chain_id,
        nonce=work.holders.nonce(person),
        issued_at=siwe.show_time(work.now),
        expiration_time=siwe.show_time(work.now + SIGN_WITHIN),
        statement=statement_for(mxid),
        resources=(resource_for(mxid),),
    )


def _link(container: Container, work: Work, person: PersonId, mxid: UserId, text: str, signature: str) -> Address:
    signed = siwe.parse(text)
    # Whoever signed must have read this person's name: a signature made for one account is no good for another.
    if (signed.statement, signed.resources) != (statement_for(mxid), (resource_for(mxid),)):
        raise Forbidden("siwe_for_another", "That message was made for another Matrix account.")
    uri = f"{container.settings.public_url}/link"
    domain = urlsplit(uri).netloc
    chain_id = container.terms.chain_id
    return work.holders.link(person, text, signature, domain=domain, uri=uri, chain_id=chain_id)


def _from_here(request: Request, container: Container) -> None:
    if not same_origin(request, container):
        where = container.settings.public_url
        raise Forbidden("other_origin", f"This was not sent from a page of {where}. Open the bot's link there.")


def _page(
    request: Request,
    container: Container,
    token: str,
    mxid: UserId,
    *,
    message: siwe.Message | None = None,
    trouble: Refusal | None = None,
) -> HTMLResponse:
    values: dict[str, object] = {
        "step": "sign" if message else "start",
        "mxid": mxid,
        "token": token,
        "message": message.text() if message else None,
        "address": show_address(message.address) if message else None,
        "trouble": sentence(trouble) if trouble else None,
        "chain_id": container.terms.chain_id,
    }
    return render(request, "link.html", values, status=status_of(trouble) if trouble else 200)
