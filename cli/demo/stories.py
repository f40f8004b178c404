"""Every story of the demo: its name, what it is about, and its steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from cli.demo import content, fire, gift, guarding, judging, knock, proof, rewards, storms
from cli.demo.stage import Stage

Step = Callable[[Stage], Awaitable[None]]
"""One step; its docstring's first line is its title. It raises ``UntrueError`` where it does not come true."""

STORIES: Final[dict[str, tuple[str, tuple[Step, ...]]]] = {
    "knock": ("A stranger knocks", (*knock.STEPS, *fire.STEPS, *storms.STEPS, *proof.STEPS)),
    "content": ("Sell a text, a file, a room", (*content.STEPS, *proof.STEPS)),
    "gift": ("A gift becomes flair", gift.STEPS),
    "rules": ("People decide who reaches them", judging.STEPS),
    "rewards": ("Running the network earns", (*rewards.STEPS, *proof.STEPS)),
    "lists": ("A list protects a room", guarding.STEPS),
}
