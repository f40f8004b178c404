// Paying by the contract without ether: a wallet signs, the service carries that there, and it is followed into its block.

import { say } from "./telling.js";
import { signTyped, Trouble } from "./wallet.js";

const POLL_MS = 2500;

// `told`: what is handed in beside the order and the signature; `where` takes it.
export async function carriedToContract(provider, payer, offer, where, told) {
  const gasless = offer.gasless;
  if (!gasless?.available) throw new Trouble(gasless?.why_not_text ?? "This cannot be paid without ether now.");
  if (offer.holds !== null && BigInt(offer.holds) < BigInt(offer.terms.price) + BigInt(gasless.order.relay_fee)) {
    throw new Trouble("This account holds too few tokens for this and for carrying it. Choose another account in your wallet.");
  }
  say("Sign in your wallet. It pays exactly the price and the fee for carrying it, once, and nothing else.");
  const signature = await signTyped(provider, payer, gasless.authorization);
  const { valid_before, salt } = gasless.order;
  let known = await takenOn(where, { ...told, valid_before, salt, signature });
  while (!["mined", "bought"].includes(known?.state)) {
    if (known?.state === "failed") throw new Trouble(`It was not carried (${known.code}), and nothing was paid. Try again, or pay with ether for gas.`);
    say("Signed and taken on; it is on its way. You need do nothing more.");
    await new Promise((resume) => setTimeout(resume, POLL_MS));
    known = await fetch(`/v1/purchases/${gasless.purchase}/carried`, { cache: "no-store" }).then((answer) => (answer.ok ? answer.json() : known), () => known);
  }
  return gasless.purchase;
}

// The very same signature is handed in until it is answered for good: it is carried once, however often it is sent.
async function takenOn(where, signed) {
  for (;;) {
    let answer = null;
    try {
      answer = await fetch(where, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(signed) });
    } catch {
      // The network is away for a moment; the next round asks again.
    }
    if (answer?.ok) return answer.json();
    if (answer && ![429, 502, 503, 504].includes(answer.status)) throw new Trouble((await answer.json()).detail ?? "The server refused.");
    say("Signed. Waiting for the service to take it on; sign nothing a second time.");
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
}
