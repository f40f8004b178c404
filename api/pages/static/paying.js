// Paying by the contract: what a wallet sends for an offer that the service made, by an allowance, a permit, or an approval.

import { mined, send, signedPermit, withSignature } from "./wallet.js";

export async function pay(provider, payer, offer, say) {
  if (offer.allowance !== null && BigInt(offer.allowance) >= BigInt(offer.terms.price)) {
    say("Confirm the payment in your wallet.");
    return send(provider, payer, offer.calls.buy);
  }
  if (offer.permit && offer.calls.buy_with_permit) {
    say("1 of 2: sign the permission in your wallet. It lets exactly the price be taken, once.");
    const signature = await signedPermit(provider, payer, offer.permit);
    if (signature) {
      say("2 of 2: confirm the payment in your wallet.");
      return send(provider, payer, withSignature(offer.calls.buy_with_permit, signature));
    }
  }
  if (offer.allowance !== null && BigInt(offer.allowance) > 0n) {
    say("An earlier permission is left that is too small: take it back first. Some tokens change none otherwise.");
    await mined(provider, await send(provider, payer, offer.calls.approve_nothing));
  }
  say("1 of 2: this cannot be permitted by a signature, so allow it as a transaction: exactly the price.");
  await mined(provider, await send(provider, payer, offer.calls.approve));
  say("2 of 2: confirm the payment in your wallet.");
  return send(provider, payer, offer.calls.buy);
}
