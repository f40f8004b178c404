"""Rendering: templates filled (autoescaped, strict about what is missing), static files, and pages for errors."""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path

import segno
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from kit.amounts import Amount, show
from kit.clock import from_unix
from kit.identifiers import isolate

_HERE = Path(__file__).parent
_QR_MODULE_PX = 4


class _Static(StaticFiles):
    """Our scripts and styles; names carry no version, so a browser asks whether what it has is still good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, no-cache"
        return response


def static_files() -> StaticFiles:
    """Return the application that serves our scripts and styles."""
    return _Static(directory=_HERE / "static")


def render(request: Request, template: str, values: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """Return a page; every page knows the public address and whose bot is the genuine one."""
    settings = request.app.state.container.settings
    known = {"public_url": settings.public_url, "bot_id": settings.bot_user_id}
    return HTMLResponse(_environment().get_template(template).render({**known, **values}), status)


def fill(template: str, values: Mapping[str, object]) -> str:
    """Return what is no page of its own."""
    return _environment().get_template(template).render(values)


def error_page(request: Request, status: int, sentence: str) -> Response:
    """Return the page that tells a person of an error."""
    return render(
        request, "error.html", {"status": status, "title": _title(status), "sentence": sentence}, status=status
    )


def qr(text: str) -> Markup:
    """Return a QR code of ``text`` as an inline SVG without any style in it."""
    code = segno.make(text, error="m", micro=False)
    svg = code.svg_inline(
        scale=_QR_MODULE_PX, border=2, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return Markup(svg)  # noqa: S704 - drawn by segno from modules alone; no text of the input is in it


def _title(status: int) -> str:
    named = {
        404: "There is nothing here",
        410: "This is over",
        429: "A little slower, please",
        500: "Something went wrong here",
        503: "Not reachable at the moment",
    }
    return named.get(status, HTTPStatus(status).phrase)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(gettext.NullTranslations(), newstyle=True)  # type: ignore[attr-defined]
    environment.filters["mxid"] = _mxid
    environment.filters["moment"] = _moment
    environment.filters["amount"] = _amount
    environment.globals["qr"] = qr
    return environment


def _mxid(text: str | None) -> Markup:
    """Show a Matrix id whole, in an element of its own direction; bidirectional controls inside are taken out."""
    if text is None:
        return Markup('<span class="gone">{}</span>').format("somebody who asked to be forgotten")
    return Markup('<bdi class="mxid" translate="no">{}</bdi>').format(isolate(text)[1:-1])


def _moment(seconds: int) -> Markup:
    """Show Unix seconds in UTC; a script turns it into the reader's own zone."""
    moment = from_unix(seconds)
    return Markup('<time datetime="{}">{}</time>').format(moment.astimezone(UTC).isoformat(), _written(moment))


def _written(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _amount(base_units: str, decimals: int, symbol: str) -> Markup:
    return Markup('<span class="amount">{}\N{NO-BREAK SPACE}{}</span>').format(
        show(Amount(int(base_units)), decimals), symbol
    )
