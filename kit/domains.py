"""Domains (pure): the one that somebody registered, for a name below it."""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList

from kit.internet import literal


@cache
def _suffixes() -> PublicSuffixList:
    # Names that are given out below somebody's own domain cost nothing: whoever has many of them has registered none.
    return PublicSuffixList(only_icann=True)


def registrable(host: str) -> str:
    """Return the registrable domain of a host's name, in lower case (publicsuffix.org, the list of registries alone).

    An address, and a name that is no more than a suffix, stand for themselves.
    """
    name = host.lower()
    if literal(name.removeprefix("[").removesuffix("]")) is not None:
        return name
    return _suffixes().privatesuffix(name) or name
