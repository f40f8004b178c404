// The buy page: pays through a wallet, follows the payment until it is handed over, and opens what a wallet bought.

import { carriedToContract } from "./carrying.js";
import { pay } from "./paying.js";
import { asked, complain, say } from "./telling.js";
import { account, chooseWallet, mined, rejected, signText, signTyped, Trouble, useChain } from "./wallet.js";

const POLL_MS = 2500;
const page = document.getElementById("buy-page");
const data = page.dataset;
const api = `/v1/listings/${encodeURIComponent(data.listing)}`;
const after = document.getElementById("after");

function short(address) {
  return `${address.slice(0, 8)}…${address.slice(-6)}`;
}

// ---------------------------------------------------------------- paying

async function buy(provider, payer) {
  const asset = document.querySelector('input[name="wish"]:checked')?.dataset.asset ?? null;
  const offer = await asked(`${api}/terms`, { payer, order: data.order || null, asset });
  if (offer.holds !== null && BigInt(offer.holds) < BigInt(offer.terms.price)) {
    throw new Trouble(`The account ${short(payer)} holds too little ${offer.symbol} for this. Choose another account in your wallet, or another price.`);
  }
  const hash = await pay(provider, payer, offer, say);
  say(`Sent. Waiting for a block: ${hash}`);
  await mined(provider, hash);
  await followed(offer.purchase);
  if (!data.order && data.openable === "yes") await opened(provider, payer);
}

// ---------------------------------------------------------------- signing only: the service carries it, to the contract

async function carriedByContract(provider, payer) {
  const offer = await asked(`${api}/terms`, { payer, order: data.order || null });
  const told = { version: offer.version, buyer: payer, memo: offer.order.memo };
  await followed(await carriedToContract(provider, payer, offer, `${api}/signed`, told));
  if (!data.order && data.openable === "yes") await opened(provider, payer);
}

// ---------------------------------------------------------------- signing only: the service carries it (x402)

const OWN_TYPES = {
  EIP712Domain: [["name", "string"], ["version", "string"], ["chainId", "uint256"], ["verifyingContract", "address"]],
  TransferWithAuthorization: [["from", "address"], ["to", "address"], ["value", "uint256"], ["validAfter", "uint256"], ["validBefore", "uint256"], ["nonce", "bytes32"]],
};

async function carried(provider, payer) {
  const first = await fetch(`${api}/content`, { cache: "no-store" });
  const asks = first.headers.get("PAYMENT-REQUIRED");
  if (!asks) throw new Trouble((await first.json()).detail ?? "This cannot be paid without ether now.");
  const asset = document.querySelector('input[name="wish"]:checked')?.dataset.asset;
  const accepted = unpacked(asks).accepts.find((one) => asset?.endsWith(`:${one.asset.toLowerCase()}`));
  if (!accepted) throw new Trouble("Its price changed meanwhile. Load this page again.");
  const now = Math.floor((Date.parse(first.headers.get("Date") ?? "") || Date.now()) / 1000);
  const authorization = {
    from: payer,
    to: accepted.payTo,
    value: accepted.amount,
    validAfter: "0",
    validBefore: String(now + accepted.maxTimeoutSeconds),
    nonce: "0x" + Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
  const { name, version } = accepted.extra;
  say("Sign in your wallet. It pays exactly the price to the seller, once, and nothing else.");
  const signature = await signTyped(provider, payer, {
    types: Object.fromEntries(Object.entries(OWN_TYPES).map(([kind, fields]) => [kind, fields.map(([field, type]) => ({ name: field, type }))])),
    primaryType: "TransferWithAuthorization",
    domain: { name, version, chainId: Number(data.chainId), verifyingContract: accepted.asset },
    message: authorization,
  });
  await offerFile(await handed(packed({ x402Version: 2, accepted, payload: { signature, authorization } })));
  say("Paid, and yours. Later on, this wallet opens it here by signing.");
}

// The very same payment is sent until it is answered for good: it is carried once, however often it is sent.
async function handed(payment) {
  for (;;) {
    let answer = null;
    try {
      answer = await fetch(`${api}/content`, { headers: { "PAYMENT-SIGNATURE": payment }, cache: "no-store" });
    } catch {
      // The network is away for a moment; the next round asks again.
    }
    if (answer?.status === 200) return answer;
    if (answer && ![202, 429, 503].includes(answer.status)) throw new Trouble((await answer.json()).detail ?? "The server refused.");
    say("Signed and taken on; it is on its way, and opens once the payment is as sure as the seller wants. You need do nothing more.");
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
}

async function offerFile(answer) {
  const link = document.createElement("a");
  const name = /filename="([^"]*)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  link.className = "button";
  link.textContent = "Download it";
  link.download = name ? name[1] : "content";
  link.href = URL.createObjectURL(await answer.blob());
  after.replaceChildren(link);
  after.hidden = false;
}

function packed(told) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(told))));
}

function unpacked(header) {
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(header), (sign) => sign.charCodeAt(0))));
}

// ---------------------------------------------------------------- following

const SURE = { seen: "in a block", safe: "safe on the chain", finalized: "final on the chain" };

// Until it is handed over (to an order's person) or can be opened (by the wallet). It is paid by now: nothing here pays again.
async function followed(purchase) {
  const query = data.order ? `?order=${encodeURIComponent(data.order)}` : "";
  for (;;) {
    let known = null;
    try {
      const answer = await fetch(`/v1/purchases/${purchase}${query}`, { cache: "no-store" });
      if (answer.ok) known = await answer.json();
    } catch {
      // The network is away for a moment; the next round asks again.
    }
    if (known?.because) throw new Trouble(`The payment bought nothing (${known.because}): the seller owes it back to you, and sees so.`);
    if (known?.delivered) return say("Paid, and handed over in your chat with the bot.");
    if (known?.opens && !data.order) return say("Paid, and yours.");
    say(meanwhile(known));
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
}

function meanwhile(known) {
  if (known === null) return "Paid: it is in a block. The service sees it in a moment; you need do nothing more.";
  if (known.state === "taken_back") return "The chain took the block of your payment back. It usually comes again by itself; pay nothing a second time.";
  if (!known.opens) return `Paid and seen. The seller waits until it is ${SURE[known.finality]}; you may close this page and come back.`;
  return "Paid, and yours. The bot hands it over in your chat; you may close this page.";
}

// ---------------------------------------------------------------- opening

async function opened(provider, wallet) {
  const { message } = await asked(`${api}/opening/message`, { address: wallet });
  say("Sign in your wallet that it is yours. This moves no money.");
  const signature = await signText(provider, wallet, message).catch((error) => {
    throw rejected(error) ? new Trouble("You declined in your wallet. What it bought stays its own: come back and sign whenever you like.") : error;
  });
  const link = document.createElement("a");
  const told = await asked(`${api}/opening`, { message, signature });
  link.className = "button";
  link.textContent = "Download it";
  link.href = new URL(told.url).pathname;
  after.replaceChildren(link);
  after.hidden = false;
  say("It is yours. The link is good for ten minutes; come back and sign again for another.");
}

async function act(provider) {
  say("Asking your wallet for an account …");
  const wallet = await account(provider);
  await useChain(provider, data.chainId, data.chainName, data.walletRpc);
  const wish = document.querySelector('input[name="wish"]:checked')?.value ?? (document.getElementById("open") ? "open" : "buy");
  const carry = data.programs === "yes" && !data.order ? carried : carriedByContract;
  await { open: opened, carried: carry, buy }[wish](provider, wallet);
}

if (document.getElementById("wallets")) chooseWallet("Continue with", act, { complain, again: true });
