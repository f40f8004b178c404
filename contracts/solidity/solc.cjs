#!/usr/bin/env node
// Answers as the native compiler would (--version, --standard-json), by the npm package: forge and contracts/compiler.py call it.
"use strict";
const fs = require("node:fs");
const solc = require("solc");

const [, version, commit] = /^(\d+\.\d+\.\d+)\+(commit\.[0-9a-f]+)/.exec(solc.version());
if (process.argv.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}+${commit}.Emscripten.clang\n`);
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8")));
} else {
  process.stderr.write("only --version and --standard-json\n");
  process.exitCode = 1;
}
