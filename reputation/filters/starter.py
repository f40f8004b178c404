"""The text rules that a new filter begins with (pure): what spam of any kind says, and never one word alone.

Each rule asks for two or three signs together, because every word of spam is some honest person's word too. They are
judged by how often they are wrong before how much they find (tests/integration/reputation/test_starter.py).
"""

from __future__ import annotations

from typing import Final

from reputation.policy import FilterDocument, FilterRule, Labelling, Pattern, Severity

_PRIZE: Final = Pattern(
    words=(
        "you have won", "you've won", "you won", "u have won", "have been selected", "been chosen", "guaranteed",
        "prize", "jackpot", "winner", "awarded", "lottery", "bonus", "reward", "gift card", "voucher", "giveaway",
    ),
    look_alikes=True,
)  # fmt: skip
_MONEY: Final = Pattern(
    words=("cash", "credit", "loan", "refund", "discount", "per week", "per day", "a week", "income", "profit"),
    regexes=(r"[£$€]\s?[0-9]", r"\b[0-9][0-9.,]*\s?(?:usd|eur|gbp|pounds|dollars|euros|btc|eth|usdt)\b"),
)
_COIN: Final = Pattern(
    words=(
        "airdrop", "bitcoin", "crypto", "usdt", "ethereum", "seed phrase", "wallet", "token sale", "presale",
        "metamask", "trading signals", "forex", "binary options", "doubling",
    ),
    look_alikes=True,
)  # fmt: skip
_HURRY: Final = Pattern(
    words=(
        "urgent", "act now", "last chance", "final notice", "final attempt", "expires", "limited time", "hurry",
        "immediately", "within 24", "before it ends", "don't miss", "do not miss", "ends today", "only today", "valid ",
    ),
)  # fmt: skip
_ACT: Final = Pattern(
    words=(
        "claim", "call now", "click here", "click the link", "click below", "subscribe", "unsubscribe", "opt out",
        "to stop", "reply yes", "text stop", "txt stop", "send stop", "apply now", "order now", "redeem", "dm me",
        "message me on", "contact me on", "join our", "join now", "sign up", "register now", "verify your",
    ),
    regexes=(
        r"\b(?:call|text|txt|reply|send|msg|sms|whatsapp)\b.{0,20}(?:\+|\b)[0-9]{5,}",
        r"\b(?:text|txt|send|reply)\s+['\"]?[a-z]{2,10}['\"]?\s+(?:to|2)\b",
    ),
)  # fmt: skip
_FREE: Final = Pattern(words=("free", "complimentary", "no cost", "risk-free", "no obligation"), whole_words=True)
_FAR: Final = Pattern(
    regexes=(
        r"\b(?:https?://|www\.)\S",
        r"\bt\.me/",
        r"\bwa\.me/",
        r"(?:\+|\b00?)[0-9][0-9 ()-]{8,}[0-9]\b",
        r"\b[0-9]{5}\b",
    )
)
_SMALL_PRINT: Final = Pattern(
    words=("t&c", "ts&cs", "t's&c", "tsandcs", "terms apply", "18+", "16+", "over 18", "per msg", "per message", "ppm"),
    regexes=(
        r"[0-9]\s?p\s?(?:/|per|a)\s?(?:min|msg|day|call|text)",
        r"[£$€][0-9.]+\s?(?:/|per|a)\s?(?:wk|week|msg|min)",
    ),
)
_LURE: Final = Pattern(
    words=(
        "hot girls", "sexy", "adult", "xxx", "dating", "single women", "secret admirer", "no strings", "nude",
        "onlyfans", "casino", "betting tips", "viagra", "cialis", "weight loss", "diploma", "ringtone", "polyphonic",
    ),
    look_alikes=True,
)  # fmt: skip
_ACCOUNT: Final = Pattern(
    words=("your account", "your wallet", "your bank", "suspended", "locked", "unusual activity", "log in to confirm"),
)


def _rule(name: str, when: str, because: str) -> FilterRule:
    return FilterRule(name=name, when=when, then=Labelling(label="spam", severity=Severity.WARN), because=because)


STARTER: Final = FilterDocument(
    patterns={
        "prize": _PRIZE, "money": _MONEY, "coin": _COIN, "hurry": _HURRY, "act": _ACT, "free": _FREE, "far": _FAR,
        "small-print": _SMALL_PRINT, "lure": _LURE, "account": _ACCOUNT,
    },
    rules=(
        _rule(
            "prizes to claim",
            "'prize' in text.found && ('act' in text.found || 'small-print' in text.found) && "
            "('far' in text.found || 'money' in text.found || 'small-print' in text.found)",
            "It says that something was won, and what to do for it.",
        ),
        _rule(
            "free things with small print",
            "('free' in text.found || 'money' in text.found) && 'small-print' in text.found && "
            "('act' in text.found || 'far' in text.found)",
            "It offers something free or money, with terms.",
        ),
        _rule(
            "offers with a number or link",
            "'free' in text.found && 'act' in text.found && 'far' in text.found",
            "It offers something free and says where to go for it.",
        ),
        _rule(
            "hurry and act",
            "'hurry' in text.found && 'act' in text.found && 'far' in text.found",
            "It presses to do something at once.",
        ),
        _rule(
            "money from strangers",
            "'money' in text.found && 'act' in text.found && 'far' in text.found",
            "It speaks of money and says where to go for it.",
        ),
        _rule(
            "coins and wallets",
            "'coin' in text.found && ('act' in text.found || 'free' in text.found) && "
            "('far' in text.found || 'money' in text.found || 'prize' in text.found || 'hurry' in text.found)",
            "It wants something done with tokens or a wallet.",
        ),
        _rule(
            "lures",
            "'lure' in text.found && ('act' in text.found || 'small-print' in text.found) && "
            "('far' in text.found || 'small-print' in text.found)",
            "It lures, and says where to go.",
        ),
        _rule(
            "accounts in danger",
            "'account' in text.found && 'act' in text.found && 'far' in text.found",
            "It warns of an account, and says where to go.",
        ),
    ),
)  # fmt: skip
"""A filter to begin with."""
