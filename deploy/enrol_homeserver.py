"""Enrols a homeserver for rewards: signs a challenge with its signing key, on the machine where that key is.

Run it with the Python of Synapse, which has the one library that this needs (signedjson):

    python enrol_homeserver.py --service https://… --server example.org --payout 0x… --key /etc/…/signing.key

The key never leaves this machine: what is sent is what is shown, and the signature under it. With --sign-only nothing
is sent at all: the challenge is read from standard input, and the signed one is written to standard output.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

try:
    from signedjson.key import read_signing_keys
    from signedjson.sign import sign_json
except ImportError:
    sys.exit("signedjson is missing here: run this with the Python of Synapse's own environment.")

TYPE = "org.earnest.rewards.enrolment"
PARTS = {"type", "server_name", "kind", "payout", "service", "chain_id", "nonce", "expires_ts"}


def main() -> None:
    """Do it; whatever goes wrong is said, and ends it with 1."""
    options = _options()
    key = _key(options.key)
    asked = {"server_name": options.server, "payout": options.payout}
    challenge = json.load(sys.stdin) if options.sign_only else _post(options.service, "challenges", asked)
    _check(challenge, options)
    print("This is signed:\n" + json.dumps(challenge, indent=2), file=sys.stderr)
    signed = sign_json(challenge, options.server, key)
    if options.sign_only:
        print(json.dumps(signed))
        return
    done = _post(options.service, "enrolments" + ("?forward=true" if options.forward else ""), signed)
    print(f"\n{done['server_name']} takes part; its rewards go to {done['payout']}.")
    if done["payout_next"]:
        print(f"From Unix time {done['payout_from']} on they go to {done['payout_next']}.")
    print("\nSo that its use counts, put this into homeserver.yaml and restart Synapse. The address is secret:\n")
    print(f"report_stats: true\nreport_stats_endpoint: {done['report_url']}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the server's name, as it ends Matrix ids")
    parser.add_argument("--payout", required=True, help="where rewards go: an Ethereum address")
    parser.add_argument("--key", required=True, type=Path, help="the file of the signing key (signing_key_path)")
    parser.add_argument("--service", help="the service's address")
    parser.add_argument("--sign-only", action="store_true", help="read a challenge, write it signed, send nothing")
    parser.add_argument("--forward", action="store_true", help="have reports sent on to matrix.org's endpoint, too")
    options = parser.parse_args()
    if not options.sign_only and not options.service:
        parser.error("--service is missing")
    return options


def _key(path: Path) -> Any:  # noqa: ANN401 - the library's own
    try:
        with path.open(encoding="utf-8") as file:
            return read_signing_keys(file)[0]
    except (OSError, ValueError, IndexError):
        sys.exit(f"{path} is no file of a signing key that can be read.")


def _check(challenge: Any, options: argparse.Namespace) -> None:  # noqa: ANN401 - JSON
    """Make sure that nothing but such a challenge is ever signed with this key, whatever the service says."""
    said = challenge if isinstance(challenge, dict) and set(challenge) == PARTS else {}
    wanted = (TYPE, options.server, options.payout.lower())
    if (said.get("type"), said.get("server_name"), str(said.get("payout")).lower()) != wanted:
        sys.exit(f"This is no challenge for {options.server} and {options.payout}: {json.dumps(challenge)[:1000]}")
    if options.service and said["service"] != options.service.rstrip("/"):
        sys.exit(f"This challenge is of {str(said['service'])[:200]}. If that is the service you mean, name it so.")


def _post(service: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    url = f"{service.rstrip('/')}/v1/rewards/{what}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - where its user says
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        sys.exit(f"The service refused ({error.code}): {_reason(error)}")
    except (OSError, ValueError) as error:
        sys.exit(f"{service} cannot be asked: {error}")


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


if __name__ == "__main__":
    main()
