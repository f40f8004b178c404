"""What servers earned, as sentences: each epoch's share, why it is so, and what a server would have earned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from app.epochs import Estimate, History
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, join
from app.wording.reader import Reader
from app.wording.replies import lines
from kit.amounts import Amount
from kit.identifiers import ServerName, show_address
from payments.rewards.history import Because, Part
from payments.rewards.model import people_in

WHY: Final[Mapping[Because, str]] = {
    Because.AWAY: marked("it answered less than 90 % of the looks, so it counts for nothing"),
    Because.UNUSED: marked("nobody used it, as far as anybody can see, so it counts for nothing"),
    Because.AT_TIMES_AWAY: marked("it was away at times"),
    Because.WEIGHS_LESS: marked("it weighs less than whole, as newcomers do"),
    Because.TOGETHER: marked("it counts together with others of its domain, payout address or network"),
    Because.LARGE: marked("it, or what counts together with it, is so large that more people count for less"),
    Because.LARGEST: marked("it, or what counts together with it, is so large that more people count for nothing"),
    Because.WITHHELD: marked("its claims were suspended, so nobody got its share"),
}
"""Why a share is less than it could be."""
MOST_SHOWN: Final = 6
_LINE = marked(
    "epoch {epoch}: **{share}** of {budget}; there {there} %, people: {people}, weight {weight} %, counted together "
    "with {alike} more"
)


def history(reader: Reader, found: History) -> Message:
    """Say what a server got of each epoch, and why."""
    server = Literal(found.server)
    estimate = Literal(f"rewards estimate {found.server} 40")
    if not found.parts:
        return reader.say(
            marked("{server} was measured in no epoch of the last year. {estimate} says what it would have earned."),
            server=server,
            estimate=estimate,
        )
    parts = [
        reader.say(marked("What {server} earned, the newest epoch first:"), server=server),
        lines(reader, [_part(reader, part) for part in found.parts], most=MOST_SHOWN),
    ]
    if found.proof is not None:
        parts.append(
            reader.say(
                marked("{payout} earned **{sum}** in all until epoch {epoch}. What a claim of it needs: {link}"),
                payout=Literal(show_address(found.proof.payee)),
                sum=reader.money(Amount(found.proof.cumulative)),
                epoch=int(found.proof_of or 0),
                link=reader.link(f"/v1/rewards/servers/{quote(found.server, safe='')}"),
            )
        )
    return join(parts)


def estimate(reader: Reader, server: ServerName, people: int, found: Estimate | None) -> Message:
    """Say what a server would have earned."""
    if found is None:
        return reader.say(marked("No epoch of rewards is closed yet, so nobody can say what it would have earned."))
    rows = [
        reader.say(
            marked("epoch {epoch}: **{share}** of {budget}"),
            epoch=epoch.number,
            share=reader.money(Amount(amount)),
            budget=reader.money(Amount(epoch.budget)),
        )
        for epoch, amount in found.epochs
    ]
    return join(
        [
            reader.say(
                marked(
                    "What {server} would have earned, always there, used by {people} people a day, and with nobody "
                    "else in its network:"
                ),
                server=Literal(server),
                people=people,
            ),
            lines(reader, rows),
            reader.say(
                marked("Who enrols now can claim at the earliest {when}; newcomers weigh less at first."),
                when=reader.when(found.claims_from),
            ),
        ]
    )


def _part(reader: Reader, part: Part) -> Message:
    one = part.measured
    told = reader.say(
        _LINE,
        epoch=part.epoch,
        share=reader.money(Amount(part.amount)),
        budget=reader.money(Amount(part.budget)),
        there=Safe(f"{one.availability / 10:.1f}"),
        people=Safe(people_text(one.people)),
        weight=one.weight,
        alike=max(0, part.alike - 1),
    )
    for because in part.because:
        told = reader.say("{told}; {because}", told=told, because=reader.say(WHY[because]))
    return told


def people_text(bucket: int) -> str:
    """Write how many people a bucket stands for: ``5-9``."""
    least, most = people_in(bucket)
    return f"{least:,}-{most:,}" if bucket else "0"
