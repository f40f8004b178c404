#!/usr/bin/env node
// Answers as the native compiler does (--version, --standard-json) by the npm package. forge and contracts/compiler.py call it.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");

// forge names a library's file once from its folder ("../../node_modules/…") and once absolutely. The native compiler
// finds either on the disk; this one sees only what it is handed, so every name is made absolute first.
function withAbsoluteNames(input, base) {
  const absolute = (name) => (name.startsWith("../") ? path.resolve(base, name) : name);
  const sources = Object.entries(input.sources).map(([name, source]) => [absolute(name), source]);
  const remappings = (input.settings.remappings ?? []).map((line) => {
    const [from, to] = line.split("=");
    return to.startsWith("../") ? `${from}=${absolute(to)}/` : line;
  });
  return { ...input, sources: Object.fromEntries(sources), settings: { ...input.settings, remappings } };
}

const options = process.argv.slice(2);
if (options.includes("--version")) {
  const [, version, commit] = /^(\d+\.\d+\.\d+)\+(commit\.[0-9a-f]+)/.exec(solc.version());
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}+${commit}.Emscripten.clang\n`);
} else if (options.includes("--standard-json")) {
  const input = JSON.parse(fs.readFileSync(0, "utf8"));
  const base = options.includes("--base-path") ? options[options.indexOf("--base-path") + 1] : ".";
  process.stdout.write(solc.compile(JSON.stringify(withAbsoluteNames(input, base))));
} else {
  process.stderr.write("only --version and --standard-json\n");
  process.exitCode = 1;
}
