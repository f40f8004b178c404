// The give page: gives through a wallet. All words about what a gift comes to are from the server.

import { asked, say } from "./telling.js";
import { account, chooseWallet, explain, mined, send, signTyped, Trouble, useChain } from "./wallet.js";

const page = document.getElementById("give-page");
const form = document.getElementById("gift");
const wallets = document.getElementById("wallets");
const progress = document.getElementById("progress");
const trouble = document.getElementById("trouble");
const POLL_MS = 2000;

function baseUnits(text, decimals) {
  const match = /^([0-9]{1,30})(?:\.([0-9]{1,36}))?$/.exec(text.trim());
  if (!match) throw new Trouble("Write an amount in plain digits, such as 5 or 0.25.");
  const fraction = (match[2] ?? "").replace(/0+$/, "");
  if (fraction.length > decimals) throw new Trouble(`An amount has at most ${decimals} decimal places.`);
  const units = BigInt(match[1] + fraction.padEnd(decimals, "0"));
  if (units === 0n) throw new Trouble("Write how much you want to give.");
  return units.toString();
}

function wanted() {
  const asset = document.getElementById("asset");
  const months = form.elements.how.value === "months" ? Number(document.getElementById("months").value) : 0;
  const fine = Number.isInteger(months) && months >= 0 && months <= Number(document.getElementById("months").max);
  if (!fine || (form.elements.how.value === "months" && months < 1)) throw new Trouble("Write for how many months.");
  return {
    asset: asset.value,
    amount: baseUnits(document.getElementById("amount").value, Number(asset.selectedOptions[0].dataset.decimals)),
    months,
    code: document.getElementById("code").value.trim() || null,
  };
}

async function give(provider) {
  const gift = wanted();
  say("Asking your wallet for an account …");
  const giver = await account(provider);
  await useChain(provider, page.dataset.chainId, page.dataset.chainName, page.dataset.walletRpc);
  const offer = await asked("/v1/giving/terms", { ...gift, giver });
  const due = carrying() && offer.gasless ? offer.gasless.due : gift.amount;
  if (offer.holds !== null && BigInt(offer.holds) < BigInt(due)) {
    throw new Trouble("The account holds less than that. Choose another account in your wallet, or give less.");
  }
  if (carrying()) return carry(provider, giver, offer.gasless);
  if (offer.calls.approve && (offer.allowance === null || BigInt(offer.allowance) < BigInt(gift.amount))) {
    say("1 of 2: allow the gift in your wallet, exactly so much and no more.");
    await mined(provider, await send(provider, giver, offer.calls.approve));
    say("2 of 2: confirm the gift in your wallet.");
  } else {
    say("Confirm the gift in your wallet.");
  }
  const hash = await send(provider, giver, offer.calls.give);
  say(`Sent. Waiting for a block: ${hash}`);
  await mined(provider, hash);
  thank();
}

function carrying() {
  return form.elements.gas?.value === "carried";
}

async function carry(provider, giver, gasless) {
  if (!gasless) throw new Trouble("Only ERN can be given without ether, and not at any time. Give with a wallet that has some.");
  say("Sign in your wallet. It allows exactly this gift and its fee to be taken, once, and nothing else.");
  const signature = await signTyped(provider, giver, gasless.typed_data);
  let carried = await asked("/v1/giving/signed", { ...gasless.signed, signature });
  while (!["mined", "given", "failed"].includes(carried.state)) {
    say("Signed and taken on; it is on its way. You need do nothing more.");
    await new Promise((resume) => setTimeout(resume, POLL_MS));
    const answer = await fetch(`/v1/giving/signed/${carried.id}`, { cache: "no-store" });
    if (answer.ok) carried = await answer.json();
  }
  if (carried.state === "failed") throw new Trouble("It came to nothing, and nothing was taken from your wallet.");
  thank();
}

function thank() {
  const code = document.getElementById("code").value.trim();
  say(code && !code.toLowerCase().startsWith("0x") ? `Thank you. Your gift is in a block. Keep the code, and write to the bot: claim ${code}` : "Thank you. Your gift is in a block.");
}

function complain(error) {
  progress.replaceChildren();
  trouble.textContent = explain(error).replace("Nothing was paid.", "Nothing was given.");
  trouble.hidden = false;
}

if (wallets) chooseWallet("Give with", give, { complain, ready: () => form.reportValidity(), again: true });

form?.addEventListener("submit", (event) => event.preventDefault());
