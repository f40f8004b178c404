// A person's careful client of other make: shares keys with signed devices only, opens a chat with the bot, says one thing.
// Reads {url, user, device, token, bot, text} as its argument; writes what it hears, one JSON object a line, until stdin ends.

import { once } from "node:events";

// matrix-js-sdk wants a newer Node for this one function alone.
Promise.withResolvers ??= function () {
  const found = {};
  found.promise = new this((resolve, reject) => Object.assign(found, { resolve, reject }));
  return found;
};

const sdk = await import("matrix-js-sdk");
const { OnlySignedDevicesIsolationMode } = await import("matrix-js-sdk/lib/crypto-api/index.js");
const { logger } = await import("matrix-js-sdk/lib/logger.js");

const { url, user, device, token, bot, text } = JSON.parse(process.argv[2]);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
logger.setLevel("silent");
console.debug = console.log = console.info = () => {};

const client = sdk.createClient({ baseUrl: url, userId: user, deviceId: device, accessToken: token });
await client.initRustCrypto({ useIndexedDB: false });
const crypto = client.getCrypto();
crypto.setDeviceIsolationMode(new OnlySignedDevicesIsolationMode());
await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: (upload) => upload(null) });

const told = new Set();
function hear(event) {
  if (event.getSender() !== bot || event.isBeingDecrypted() || told.has(event.getId())) return;
  if (event.isDecryptionFailure()) {
    told.add(event.getId());
    say({ kind: "unreadable", why: event.decryptionFailureReason });
  } else if (event.getType() === "m.room.message") {
    told.add(event.getId());
    say({ kind: "said", body: event.getContent().body });
  }
}
client.on("Room.timeline", hear);
client.on("Event.decrypted", hear);

const joined = new Promise((resolve) => {
  client.on("RoomMember.membership", (_, member) => {
    if (member.userId === bot && member.membership === "join") resolve();
  });
});
await client.startClient({ initialSyncLimit: 20 });
const { room_id: room } = await client.createRoom({
  preset: "trusted_private_chat",
  is_direct: true,
  invite: [bot],
  initial_state: [
    { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
  ],
});
await joined;
await client.sendTextMessage(room, text);
say({ kind: "sent", room });

process.stdin.resume();
await once(process.stdin, "end");
client.stopClient();
process.exit(0);
