// OpenZeppelin's own trees: `node _merkle_peer.cjs FILE` reads the payouts as JSON and prints one JSON line of what it
// measured. Every tenth is proved, and the time of that taken ten times: each proof takes as long as the next.
'use strict';

const fs = require('node:fs');
const { performance } = require('node:perf_hooks');
const { StandardMerkleTree } = require('@openzeppelin/merkle-tree');

const payouts = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));

const begun = performance.now();
const tree = StandardMerkleTree.of(payouts, ['address', 'uint256']);
const built = performance.now();
let last = [];
for (let number = 9; number < payouts.length; number += 10) last = tree.getProof(number);
const proved = performance.now();

process.stdout.write(
  JSON.stringify({
    root: tree.root,
    last,
    tree: (built - begun) / 1000,
    proofs: (10 * (proved - built)) / 1000,
  }) + '\n',
);
