"""What set-up needs of the machine, each lack told in one sentence that says how to mend it."""

from __future__ import annotations  # so that a Python too old for the rest can still read this file and say so

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, TOO_NEW = (3, 11), (3, 14)
OLDEST_GLIBC = (2, 28)
OLDEST_NODE = 20
ROOM_NEEDED = 2 * 1024**3  # bytes: all environments with their caches unpacked, and some air

# What a failed installer printed, and what to tell the person. The first match speaks.
CAUSES = (
    (r"No space left on device", "the disk is full"),
    (
        r"DO NOT MATCH THE HASHES|EINTEGRITY",
        "the package index serves other files than the ones locked in this checkout",
    ),
    (
        "failure in name resolution|NewConnectionError|ConnectionError|Read timed out|Max retries exceeded",
        "the package index did not answer: check the network and pip's index (PIP_INDEX_URL or pip.conf)",
    ),
    (
        "ECONNREFUSED|ENOTFOUND|ETIMEDOUT|EAI_AGAIN",
        "the npm registry did not answer: check the network and npm's settings (.npmrc)",
    ),
    (
        r"No matching distribution found for (?P<what>\S+)",
        "the package index gave no {what}: it does not answer, or has none for this Python and machine",
    ),
    (r"E404.*?(?P<what>@?[\w./-]+@\S+)", "the npm registry has no {what}"),
    ("in sync", "package.json and package-lock.json of this checkout disagree"),
    (r"Permission denied|EACCES|Read-only file system", "a folder cannot be written"),
)


class LackingError(Exception):
    """Something is missing on this machine; the sentence says what, and how to get it."""


def check_machine() -> None:
    """Raise LackingError for the first thing that is missing, before anything is downloaded."""
    here = ".".join(map(str, sys.version_info[:3]))
    if not OLDEST <= sys.version_info[:2] < TOO_NEW:
        raise LackingError(
            f"Python {here} is not one that Earnest runs on (3.11, 3.12 or 3.13): install one of them and "
            "say which, as in `make setup PYTHON=python3.12`"
        )
    if platform.system() != "Linux" or platform.machine() not in {"x86_64", "AMD64"}:
        raise LackingError(
            f"this machine is {platform.system()} {platform.machine()}; the local world needs Linux x86-64"
        )
    library, _, version = glibc().partition(" ")
    if library != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < OLDEST_GLIBC:
        raise LackingError(f"the C library is {library} {version}; the packages need glibc 2.28 or newer")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        major, minor = sys.version_info[:2]
        raise LackingError(
            f"Python {here} cannot make virtual environments: `apt install python{major}.{minor}-venv` "
            "(or python3-venv), then again"
        )


def glibc() -> str:
    """Name the C library, as in `glibc 2.36`."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    except (ValueError, OSError):  # musl has no such name
        return "not glibc"


def check_room() -> None:
    """Raise LackingError when the disk is too full to begin."""
    free = shutil.disk_usage(ROOT).free
    if free < ROOM_NEEDED:
        raise LackingError(f"only {free / 1024**3:.1f} GiB are free here; set-up needs {ROOM_NEEDED / 1024**3:.0f}")


def machine_npm() -> list[str] | None:
    """Find the machine's own npm, if its Node is new enough; one that we installed is not the machine's."""
    own = str(ROOT / ".venv-node" / "bin")
    path = os.pathsep.join(part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part != own)
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if not node or not npm:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = re.match(r"v(\d+)\.", told)
    return [npm] if major and int(major[1]) >= OLDEST_NODE else None


def explain(printed: str, code: int) -> str:
    """Turn an installer's output into one sentence."""
    for pattern, sentence in CAUSES:
        found = re.search(pattern, printed)
        if found:
            return sentence.format(**found.groupdict())
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error", line, re.IGNORECASE)] or lines
    return f"an installer ended with {code}: {telling[-1][:200] if telling else 'it printed nothing'}"
