"""Logs: one JSON object a line on standard error, with whatever the context binds (a knock id, a process name)."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_WORDS = ("password", "secret", "token", "bearer", "authorization", "private_key", "signature")


def set_up(*, process: str, level: str = "INFO") -> None:
    """Send every log line of this process, the libraries' too, through one JSON formatter."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_secrets,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "nio", "peewee", "web3", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel("WARNING")
    # What is odd of an event, nio logs with the event itself, decrypted where it was encrypted: people's own words.
    logging.getLogger("nio.events").setLevel("CRITICAL")
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)


def to_the_side(*, least: str = "INFO") -> None:
    """Have a command at a terminal log on standard error: what it prints is for its caller, a program perhaps."""
    structlog.reset_defaults()
    structlog.configure(
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(least),
    )


def _without_secrets(_logger: object, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in line:
        if any(word in key.lower() for word in _SECRET_WORDS):
            line[key] = "(hidden)"
    return line
