"""The bot's desk, for these tests."""

from tests.support.desk import bot, desk

__all__ = ["bot", "desk"]
