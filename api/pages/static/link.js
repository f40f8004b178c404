// The link page: lets a wallet fill in the two forms that also work by hand.

import { account, discover, explain, signText } from "./wallet.js";

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
  document.getElementById("wallet").hidden = false;
  document.getElementById("by-hand").open = false;
  const none = document.getElementById("no-wallet");
  discover((wallet) => {
    none.hidden = true;
    const button = document.createElement("button");
    button.type = "button";
    if (wallet.icon) {
      const icon = document.createElement("img");
      icon.src = wallet.icon;
      icon.alt = "";
      button.append(icon);
    }
    button.append(`Link ${wallet.name}`);
    button.addEventListener("click", () => {
      for (const other of wallets.children) other.disabled = true;
      link(wallet.provider)
        .catch(complain)
        .finally(() => {
          for (const other of wallets.children) other.disabled = false;
        });
    });
    wallets.append(button);
  });
  setTimeout(() => {
    none.hidden = wallets.children.length > 0;
    if (!none.hidden) document.getElementById("by-hand").open = true;
  }, 600);
}
