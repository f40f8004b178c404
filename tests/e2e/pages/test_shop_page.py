"""The shop's pages in a real browser: read without a script on any width, and bought from with a wallet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from app import selling
from kit.identifiers import Address, UserId
from ledger.model import Level
from payments.content.model import Kind, Listing, Offer
from tests.e2e.pages.conftest import World
from tests.support.anvil import ETHER
from tests.support.browser import a_page

pytestmark = pytest.mark.browser

SELLER = Address(b"\x5e" * 20)
HOSTILE = "<b>x</b> \u05e2\u05dc \u05d3\u05dc\u05ea\u05d5\u05ea " + "W" * 80


def put_up(world: World, **changes: Any) -> Listing:  # noqa: ANN401 - the parts of an offer
    """List a file of @lea's."""
    with world.container.work() as work:
        lea = work.people.number(UserId("@lea:earnest.example"))
    (token,) = selling.allowed(world.container)
    offer = Offer(Kind.FILE, "On doors", SELLER, {token: 5 * ETHER}, finality=Level.SEEN)
    return selling.put_up(world.container, lea, replace(offer, **changes), [b"all of it"], name="doors.txt")


def is_wide_as_its_window(page: Page) -> bool:
    fits: bool = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    return fits


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_anything_is_readable_without_a_script_on_any_width(world: World, chromium: Browser, width: int) -> None:
    listing = put_up(world, title=HOSTILE, preview="\n".join([HOSTILE] * 5), licence="\u05e8" * 600, stock=7)
    for number in range(4):
        put_up(world, title=f"Number {number}", preview="A short one.")
    with a_page(chromium, java_script_enabled=False, width=width) as page:
        page.goto(f"{world.url}/listings")
        assert "<b>x</b>" in page.locator("main").inner_text()
        page.get_by_role("link", name="<b>x</b>").click()
        text = page.locator("main").inner_text()
        for said in (
            "<b>x</b>",
            "5\N{NO-BREAK SPACE}ERN",
            "doors.txt",
            "There is no arbiter",
            listing.version.offer.licence,
        ):
            assert said in text, said
    with a_page(chromium, width=width) as page:
        for path in ("/listings", f"/buy/{listing.id}"):
            page.goto(f"{world.url}{path}")
            assert is_wide_as_its_window(page), path
