// The stake page: pays through a wallet, and keeps the page's state fresh. All words about states come from the server.

import { localise } from "./times.js";
import { asked, say } from "./telling.js";
import { account, chooseWallet, explain, mined, send, signedPermit, signTyped, Trouble, useChain, withSignature } from "./wallet.js";

const POLL_MS = 2500;
const POLL_SLOW_MS = 15000;
const page = document.getElementById("stake-page");
const api = `/v1/quotes/${encodeURIComponent(page.dataset.quote)}`;

// ---------------------------------------------------------------- keeping the state fresh

let tag = "";

async function poll() {
  try {
    const answer = await fetch(api, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status === 200) {
      tag = answer.headers.get("ETag") ?? "";
      const quote = await answer.json();
      const shown = [quote.state, quote.stake?.finality ?? "", quote.gasless.state ?? ""];
      if (shown.join() !== [page.dataset.state, page.dataset.finality, page.dataset.gasless].join()) await refresh(quote);
    }
  } catch {
    // The network is away for a moment; the next round asks again.
  }
  if (page.dataset.settled !== "yes") setTimeout(poll, document.hidden ? POLL_SLOW_MS : POLL_MS);
}

async function refresh(quote) {
  const answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const freshPage = fresh.getElementById("stake-page");
  for (const name of ["state", "finality", "gasless", "settled"]) page.dataset[name] = freshPage.dataset[name];
  document.getElementById("status").replaceWith(fresh.getElementById("status"));
  localise(document.getElementById("status"));
  // What is replaced is not read out; this is.
  const words = ["status-heading", "status-meaning"].map((id) => document.getElementById(id).textContent);
  document.getElementById("announcement").textContent = words.join(". ");
  const pay = document.getElementById("pay");
  if (pay && quote.state !== "waiting") pay.hidden = true;
  if (quote.gasless.state === "failed" && wallets) {
    progress.replaceChildren();
    for (const wallet of wallets.children) wallet.disabled = false;
  }
}

// ---------------------------------------------------------------- paying

const wallets = document.getElementById("wallets");
const progress = document.getElementById("progress");
const trouble = document.getElementById("trouble");

function complain(error) {
  progress.replaceChildren();
  trouble.textContent = explain(error);
  const onward = /\S+\/stake\/[A-Za-z0-9_-]+$/.exec(trouble.textContent);
  if (onward && onward[0].startsWith(`${location.origin}/`)) {
    const link = document.createElement("a");
    link.href = link.textContent = onward[0];
    trouble.lastChild.textContent = trouble.textContent.slice(0, -onward[0].length);
    trouble.append(link);
  }
  trouble.hidden = false;
}

async function offerFor(payer) {
  const returnTo = document.getElementById("return-to").value.trim();
  return asked(`${api}/terms`, { payer, return_to: returnTo || null });
}

function short(address) {
  return `${address.slice(0, 8)}…${address.slice(-6)}`;
}

function enough(offer, due) {
  const holds = offer.payer_holds.tokens;
  if (holds !== null && BigInt(holds) < BigInt(due)) {
    throw new Trouble(`The account ${short(offer.terms.payer)} holds too few tokens for this stake. Choose another account in your wallet.`);
  }
}

async function pay(provider) {
  const data = page.dataset;
  say("Asking your wallet for an account …");
  const payer = await account(provider);
  await useChain(provider, data.chainId, data.chainName, data.walletRpc);
  const offer = await offerFor(payer);
  if (carrying()) return carry(provider, payer, offer);
  suggestCarrying(offer);
  enough(offer, offer.due);
  keep(offer.receipt);
  const hash = await open(provider, payer, offer);
  keep({ ...offer.receipt, transaction: hash });
  say(`Sent. Waiting for a block: ${hash}`);
  await mined(provider, hash);
  say("Your stake is in a block. This page shows it in a moment.");
}

// ---------------------------------------------------------------- signing only: the service carries it

function carrying() {
  return document.querySelector('input[name="gas"]:checked')?.value === "carried";
}

function suggestCarrying(offer) {
  const choice = document.querySelector('input[name="gas"][value="carried"]');
  if (!choice || !offer.gasless.available || offer.payer_holds.ether !== "0") return;
  choice.checked = true;
  throw new Trouble(`The account ${short(offer.terms.payer)} has no ether for gas. The way without ether is chosen now: look at its price above, then press the button again, or choose another account.`);
}

async function carry(provider, payer, offer) {
  if (!offer.gasless.available) throw new Trouble(offer.gasless.why_not_text);
  enough(offer, offer.gasless.due);
  keep(offer.receipt);
  say("Sign in your wallet. It allows exactly this stake and its fees to be taken, once, and nothing else.");
  const signature = await signTyped(provider, payer, offer.typed_data.authorization);
  const answer = await fetch(`${api}/open`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ payer, return_to: offer.terms.return_to, signature }),
  });
  const opening = await answer.json();
  if (!answer.ok) throw new Trouble(opening.detail ?? "The server refused.");
  say("Signed and taken on. You need do nothing more; this page shows how far it is.");
}

// ---------------------------------------------------------------- paying the gas oneself

async function open(provider, payer, offer) {
  const allowed = offer.payer_holds.allowance;
  if (allowed !== null && BigInt(allowed) >= BigInt(offer.due)) {
    say("Confirm the stake in your wallet.");
    return send(provider, payer, offer.calls.open);
  }
  if (offer.typed_data.permit && offer.calls.open_with_permit) {
    say("1 of 2: sign the permission in your wallet. It lets the escrow take exactly this stake, once.");
    const signature = await signedPermit(provider, payer, offer.typed_data.permit);
    if (signature) {
      say("2 of 2: confirm the stake in your wallet.");
      return send(provider, payer, withSignature(offer.calls.open_with_permit, signature));
    }
  }
  say("1 of 2: your wallet cannot sign this permission as a message, so allow it as a transaction.");
  await mined(provider, await send(provider, payer, offer.calls.approve));
  say("2 of 2: confirm the stake in your wallet.");
  return send(provider, payer, offer.calls.open);
}

// The receipt is offered before any money moves: what is lost afterwards can still be claimed back.
function keep(receipt) {
  const link = document.createElement("a");
  link.className = "button quiet";
  link.textContent = "Save the receipt";
  link.download = `earnest-receipt-${receipt.stake_id.slice(2, 12)}.json`;
  link.href = URL.createObjectURL(new Blob([JSON.stringify(receipt, null, 2) + "\n"], { type: "application/json" }));
  const after = document.getElementById("after");
  after.replaceChildren(link);
  after.hidden = false;
}

if (wallets) chooseWallet("Pay with", pay, { complain });

if (page.dataset.settled !== "yes") setTimeout(poll, POLL_MS);
