"""A real Chromium for tests, and a wallet in it: an EIP-6963 provider whose keys are anvil's own accounts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from kit.errors import Refusal, Unavailable
from tests.support.anvil import Anvil

HOW_TO_GET_IT = "no Chromium: apt-get install -y --no-install-recommends chromium fonts-dejavu-core"
_PATIENCE_MILLISECONDS = 120_000
"""Playwright's own 5 s for what a page shows are not enough where two cores are busy with more than that."""
_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_ICON = (
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'>"
    "<circle cx='4' cy='4' r='4' fill='%23f60'/></svg>"
)

# What a wallet's extension puts into every page. Numbers the wallet must refuse or not know are told by code.
_PROVIDER = """
(() => {
  const request = async ({ method, params }) => {
    const answer = JSON.parse(await window.__wallet(JSON.stringify({ method, params: params ?? [] })));
    if ("error" in answer) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
    return answer.result;
  };
  const provider = { request, on() {}, removeListener() {} };
  if (%(announced)s) {
    const detail = Object.freeze({ info: %(info)s, provider });
    const announce = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
    window.addEventListener("eip6963:requestProvider", announce);
    announce();
  } else {
    window.ethereum = provider;
  }
})();
"""


@dataclass
class Wallet:
    """A wallet that signs with the node's accounts. ``refuses`` maps a method to the EIP-1193 code it fails with."""

    anvil: Anvil
    account: str
    announced: bool = True
    refuses: dict[str, int] = field(default_factory=dict)
    chain_id: str | None = None
    asked: list[str] = field(default_factory=list)

    def answer(self, text: str) -> str:
        """Answer one request of a page."""
        call = json.loads(text)
        method, params = call["method"], call["params"]
        self.asked.append(method)
        if method in self.refuses:
            return json.dumps({"error": {"code": self.refuses[method], "message": f"no {method} here"}})
        if method == "eth_requestAccounts":
            return json.dumps({"result": [self.account]})
        if method == "eth_chainId" and self.chain_id:
            return json.dumps({"result": self.chain_id})
        if method in {"wallet_switchEthereumChain", "wallet_addEthereumChain"}:
            self.chain_id = params[0]["chainId"]
            return json.dumps({"result": None})
        return self._of_the_node(method, params)

    def _of_the_node(self, method: str, params: list[Any]) -> str:
        if method == "eth_signTypedData_v4":
            params = [params[0], json.loads(params[1])]
        try:
            return json.dumps({"result": self.anvil.rpc(method, *params)})
        except (Refusal, Unavailable) as error:
            return json.dumps({"error": {"code": -32000, "message": str(error)}})

    def put_into(self, context: BrowserContext) -> None:
        """Be in every page of a browser's context."""
        context.expose_function("__wallet", self.answer)
        info = {"uuid": "5e1f-test", "name": "Test Wallet", "icon": _ICON, "rdns": "example.wallet"}
        announced = "true" if self.announced else "false"
        context.add_init_script(_PROVIDER % {"announced": announced, "info": json.dumps(info)})


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium; for one module, since Playwright keeps an event loop running while it is there."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip(HOW_TO_GET_IT)
    expect.set_options(timeout=_PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def a_page(browser: Browser, *, wallet: Wallet | None = None, width: int = 1280, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - Playwright's own options
    """A page in a context of its own; what the console complains about, or a page's script throws, fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_default_timeout(_PATIENCE_MILLISECONDS)
    if wallet is not None:
        wallet.put_into(context)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    assert [line for line in complaints if not _is_expected(line)] == []


def _is_expected(line: str) -> bool:
    # Chromium writes every refused request to the console; the page tells of it in its own words.
    return line.startswith("Failed to load resource")
