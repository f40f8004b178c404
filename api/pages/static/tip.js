// The tip page: takes how much and what is said, pays through a wallet, and follows the payment until it is told of.

import { carriedToContract } from "./carrying.js";
import { pay } from "./paying.js";
import { asked, complain, say } from "./telling.js";
import { account, chooseWallet, mined, Trouble, useChain } from "./wallet.js";

const POLL_MS = 2500;
const page = document.getElementById("tip-page");
const data = page.dataset;
const form = document.getElementById("tip");
const own = document.getElementById("own");
const api = `/v1/tips/${encodeURIComponent(data.tip)}`;

function units(text, decimals) {
  const found = /^([0-9]+)(?:[.]([0-9]+))?$/.exec(text.trim());
  if (!found) throw new Trouble("Write an amount in plain digits, such as 5 or 0.25.");
  if ((found[2] ?? "").length > decimals) throw new Trouble(`An amount of that token has at most ${decimals} decimal places.`);
  return String(BigInt(found[1] + (found[2] ?? "").padEnd(decimals, "0")));
}

function wish() {
  const preset = form.querySelector('input[name="preset"]:checked')?.value ?? "own";
  const who = form.querySelector('input[name="who"]:checked').value;
  const token = form.querySelector('input[name="token"]:checked');
  return {
    amount: units(preset === "own" ? own.value : preset, Number((token ?? page).dataset.decimals)),
    asset: token?.value ?? data.own,
    note: document.getElementById("note").value,
    public: who === "public",
    anonymous: who === "anonymous",
  };
}

async function tip(provider) {
  const wanted = wish();
  say("Asking your wallet for an account …");
  const payer = await account(provider);
  await useChain(provider, data.chainId, data.chainName, data.walletRpc);
  const offer = await asked(`${api}/terms`, { payer, ...wanted });
  if (offer.holds !== null && BigInt(offer.holds) < BigInt(offer.terms.price)) {
    throw new Trouble(`This account holds too little ${offer.symbol} for that. Choose another account in your wallet, or give less.`);
  }
  if (document.getElementById("carried")?.checked) {
    if (!offer.gasless) throw new Trouble(`A tip in ${offer.symbol} is not carried: let your wallet pay the gas, or tip in another token.`);
    await carriedToContract(provider, payer, offer, `${api}/signed`, { payer, ...wanted });
  } else {
    const hash = await pay(provider, payer, offer, say);
    say(`Sent. Waiting for a block: ${hash}`);
    await mined(provider, hash);
  }
  await followed();
}

// It is paid by now: nothing here pays again.
async function followed() {
  for (;;) {
    let known = null;
    try {
      const answer = await fetch(api, { cache: "no-store" });
      if (answer.ok) known = await answer.json();
    } catch {
      // The network is away for a moment; the next round asks again.
    }
    if (known?.state === "paid" && known.level !== "seen") return say("Tipped. The bot tells them now.");
    say(meanwhile(known));
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
}

function meanwhile(known) {
  if (known?.state === "taken_back") return "The chain took the block of your tip back. It usually comes again by itself; pay nothing a second time.";
  if (known?.state === "paid") return "Paid and seen. They are told once the chain is sure of it, in some minutes; you may close this page.";
  return "Paid: it is in a block. The service sees it in a moment; you need do nothing more.";
}

if (form) {
  own.addEventListener("input", () => {
    form.querySelector('input[value="own"]').checked = true;
  });
  chooseWallet("Tip with", tip, { complain, ready: () => form.reportValidity() });
}
