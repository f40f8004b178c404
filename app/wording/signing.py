"""Signing: what a person's wallet signs, in words. English for everybody, since it is compared letter by letter."""

from __future__ import annotations

from kit.identifiers import UserId

OPENING = "Open what this wallet bought here. It moves no money."
"""What is signed to open what a wallet bought."""
_IN_STATEMENTS = "-._~:/?#[]@!$&'()*+,;= "


def link_statement(mxid: UserId) -> str:
    """Say what is signed to link a wallet; a character that EIP-4361 has no place for there becomes ``?``."""
    return f"Link this wallet to the Matrix account {_plain(mxid)} on Earnest. It moves no money."


def owning_statement(mxid: UserId) -> str:
    """Say what is signed to let a person have, and move, what a wallet bought; characters as in ``link_statement``."""
    return f"Let the Matrix account {_plain(mxid)} have and move what this wallet bought on Earnest. It moves no money."


def _plain(mxid: UserId) -> str:
    return "".join(c if (c.isascii() and c.isalnum()) or c in _IN_STATEMENTS else "?" for c in mxid)
