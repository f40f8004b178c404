// A program of other make that buys over HTTP: x402's own npm client, with a wallet that holds one token and no ether.
// Reads {url, key, network, asset, most, free} from its input; writes what it was given as one JSON object.

import { wrapFetchWithPaymentFromConfig } from "@x402/fetch";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { readFileSync } from "node:fs";
import { privateKeyToAccount } from "viem/accounts";

const { url, key, network, asset, most, free } = JSON.parse(readFileSync(0, "utf8"));
const allowedAssets = free ? [] : [{ network, asset, maxAmountPerPayment: most }];
let sent = null;

async function noting(input, init) {
  const request = new Request(input, init);
  sent = request.headers.get("payment-signature") ?? sent;
  return await fetch(request);
}

const paying = wrapFetchWithPaymentFromConfig(noting, {
  schemes: [{ network, client: new ExactEvmScheme(privateKeyToAccount(key)) }],
  spendControls: { allowedAssets },
});

let told;
try {
  const answer = await paying(url);
  const body = Buffer.from(await answer.arrayBuffer()).toString("base64");
  told = { status: answer.status, body, sent, receipt: answer.headers.get("payment-response") };
} catch (error) {
  told = { status: 0, body: "", sent, receipt: null, refused: String(error.message ?? error).slice(0, 300) };
}
process.stdout.write(JSON.stringify(told));
