"""Errors: every kind has its status, programs get problems, people get pages, and nothing inside is shown."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from starlette.types import ASGIApp

from api.errors import TooMany, Unauthorized, problem_body, status_of
from kit.errors import ChainUnavailable, Conflict, DatabaseUnavailable, Forbidden, Invalid, NotFound, Refusal
from tests.support.gates import ToldGatekeeper, a_client, an_app


def app_that_raises(error: Exception) -> ASGIApp:
    app = an_app(ToldGatekeeper())

    def fail() -> None:
        raise error

    app.framework.router.add_api_route("/v1/fail", fail)
    app.framework.router.add_api_route("/fail", fail)
    return app


def ask(app: ASGIApp, path: str, accept: str = "*/*", method: str = "GET") -> httpx.Response:
    async def call() -> httpx.Response:
        async with a_client(app, Accept=accept) as client:
            return await client.request(method, path)

    return asyncio.run(call())


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("odd", "That is odd."), 400),
        (Unauthorized("who", "Who are you?"), 401),
        (Forbidden("not_yours", "That is not yours."), 403),
        (NotFound("nothing", "There is nothing."), 404),
        (Conflict("taken", "That is taken."), 409),
        (Conflict("link_used", "That is over."), 410),
        (TooMany(1.5), 429),
        (ChainUnavailable("secret: https://key@node"), 503),
        (DatabaseUnavailable("secret: locked"), 503),
        (RuntimeError("secret: inside"), 500),
    ],
)
def test_every_kind_has_its_status_and_both_forms(error: Exception, status: int) -> None:
    app = app_that_raises(error)
    told = ask(app, "/v1/fail", "text/html")
    assert (told.status_code, told.headers["content-type"]) == (status, "application/problem+json")
    body = told.json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["status"] == status
    assert "secret" not in told.text
    page = ask(app, "/fail", "text/html,*/*")
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert str(status) in page.text
    assert "secret" not in page.text
    for answer in (told, page):
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_text_becomes_markup() -> None:
    page = ask(app_that_raises(NotFound("odd", "<img src=x onerror=alert(1)>")), "/fail", "text/html").text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def test_a_subclass_of_a_kind_is_of_its_kind() -> None:
    class Odd(NotFound):
        pass

    assert status_of(Odd("odd", "Odd.")) == 404
    assert status_of(Refusal("plain", "Plain.")) == 400


@pytest.mark.parametrize(
    "path", ["/no/such/page", "/v1/nothing", "/stake/", "/static/../main.py", "/static/nothing.js"]
)
def test_what_is_not_there_is_404(path: str) -> None:
    assert ask(an_app(ToldGatekeeper()), path).status_code == 404


def test_a_wrong_method_is_told() -> None:
    answer = ask(an_app(ToldGatekeeper()), "/v1/me", method="POST")
    assert (answer.status_code, answer.json()["type"]) == (405, "urn:earnest:problem:method_not_allowed")
    assert answer.headers["allow"]


def test_no_error_of_ours_has_a_member_that_hangs_a_homeserver() -> None:
    assert not {"msg", "code"} & set(problem_body(400, "odd", "Odd."))


@pytest.mark.parametrize("name", ["style.css", "stake.js", "wallet.js", "link.js", "times.js", "mark.svg"])
def test_static_files_are_revalidated(name: str) -> None:
    app = an_app(ToldGatekeeper())
    first = ask(app, f"/static/{name}")
    assert first.status_code == 200
    assert first.headers["cache-control"] == "public, no-cache"

    async def again() -> httpx.Response:
        async with a_client(app) as client:
            return await client.get(f"/static/{name}", headers={"If-None-Match": first.headers["etag"]})

    assert asyncio.run(again()).status_code == 304


def test_openapi_is_complete() -> None:
    document = ask(an_app(ToldGatekeeper()), "/v1/openapi.json").json()
    paths = document["paths"]
    quotes = "/v1/quotes/{quote_id}"
    assert {quotes, f"{quotes}/terms", f"{quotes}/receipt", "/v1/stakes/{stake_id}", "/v1/me/door"} <= set(paths)
    for path, methods in paths.items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation.get("description") or operation.get("summary"), where
            assert "422" not in operation["responses"], where
            for status, response in operation["responses"].items():
                if path.startswith("/v1/") and int(status) >= 400:
                    assert set(response["content"]) == {"application/problem+json"}, where
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
