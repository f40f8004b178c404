"""The catalogue: finds the translation of a sentence for a person's language; English stands in the source itself."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

DOMAIN = "earnest"
FOLDER = Path(__file__).parent / "locales"
"""``<folder>/<language>/LC_MESSAGES/earnest.mo``, made by the usual gettext tools from the marked sentences."""

Translate = Callable[[str], str]


def marked(sentence: str) -> str:
    """Mark a sentence for translation where it stands; it is translated where it is used."""
    return sentence


def translator(locale: str | None, folder: Path = FOLDER) -> Translate:
    """Return what translates into ``locale`` (``de``, ``pt-BR``); what has no translation stays English."""
    return _catalogue((locale or "en").replace("-", "_"), folder).gettext


def plural_translator(locale: str | None, folder: Path = FOLDER) -> Callable[[str, str, int], str]:
    """Return what chooses between forms by a number: of one, of many, and in other languages of some, or of none."""
    return _catalogue((locale or "en").replace("-", "_"), folder).ngettext


@lru_cache(maxsize=200)
def _catalogue(locale: str, folder: Path) -> gettext.NullTranslations:
    # The language alone is good enough where the region has no catalogue of its own; a wish that is none is English.
    wanted = [locale, locale.partition("_")[0]]
    safe = [name for name in wanted if name.replace("_", "").isalnum()]
    return gettext.translation(DOMAIN, folder, languages=safe or ["en"], fallback=True)
