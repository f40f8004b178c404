"""Identifiers of the outside, parsed and told apart: Matrix ids and server names, Ethereum addresses, hashes."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, NewType

from eth_utils.address import is_checksum_address, to_checksum_address

from kit.errors import Invalid

UserId = NewType("UserId", str)
"""A Matrix user id (MXID), ``@localpart:server``; compared byte for byte, shown whole."""
RoomId = NewType("RoomId", str)
"""A Matrix room id, ``!opaque:server``, or ``!hash`` since room version 12."""
ServerName = NewType("ServerName", str)
"""A Matrix server name: a DNS name or IP literal with an optional port."""
Address = NewType("Address", bytes)
"""An Ethereum address: 20 bytes; EIP-55 is for ``show_address`` only."""
Hash32 = NewType("Hash32", bytes)
"""A 32-byte hash or nonce."""
PersonId = NewType("PersonId", int)
"""The number that stands for a Matrix id everywhere but in the one table that holds it."""
TenantId = NewType("TenantId", int)
"""The number of a homeserver that calls our gate."""

ZERO_ADDRESS = Address(bytes(20))

_MAX_BYTES = 255
_PORT = re.compile(r":([0-9]{1,5})$")
_DNS_NAME = re.compile(r"[A-Za-z0-9.\-]{1,255}")
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]{2,45}\]")
_HEX_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}")
_MAX_PORT = 65535


def parse_server_name(text: str) -> ServerName:
    """Read a server name by the Matrix specification's grammar (appendices, "Server name").

    Raises ``Invalid`` for anything else. The case is kept: the specification compares server names as they are.
    """
    host = _PORT.sub("", text)
    port = _PORT.search(text)
    if port and int(port.group(1)) > _MAX_PORT:
        raise Invalid("server_name_malformed", "A port lies between 0 and 65535.")
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise Invalid("server_name_malformed", "That is not a Matrix server name.") from None
        valid = _IPV6.fullmatch(host) is not None
    else:
        valid = _DNS_NAME.fullmatch(host) is not None
    if not valid or len(text.encode()) > _MAX_BYTES:
        raise Invalid("server_name_malformed", "That is not a Matrix server name.")
    return ServerName(text)


def parse_user_id(text: str) -> UserId:
    """Read an MXID; at most 255 bytes in all. Raises ``Invalid`` for what is none.

    Historical forms are included, as must be: a localpart of any characters but ``:``, NUL and surrogates, control
    characters and the empty one among them (Matrix specification, appendices, "Historical User IDs"). So an MXID is
    shown to people by ``isolate`` alone.
    """
    localpart, colon, server = text[1:].partition(":")
    if not text.startswith("@") or not colon or _too_long(text) or _unspeakable(localpart):
        raise Invalid("user_id_malformed", "A Matrix id looks like @name:server.")
    parse_server_name(server)
    return UserId(text)


def parse_room_id(text: str) -> RoomId:
    """Read a room id: ``!opaque:server``, or ``!`` and 43 URL-safe base64 characters (room version 12 on)."""
    opaque, colon, server = text[1:].partition(":")
    if not text.startswith("!") or not opaque or _too_long(text) or _unspeakable(opaque):
        raise Invalid("room_id_malformed", "A room id looks like !opaque:server.")
    if colon:
        parse_server_name(server)
    elif not re.fullmatch(r"[A-Za-z0-9_\-]{43}", opaque):
        raise Invalid("room_id_malformed", "A room id looks like !opaque:server.")
    return RoomId(text)


def _too_long(text: str) -> bool:
    return len(text.encode("utf-8", "surrogatepass")) > _MAX_BYTES


def _unspeakable(text: str) -> bool:
    if text.isascii():  # what nearly all are, seen at a glance
        return "\0" in text
    return any(character == "\0" or unicodedata.category(character) == "Cs" for character in text)


def server_of(user: UserId) -> ServerName:
    """Return the server that a user id belongs to (all after the first colon)."""
    return ServerName(user.partition(":")[2])


def localpart_of(user: UserId) -> str:
    """Return the part of a user id between ``@`` and the first colon."""
    return user[1:].partition(":")[0]


def parse_address(text: str) -> Address:
    """Read a hexadecimal Ethereum address; mixed case must carry a right EIP-55 checksum. Raises ``Invalid``."""
    if not _HEX_ADDRESS.fullmatch(text):
        raise Invalid("address_malformed", "An Ethereum address is 0x and 40 hexadecimal digits.")
    digits = text[2:]
    mixed = digits not in (digits.lower(), digits.upper())
    if mixed and not is_checksum_address("0x" + digits):
        raise Invalid("address_checksum", "The address's checksum (its upper and lower case) is wrong; copy it again.")
    return Address(bytes.fromhex(digits))


def show_address(address: Address) -> str:
    """Write an address with its EIP-55 checksum."""
    return str(to_checksum_address(bytes(address)))


def parse_hash(text: str) -> Hash32:
    """Read ``0x`` and 64 hexadecimal digits. Raises ``Invalid``."""
    if not re.fullmatch(r"0[xX][0-9a-fA-F]{64}", text):
        raise Invalid("hash_malformed", "A hash is 0x and 64 hexadecimal digits.")
    return Hash32(bytes.fromhex(text[2:]))


def show_hash(value: Hash32) -> str:
    """Write a hash as ``0x`` and 64 lower-case digits."""
    return "0x" + value.hex()


def isolate(text: str) -> str:
    """Wrap a foreign text in Unicode isolates (FSI … PDI), so that its direction cannot turn the text around it.

    Embedded bidirectional controls are taken out first: an unbalanced PDI would end the isolate early (UAX #9). What
    would end the line, or move about on a terminal, is shown as U+FFFD: a foreign text is one line of ours.
    """
    return f"\u2068{on_one_line(text)}\u2069"


def on_one_line(text: str) -> str:
    """Return a text as ``isolate`` shows it, without the isolates: for what has foreign words in it here and there."""
    if text.isascii() and text.isprintable():  # what nearly all are, seen at a glance
        return text
    return "".join(_REPLACEMENT if unicodedata.category(c) in _UNSEEMLY else c for c in text if c not in _BIDI_CONTROLS)


def is_hidden(character: str) -> bool:
    """Tell whether a character would turn the text around it, end its line, or move about on a terminal."""
    return character in _BIDI_CONTROLS or unicodedata.category(character) in _UNSEEMLY


_REPLACEMENT = "\ufffd"
_UNSEEMLY = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def skeleton(text: str) -> str:
    """Return what ``text`` looks like to a hurried eye: equal skeletons are look-alikes (after UTS #39, section 4).

    NFKD, marks and invisible characters taken out, each character replaced by its plainest Latin look-alike, folded.
    """
    plain: list[str] = []
    for character in unicodedata.normalize("NFKD", text):
        if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
            continue
        found = not character.isascii() and _look_alikes(character)
        if not found:
            plain.append(character)
            continue
        twins = [twin["c"] for entry in found for twin in entry["homoglyphs"] if twin["c"].isascii()]
        plain.append(twins[0] if twins else character)
    folded = "".join(plain).casefold()
    for pair, single in LOOKS_LIKE:
        folded = folded.replace(pair, single)
    return folded


def _look_alikes(character: str) -> list[Any]:
    from confusable_homoglyphs import confusables  # noqa: PLC0415 - 7 MiB of tables, which few processes look into

    return confusables.is_confusable(character, greedy=True) or []


LOOKS_LIKE = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("|", "l"), ("5", "s"))


def look_alike(candidate: UserId, known: Iterable[UserId]) -> UserId | None:
    """Return the first of ``known`` that ``candidate`` could be mistaken for without being it, else ``None``."""
    shape = skeleton(candidate)
    return next((person for person in known if person != candidate and skeleton(person) == shape), None)
