"""The link page: a person proves with a signature (EIP-4361) that a wallet is theirs. Looking at it changes nothing."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import HTMLResponse

from api.dependencies import ContainerDep, limited, same_origin, set_session
from api.errors import sentence, status_of
from api.pages.rendering import render
from app import linking
from app.container import Container, Work
from app.sessions import SESSION_LIFETIME
from kit.errors import Forbidden, NotFound, Refusal
from kit.identifiers import PersonId, UserId, parse_address, show_address
from ledger import siwe

router = APIRouter(
    prefix="/link", include_in_schema=False, dependencies=[Depends(limited("link", per_minute=30, burst=20))]
)

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
            message = linking.message_for(container, work, person, parse_address(address.strip()))
        except Refusal as error:
            return _page(request, container, token, mxid, trouble=error)
    return _page(request, container, token, mxid, message=message)


@router.post("/{token}", response_class=HTMLResponse)
def confirm(
    token: Token,
    message: Annotated[str, Form(max_length=siwe.LONGEST)],
    signature: Annotated[str, Form(max_length=4 + 2 * siwe.MOST_SIGNATURE_BYTES)],
    request: Request,
    container: ContainerDep,
) -> HTMLResponse:
    """Link the wallet that signed, use the link up, and sign the browser in."""
    _from_here(request, container)
    text = message.replace("\r\n", "\n").strip("\n")  # forms send every line break as CR LF
    with container.read() as work:
        person, mxid = _whose(work, token)
    try:
        proof = linking.prove(container, person, text, signature.strip())
        with container.work() as work:
            work.sessions.redeem(token)
            address = linking.link(container, work, person, proof)
            secret = work.sessions.start(person)
            wallets = [show_address(one) for one in work.holders.addresses(person)]
    except Refusal as error:
        with container.read() as work:
            _whose(work, token)  # used meanwhile, perhaps; else all of it was rolled back and is as good as before
        return _page(request, container, token, mxid, trouble=error)
    values = {"step": "done", "mxid": mxid, "address": show_address(address), "wallets": wallets}
    response = render(request, "link.html", values)
    set_session(response, container, secret, SESSION_LIFETIME)
    return response


def _whose(work: Work, token: str) -> tuple[PersonId, UserId]:
    person = work.sessions.look(token)
    mxid = work.people.mxid(person)
    if mxid is None:
        raise NotFound("link_unknown", "There is no such link. Ask the bot for a new one.")
    return person, mxid


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
