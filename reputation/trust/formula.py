"""The formula of standing in numbers: each constant with its meaning and source, and what a stake shifts (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from kit.errors import Invalid

MOST_QUORUM = 3
"""More endorsers than this leave honest people without a voice: at three, half of them (measured)."""
MOST_BOND = 3.0
"""What a bond multiplies a vouch's evidence by, at most."""
MOST_SHIFT = 0.5
"""Where a stake can bring a prior, at most: money buys a hearing, never trust."""


@dataclass(frozen=True, slots=True)
class Formula:
    """The constants of docs/standing.md. Another value of any is another formula: evaluate it before using it."""

    restart: float = 0.3
    """a: how much of all reach stays with whoever it comes to. The bound on what a farm can reach is (1-a)/a times what
    flows over the edges into it: 2.33. Personalised PageRank, as in Andersen, Chung and Lang (FOCS 2006)."""
    tolerance: float = 1e-5
    """Reach below this, for each person whom somebody rated, is not passed on. On a million people 97 of the nearest
    100 are the exact ones, in half a millisecond."""
    nearest: int = 50
    """So many of the nearest count in full: credibility is reach divided by that of the 50th, at most 1. No size of the
    whole is in it."""
    budget: int = 20
    """K: the word of one who rated more people than this is divided among them. Without it a dense farm makes as much
    evidence as it has edges."""
    quorum: int = 2
    """q: so many credible people must endorse somebody who is no contact before they are heard. 1: no quorum."""
    enough: float = 0.5
    """The endorsement, without its q-1 largest parts, at which somebody is heard in full."""
    rounds: int = 3
    """How often endorsement is passed on from the contacts, so that four steps away is the furthest that is heard."""
    weight: float = 1.0
    """kappa: how much evidence the prior counts as (Josang and Ismail's Beta reputation has 2)."""
    prior: float = 0.9
    """rho: the reputation of strangers, for whoever set none of their own. Of the first 60 % of the ratings in
    docs/standing.md 87 % are good; who wants strangers to prove themselves sets less."""
    half_life: float = 365.0
    """Days after which a word counts half as evidence. Chosen on the first 60 % of those ratings, on which nothing is
    measured."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no formula."""
        for field in fields(self):
            if not math.isfinite(getattr(self, field.name)):
                raise Invalid("formula", f"{field.name} is not a number")
        within = {
            "restart": 0.05 <= self.restart <= 0.95,  # noqa: PLR2004 - beyond, nothing or everything is near
            "tolerance": 1e-12 <= self.tolerance <= 0.1,  # noqa: PLR2004 - beyond, a view takes for ever or is empty
            "nearest": self.nearest >= 1,
            "budget": self.budget >= 1,
            "quorum": 1 <= self.quorum <= MOST_QUORUM,
            "enough": self.enough > 0,
            "rounds": 1 <= self.rounds <= 10,  # noqa: PLR2004 - beyond, everybody is reached
            "weight": self.weight > 0,
            "prior": 0 <= self.prior <= 1,
            "half_life": self.half_life > 0,
        }
        wrong = [name for name, fine in within.items() if not fine]
        if wrong:
            raise Invalid("formula", f"{wrong[0]} is out of bounds", name=wrong[0])


PRODUCT = Formula()
"""What Earnest judges with unless a viewer turned a knob of theirs."""


def bond_factor(times: float) -> float:
    """Return what a vouch's evidence is multiplied by when its author put so many times a door's price behind it."""
    if not math.isfinite(times) or times < 0:
        raise Invalid("bond", "a bond is nothing or more")
    return min(MOST_BOND, 1 + math.log1p(times))


def prior_with_stake(prior: float, times: float, *, shift: float = MOST_SHIFT) -> float:
    """Return the prior of a stranger who staked so many times a viewer's price with them: nearer to ``shift``."""
    if not all(map(math.isfinite, (prior, times, shift))) or not 0 <= prior <= 1 or times < 0:
        raise Invalid("prior", "a prior lies between 0 and 1, and a stake is nothing or more")
    goal = min(shift, MOST_SHIFT)
    return prior if prior >= goal else prior + (goal - prior) * -math.expm1(-times)
