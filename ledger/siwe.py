"""Sign-in with Ethereum (pure): EIP-4361 messages read, written, checked, and whose signature stands under them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from coincurve import PublicKey
from eth_utils.crypto import keccak

from kit.errors import Forbidden, Invalid
from kit.identifiers import Address, Hash32, parse_address, show_address

LONGEST: Final = 8_000
"""Characters that a message may have; a wallet shows a person a few hundred."""

MOST_SIGNATURE_BYTES: Final = 8_192
"""Bytes that a signature may have: 65 of a key; of a contract's wallet, whatever it asks for, and what deploys it."""

_SIGNATURE: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})+")
_KEY_SIGNATURE_BYTES: Final = 65

# RFC 3986. Every alternative begins with a character of its own, so matching is linear.
_PCHAR: Final = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_HOST: Final = r"(?:\[[0-9A-Fa-f:.]{2,45}\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)"
_AUTHORITY: Final = rf"(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{{2}})*@)?{_HOST}(?::[0-9]{{1,5}})?"
_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.\-]*"
_PATH: Final = rf"(?://{_AUTHORITY}(?:/{_PCHAR}*)*|(?!//){_PCHAR}*(?:/{_PCHAR}*)*)"
_URI: Final = rf"{_SCHEME}:{_PATH}(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+\-][0-9]{2}:[0-9]{2})"

_FIELDS: Final = {
    "scheme": re.compile(_SCHEME),
    "domain": re.compile(_AUTHORITY),
    "statement": re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;= ]+"),
    "uri": re.compile(_URI),
    "version": re.compile("1"),
    "nonce": re.compile(r"[A-Za-z0-9]{8,96}"),
    "issued_at": re.compile(_TIME),
    "expiration_time": re.compile(_TIME),
    "not_before": re.compile(_TIME),
    "request_id": re.compile(rf"{_PCHAR}*"),
}
_TIMES: Final = ("issued_at", "expiration_time", "not_before")

# Lines first, grammar after: what a line holds is checked field by field.
_LAYOUT: Final = re.compile(
    r"(?:(?P<scheme>[^\n:/]+)://)?(?P<domain>[^\n]+) wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9a-fA-F]{40})\n"
    r"\n"
    r"(?:(?P<statement>[^\n]+)\n)?"
    r"\n"
    r"URI: (?P<uri>[^\n]+)\n"
    r"Version: (?P<version>[^\n]+)\n"
    r"Chain ID: (?P<chain_id>[0-9]{1,20})\n"
    r"Nonce: (?P<nonce>[^\n]+)\n"
    r"Issued At: (?P<issued_at>[^\n]+)"
    r"(?:\nExpiration Time: (?P<expiration_time>[^\n]+))?"
    r"(?:\nNot Before: (?P<not_before>[^\n]+))?"
    r"(?:\nRequest ID: (?P<request_id>[^\n]*))?"
    r"(?:\nResources:(?P<resources>(?:\n- [^\n]+)*))?"
)


@dataclass(frozen=True, slots=True)
class Message:
    """An EIP-4361 message. Making one that its grammar does not allow raises ``Invalid``.

    Times are RFC 3339 texts, kept as written, so that the text that was signed comes out again byte for byte;
    ``resources`` is ``None`` where the message has no such part.
    """

    domain: str
    address: Address
    uri: str
    chain_id: int
    nonce: str
    issued_at: str
    version: str = "1"
    scheme: str | None = None
    statement: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Hold every field to the grammar."""
        for name, pattern in _FIELDS.items():
            text = getattr(self, name)
            if text is not None and not pattern.fullmatch(text):
                raise _malformed(name)
        if self.chain_id < 0:
            raise _malformed("chain_id")
        if not all(_FIELDS["uri"].fullmatch(resource) for resource in self.resources or ()):
            raise _malformed("resources")
        for name in _TIMES:
            text = getattr(self, name)
            if text is not None:
                _moment(text, name)

    def text(self) -> str:
        """Write the message as it is signed."""
        scheme = f"{self.scheme}://" if self.scheme is not None else ""
        lines = [
            f"{scheme}{self.domain} wants you to sign in with your Ethereum account:",
            show_address(self.address),
            "",
            *([self.statement] if self.statement is not None else []),
            "",
            f"URI: {self.uri}",
            f"Version: {self.version}",
            f"Chain ID: {self.chain_id}",
            f"Nonce: {self.nonce}",
            f"Issued At: {self.issued_at}",
        ]
        if self.expiration_time is not None:
            lines.append(f"Expiration Time: {self.expiration_time}")
        if self.not_before is not None:
            lines.append(f"Not Before: {self.not_before}")
        if self.request_id is not None:
            lines.append(f"Request ID: {self.request_id}")
        if self.resources is not None:
            lines += ["Resources:", *(f"- {resource}" for resource in self.resources)]
        return "\n".join(lines)


def parse(text: str) -> Message:
    """Read a message by the grammar of EIP-4361; nothing more, nothing less. Raises ``Invalid``."""
    found = _LAYOUT.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise Invalid("siwe_malformed", "That is not a sign-in message of EIP-4361.")
    fields = found.groupdict()
    address = parse_address(fields["address"])
    if show_address(address) != fields["address"]:
        raise _malformed("address")
    resources = fields["resources"]
    return Message(
        domain=fields["domain"],
        address=address,
        uri=fields["uri"],
        chain_id=int(fields["chain_id"]),
        nonce=fields["nonce"],
        issued_at=fields["issued_at"],
        version=fields["version"],
        scheme=fields["scheme"],
        statement=fields["statement"],
        expiration_time=fields["expiration_time"],
        not_before=fields["not_before"],
        request_id=fields["request_id"],
        resources=None if resources is None else tuple(line[2:] for line in resources.split("\n")[1:]),
    )


def check_place(message: Message, *, domain: str, uri: str, chain_id: int) -> None:
    """Hold a message to where it must have been made for: this site, this page, this chain. Raises ``Forbidden``."""
    ours = message.domain.lower() == domain.lower() and message.scheme in (None, uri.partition(":")[0])
    if not ours or message.uri != uri or message.chain_id != chain_id:
        raise Forbidden("siwe_for_elsewhere", "The message was made for another site, page or chain.")


def check_time(message: Message, now: datetime) -> None:
    """Hold a message to its own times, at ``now``. Raises ``Forbidden``.

    When it says it was issued is the word of the person's own clock and proves nothing; our nonce does.
    """
    if message.not_before is not None and now < _moment(message.not_before, "not_before"):
        raise Forbidden("siwe_not_yet", "The message is not good yet.")
    if message.expiration_time is not None and now >= _moment(message.expiration_time, "expiration_time"):
        raise Forbidden("siwe_expired", "The message is not good any more.")


def read_signature(text: str) -> bytes:
    """Read a signature of any wallet: ``0x`` and at most 8,192 bytes, in hexadecimal digits. Raises ``Invalid``."""
    if len(text) > 2 + 2 * MOST_SIGNATURE_BYTES or not _SIGNATURE.fullmatch(text):
        raise Invalid("signature_malformed", "A signature is 0x and hexadecimal digits, two for each byte.")
    return bytes.fromhex(text[2:])


def signer_of(text: str, signature: str) -> Address:
    """Return whose key signed ``text`` as a personal message (EIP-191): ``0x`` and 65 bytes, v of 0, 1, 27 or 28.

    Any signature of the right form gives some address; it must be compared. Raises ``Invalid`` for any other form.
    """
    raw = read_signature(signature)
    if len(raw) != _KEY_SIGNATURE_BYTES:
        raise _bad_signature()
    recovery = raw[64] - 27 if raw[64] in (27, 28) else raw[64]
    if recovery not in (0, 1):
        raise _bad_signature()
    try:
        key = PublicKey.from_signature_and_message(raw[:64] + bytes([recovery]), digest(text), hasher=None)
    except Exception:  # noqa: BLE001 - the library raises bare Exception for points that are none
        raise _bad_signature() from None
    return Address(keccak(key.format(compressed=False)[1:])[12:])


def digest(text: str) -> Hash32:
    """Return what is signed of ``text``: its hash as a personal message (EIP-191)."""
    content = text.encode()
    return Hash32(keccak(b"\x19Ethereum Signed Message:\n" + str(len(content)).encode() + content))


def show_time(moment: datetime) -> str:
    """Write a moment as messages have it: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str, name: str) -> datetime:
    """Read an RFC 3339 time that has the right shape; finer than a microsecond is cut off."""
    zone = UTC
    clock = text.removesuffix("Z")
    if clock == text:
        clock, offset = text[:-6], text[-6:]
        hours, minutes = int(offset[1:3]), int(offset[4:])
        if hours > 23 or minutes > 59:  # noqa: PLR2004 - as clocks have it
            raise _malformed(name)
        shift = timedelta(hours=hours, minutes=minutes)
        zone = timezone(-shift if offset[0] == "-" else shift)
    whole, _, fraction = clock.partition(".")
    try:
        moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone)
        return (moment + timedelta(microseconds=int(fraction[:6].ljust(6, "0")))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _malformed(name) from None


def _malformed(name: str) -> Invalid:
    return Invalid("siwe_malformed", f"The sign-in message's {name} is not as EIP-4361 has it.", field=name)


def _bad_signature() -> Invalid:
    return Invalid("signature_malformed", "A key's signature is 0x and 130 hexadecimal digits, of a point that exists.")
