// What pages by which a wallet pays have in common: where they tell how far it is and what went wrong, and asking the server.

import { explain, Trouble } from "./wallet.js";

const progress = document.getElementById("progress");
const trouble = document.getElementById("trouble");

export function say(text) {
  const line = document.createElement("p");
  line.textContent = text;
  progress.replaceChildren(line);
}

export function complain(error) {
  progress.replaceChildren();
  trouble.textContent = explain(error);
  trouble.hidden = false;
}

export async function asked(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const told = await answer.json();
  if (!answer.ok) throw new Trouble(told.detail ?? "The server refused.");
  return told;
}
