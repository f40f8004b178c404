// The link page: lets a wallet fill in the two forms that also work by hand.

import { account, chooseWallet, explain, signText } from "./wallet.js";

const wallets = document.getElementById("wallets");
const progress = document.getElementById("progress");
const trouble = document.getElementById("trouble");

function say(text) {
  progress.textContent = text;
  progress.hidden = false;
}

function complain(error) {
  progress.hidden = true;
  trouble.textContent = explain(error).replace("Nothing was paid.", "Nothing was linked.");
  trouble.hidden = false;
}

async function link(provider) {
  trouble.hidden = true;
  say("Asking your wallet for an account …");
  const address = await account(provider);
  const form = document.getElementById("begin");
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams({ address }) });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const confirm = fresh.getElementById("confirm");
  if (!answer.ok || !confirm) throw new Error(fresh.querySelector(".trouble, .lead")?.textContent ?? "The server refused.");
  const message = confirm.querySelector("#message").value;
  say("Sign the message in your wallet. It names the Matrix account above and moves no money.");
  confirm.querySelector("#signature").value = await signText(provider, address, message);
  document.getElementById("link-page").append(document.adoptNode(confirm));
  confirm.hidden = true;
  confirm.requestSubmit();
}

if (wallets) {
  const byHand = document.getElementById("by-hand");
  byHand.open = false;
  chooseWallet("Link", link, { complain, again: true, nothing: () => (byHand.open = true) });
}
