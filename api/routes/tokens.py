"""Tokens: what stands for a person outside of Matrix; listed and ended here, made by the bot alone."""

from fastapi import APIRouter, Response

from api.dependencies import Anybody, ContainerDep, Reader, Writer
from api.schemas.me import TokenOut, TokensOut
from api.schemas.problems import problems
from kit.clock import unix

router = APIRouter(prefix="/v1/me", tags=["me"], responses=problems(401, 403, 404, 429, 503))


@router.get("/tokens")
def tokens(reader: Reader, container: ContainerDep) -> TokensOut:
    """List your tokens. Their secrets are shown once, by the bot, when it makes them."""
    with container.read() as work:
        found = work.sessions.tokens(reader.person)
    return TokensOut(
        tokens=[
            TokenOut(
                id=one.id,
                label=one.label,
                scopes=sorted(one.scopes),
                created_at=unix(one.created_at),
                expires_at=unix(one.expires_at),
            )
            for one in found
        ]
    )


@router.delete("/tokens/{token_id}", status_code=204)
def revoke(token_id: int, writer: Writer, container: ContainerDep) -> None:
    """End one of your tokens; it may be the one you are using."""
    with container.work() as work:
        work.sessions.revoke(writer.person, token_id)


@router.delete("/session", status_code=204)
def sign_out(caller: Anybody, container: ContainerDep, response: Response) -> None:
    """End the browser session that asks; a token is not touched."""
    if caller.session is not None:
        with container.work() as work:
            work.sessions.end(caller.session)
    response.headers["Clear-Site-Data"] = '"cookies"'
