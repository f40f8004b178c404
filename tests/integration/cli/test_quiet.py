"""`earnest quiet`: an operator has the bot leave a homeserver's people alone."""

from __future__ import annotations
