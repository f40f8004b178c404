// Wallets: found by EIP-6963 (with window.ethereum as the old way), spoken to by EIP-1193; no library.

const REJECTED = 4001;
const UNKNOWN_CHAIN = 4902;

export class Trouble extends Error {}

function discover(found) {
  const known = new Set();
  const add = (name, icon, provider, id) => {
    if (!provider || known.has(id)) return;
    known.add(id);
    found({ name, icon, provider });
  };
  window.addEventListener("eip6963:announceProvider", (event) => {
    const { info, provider } = event.detail ?? {};
    if (info?.uuid) add(String(info.name ?? "Wallet").slice(0, 60), safeIcon(info.icon), provider, info.uuid);
  });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  // Wallets that announce themselves do so at once; only where none did, the old way is tried.
  setTimeout(() => {
    if (known.size === 0 && window.ethereum) add("Browser wallet", "", window.ethereum, "window.ethereum");
  }, 300);
}

// Shows a button for each wallet there is, and does one thing at a time: `act(provider)` where `ready()`. Buttons come back
// after trouble, and after all went well where `again`. `nothing` is told once it is clear that there is no wallet.
export function chooseWallet(label, act, { complain, ready = () => true, again = false, nothing = () => {} }) {
  const wallets = document.getElementById("wallets");
  const none = document.getElementById("no-wallet");
  const trouble = document.getElementById("trouble");
  let busy = false;
  const disable = (now) => {
    for (const each of wallets.children) each.disabled = now;
  };
  document.getElementById("wallet").hidden = false;
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
    button.append(`${label} ${wallet.name}`);
    button.addEventListener("click", async () => {
      if (busy || !ready()) return;
      busy = true;
      trouble.hidden = true;
      disable(true);
      try {
        await act(wallet.provider);
        disable(!again);
      } catch (error) {
        complain(error);
        disable(false);
      } finally {
        busy = false;
      }
    });
    wallets.append(button);
  });
  setTimeout(() => {
    none.hidden = wallets.children.length > 0;
    if (!none.hidden) nothing();
  }, 600);
}

function safeIcon(icon) {
  return typeof icon === "string" && /^data:image\/(png|svg\+xml|webp|jpeg|gif)[;,]/.test(icon) ? icon : "";
}

export function rejected(error) {
  return error?.code === REJECTED || error?.cause?.code === REJECTED;
}

export async function account(provider) {
  const accounts = await provider.request({ method: "eth_requestAccounts" });
  if (!accounts?.length) throw new Trouble("The wallet shows no account to this page.");
  return accounts[0];
}

export async function useChain(provider, chainId, name, rpcUrl) {
  const wanted = "0x" + Number(chainId).toString(16);
  if (same(await provider.request({ method: "eth_chainId" }), wanted)) return;
  try {
    await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: wanted }] });
  } catch (error) {
    if (rejected(error)) throw error;
    const unknown = error?.code === UNKNOWN_CHAIN || error?.data?.originalError?.code === UNKNOWN_CHAIN;
    if (!unknown || !rpcUrl) throw new Trouble(`Your wallet is on another chain. Switch it to ${name} (${chainId}), then try again.`);
    const chain = { chainId: wanted, chainName: name, rpcUrls: [rpcUrl], nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 } };
    await provider.request({ method: "wallet_addEthereumChain", params: [chain] });
  }
  if (!same(await provider.request({ method: "eth_chainId" }), wanted)) {
    throw new Trouble(`Your wallet is still on another chain. Switch it to ${name} (${chainId}), then try again.`);
  }
}

function same(a, b) {
  return Number(a) === Number(b);
}

export async function signTyped(provider, from, typedData) {
  return provider.request({ method: "eth_signTypedData_v4", params: [from, JSON.stringify(typedData)] });
}

export async function signText(provider, from, text) {
  const bytes = new TextEncoder().encode(text);
  const hex = "0x" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return provider.request({ method: "personal_sign", params: [hex, from] });
}

// The same, asked for in place of a transaction; null where the wallet cannot sign it, so that one is sent after all.
export async function signedPermit(provider, from, permit) {
  try {
    return await signTyped(provider, from, permit);
  } catch (error) {
    if (rejected(error)) throw error;
    return null;
  }
}

// A call that waits for a signature takes v, r and s as three words: appended, or before what stands `after` them.
export function withSignature(call, signature) {
  const hex = signature.replace(/^0x/, "");
  if (!/^[0-9a-fA-F]{130}$/.test(hex)) throw new Trouble("The wallet gave a signature of an unknown form.");
  let v = parseInt(hex.slice(128), 16);
  if (v < 27) v += 27;
  const words = v.toString(16).padStart(64, "0") + hex.slice(0, 128);
  const { before, after, ...plain } = call;
  const data = before === undefined ? call.data + words : before + words + after.replace(/^0x/, "");
  return { value: "0x0", ...plain, data };
}

export async function send(provider, from, call) {
  return provider.request({ method: "eth_sendTransaction", params: [{ from, to: call.to, data: call.data, value: call.value }] });
}

export async function mined(provider, hash) {
  for (let tries = 0; tries < 300; tries += 1) {
    const receipt = await provider.request({ method: "eth_getTransactionReceipt", params: [hash] });
    if (receipt) {
      if (Number(receipt.status) !== 1) throw new Trouble(`The transaction ${hash} was mined but failed. Nothing was taken but its gas.`);
      return receipt;
    }
    await new Promise((resume) => setTimeout(resume, 1000));
  }
  throw new Trouble(`The transaction ${hash} is not mined yet. Keep this page open, or come back later.`);
}

export function explain(error) {
  if (rejected(error)) return "You declined in your wallet. Nothing was paid.";
  if (error instanceof Trouble) return error.message;
  const said = typeof error?.message === "string" ? error.message.slice(0, 200) : "";
  return said ? `The wallet or the server said: ${said}` : "That did not work. Nothing was paid.";
}
