"""Whose word counts for a viewer, and what the words come to: credibility, budget, quorum; compiled (pure)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from reputation.trust.compiling import compiled, fetch
from reputation.trust.pushing import Numbers, Places, enter, find, level_for, said, usable
from reputation.trust.rows import EDGE, HEAD, Bytes, Edges, Heads

VOICE = np.dtype([("who", "i4"), ("word", "f4"), ("near", "f4"), ("level", "i4")])
"""One whose word counts: by how much for each word, how near they are, and which of their edges the viewer may use."""

Voices = npt.NDArray[np.void]
Floats = npt.NDArray[np.float64]

_DECAY = math.log(2.0)
_AHEAD = 8
"""So many heads before they are needed they are sent for."""
_ROOM = 1 << 12
"""Words that are listed before the list has to grow."""


@compiled
def listen(  # noqa: C901, PLR0913, PLR0917 - a compiled loop takes its arrays one by one
    places: Places,
    count: int,
    index: Numbers,
    heads: Heads,
    edges: Edges,
    viewer: int,
    restart: float,
    nearest: int,
    least: float,
    faint: float,
    voices: Voices,
    numbers: Numbers,
) -> int:
    """Find who is near enough to have a word for the viewer, and how near; return how many.

    ``numbers`` gets for each place its voice's number plus one, negative for a contact's, 0 for none.
    """
    reach = np.empty(count, np.float32)
    found = 0
    for place in range(count):
        entry = places[place]
        numbers[place] = 0
        # What waits unpushed has reached them too; only those that were pushed are near enough to be heard at all.
        value = entry["reach"] + restart * entry["residual"]
        if value > faint:
            reach[found] = value
            found += 1
            numbers[place] = found
    head = heads[viewer]
    for edge in range(head["start"], head["start"] + head["n2"]):
        if edges[edge]["said"] > 0:
            place = find(index, places, edges[edge]["other"])
            if place >= 0:
                if numbers[place] == 0:
                    value = restart * places[place]["residual"] + places[place]["reach"]
                    if value <= faint:
                        continue
                    reach[found] = value
                    found += 1
                    numbers[place] = found
                numbers[place] = -numbers[place]
    bar = least
    if found >= nearest:
        bar = max(bar, np.partition(reach[:found], found - nearest)[found - nearest])
    kept = 0
    for place in range(count):
        number = numbers[place]
        if number == 0:
            continue
        who = places[place]["who"]
        voices[kept]["who"] = who
        voices[kept]["near"] = 1.0 if who == viewer else min(1.0, reach[abs(number) - 1] / bar)
        kept += 1
        numbers[place] = kept if number > 0 else -kept
    return kept


@compiled
def _give_word(heads: Heads, edges: Edges, viewer: int, budget: int, voice: np.void) -> None:
    """Note what one voice's word weighs if it is heard in full, and which of their edges the viewer may use."""
    level = level_for(heads, edges, viewer, voice["who"])
    words = usable(heads, voice["who"], level)
    voice["word"] = voice["near"] * min(1.0, budget / max(1, words))
    voice["level"] = level


@compiled
def give_words(heads: Heads, edges: Edges, viewer: int, budget: int, voices: Voices, kept: int) -> None:
    """Let all be heard who are near, as no quorum is asked."""
    for number in range(kept):
        if number + _AHEAD < kept:
            fetch(heads, voices[number + _AHEAD]["who"])
        _give_word(heads, edges, viewer, budget, voices[number])


@compiled
def _list_words(  # noqa: PLR0913, PLR0917 - as above
    places: Places,
    index: Numbers,
    heads: Heads,
    edges: Edges,
    voice: np.void,
    numbers: Numbers,
    own: int,
    targets: Numbers,
    pairs: int,
) -> tuple[Numbers, int]:
    """List whom a voice rates among those who are no contacts, by number plus one, negative for a bad word.

    Return the list, a larger one where that had no room, and where its end is now.
    """
    row = heads[voice["who"]]["start"]
    seen = usable(heads, voice["who"], voice["level"])
    if pairs + seen > len(targets):
        grown = np.empty(2 * (pairs + seen), np.int32)
        grown[:pairs] = targets[:pairs]
        targets = grown
    for edge in range(row, row + seen):
        place = find(index, places, edges[edge]["other"])
        if place < 0 or numbers[place] <= 0 or numbers[place] - 1 == own:
            continue
        targets[pairs] = numbers[place] if edges[edge]["said"] > 0 else -numbers[place]
        pairs += 1
    return targets, pairs


@compiled
def _contacts(
    places: Places, count: int, viewer: int, numbers: Numbers, kept: int
) -> tuple[npt.NDArray[np.bool_], int]:
    """Mark which voices are contacts, the viewer among them; return the viewer's own number, too, or -1."""
    contact = np.zeros(kept, np.bool_)
    own = -1
    for place in range(count):
        number = numbers[place]
        if number < 0:
            contact[-number - 1] = True
        elif number > 0 and places[place]["who"] == viewer:
            own = number - 1
            contact[own] = True
    return contact, own


@compiled
def ask_quorum(  # noqa: PLR0913, PLR0917, C901, PLR0912 - as above
    places: Places,
    count: int,
    index: Numbers,
    heads: Heads,
    edges: Edges,
    viewer: int,
    voices: Voices,
    kept: int,
    numbers: Numbers,
    budget: int,
    quorum: int,
    enough: float,
    rounds: int,
) -> None:
    """Let nobody but contacts be heard whom fewer than ``quorum`` of the heard endorse: the largest parts left out.

    Of most who are near nobody whom the viewer hears says anything, so a row is looked at when its author is heard.
    """
    contact, own = _contacts(places, count, viewer, numbers, kept)
    heard = np.zeros(kept, np.float64)
    for number in range(kept):
        if contact[number]:
            heard[number] = voices[number]["near"]
    budgets = np.zeros(kept, np.float64)
    targets, listed = np.empty(_ROOM, np.int32), 0
    starts, ends = np.full(kept, -1, np.int32), np.zeros(kept, np.int32)
    praised, blamed = np.zeros(kept), np.zeros(kept)
    largest, second = np.zeros(kept), np.zeros(kept)
    for _ in range(rounds):
        praised[:], blamed[:], largest[:], second[:] = 0.0, 0.0, 0.0, 0.0
        for number in range(kept):
            if heard[number] <= 0:
                continue
            if starts[number] < 0:
                voice = voices[number]
                _give_word(heads, edges, viewer, budget, voice)
                budgets[number] = voice["word"] / max(voice["near"], np.float32(1e-30))
                starts[number] = listed
                targets, listed = _list_words(places, index, heads, edges, voice, numbers, own, targets, listed)
                ends[number] = listed
            part = heard[number] * budgets[number]
            if part <= 0:
                continue
            for pair in range(starts[number], ends[number]):
                target = targets[pair]
                if target < 0:
                    blamed[-target - 1] += part
                    continue
                target -= 1
                praised[target] += part
                if part > largest[target]:
                    second[target] = largest[target]
                    largest[target] = part
                elif part > second[target]:
                    second[target] = part
        for number in range(kept):
            if contact[number]:
                continue
            left = praised[number] - largest[number]
            if quorum > 2:  # noqa: PLR2004 - formula.MOST_QUORUM is 3
                left -= second[number]
            near = voices[number]["near"]
            heard[number] = 0.0 if left <= 1e-12 else near * min(1.0, left / enough) * left / (left + blamed[number])  # noqa: PLR2004 - what rounding leaves
    for number in range(kept):
        if heard[number] > 0 and starts[number] < 0:  # in the last round
            _give_word(heads, edges, viewer, budget, voices[number])
            budgets[number] = voices[number]["word"] / max(voices[number]["near"], np.float32(1e-30))
        voices[number]["word"] = heard[number] * budgets[number]
        voices[number]["near"] = heard[number]


@compiled
def heard_of(voices: Voices, kept: int) -> int:
    """Drop who has no word after all; return how many there are."""
    left = 0
    for number in range(kept):
        if voices[number]["word"] > 0:
            voices[left] = voices[number]
            left += 1
    return left


@compiled
def note(voices: Voices, index: Numbers) -> None:
    """Enter the voices into their index."""
    for number in range(len(voices)):
        enter(index, voices[number]["who"], number)


@compiled
def _weight(edge: np.void, word: float, day: float, half_life: float) -> float:
    """Return what one edge is as evidence, with its sign."""
    age = max(0.0, day - edge["day"])
    return word * edge["said"] * (edge["bond"] * 1e-3) * math.exp(-_DECAY * age / half_life)  # type: ignore[no-any-return]


@compiled
def weigh(  # noqa: PLR0913, PLR0917 - as above
    into_heads: Heads,
    into_edges: Edges,
    heads: Heads,
    edges: Edges,
    voices: Voices,
    index: Numbers,
    subject: int,
    day: float,
    half_life: float,
) -> tuple[float, float]:
    """Return evidence for and against somebody.

    It goes through those who rated the subject, or through the voices where these are far fewer, so that nobody makes
    scoring slow by having many accounts rate.
    """
    good, bad = 0.0, 0.0
    rated = into_heads[subject]["n2"]
    start = into_heads[subject]["start"]
    by_voices = rated > 16 * len(voices)
    for step in range(len(voices) if by_voices else rated):
        if by_voices:
            voice = step
            head = heads[voices[voice]["who"]]
            level = voices[voice]["level"]
            row = head["start"]
            place = said(edges, row, row + head["n0"], subject)
            if place < 0 and level > 0:
                place = said(edges, row + head["n0"], row + head["n1"], subject)
            if place < 0 and level > 1:
                place = said(edges, row + head["n1"], row + head["n2"], subject)
            if place < 0:
                continue
            part = _weight(edges[place], voices[voice]["word"], day, half_life)
        else:
            place = start + step
            voice = find(index, voices, into_edges[place]["other"])
            if voice < 0 or into_edges[place]["level"] > voices[voice]["level"]:
                continue
            part = _weight(into_edges[place], voices[voice]["word"], day, half_life)
        if part > 0:
            good += part
        else:
            bad -= part
    return good, bad


@compiled
def weigh_one(  # noqa: PLR0913, PLR0917 - as above
    into_heads: Bytes,
    into_edges: Bytes,
    heads: Bytes,
    edges: Bytes,
    voices: Bytes,
    index: Numbers,
    subject: int,
    day: float,
    half_life: float,
) -> tuple[float, float]:
    """Weigh one subject, from the memory of the records."""
    into = into_heads.view(HEAD), into_edges.view(EDGE)
    return weigh(*into, heads.view(HEAD), edges.view(EDGE), voices.view(VOICE), index, subject, day, half_life)


@compiled
def weigh_many(  # noqa: PLR0913, PLR0917 - as above
    into_heads: Heads,
    into_edges: Edges,
    heads: Heads,
    edges: Edges,
    voices: Voices,
    index: Numbers,
    subjects: Numbers,
    day: float,
    half_life: float,
    good: Floats,
    bad: Floats,
) -> None:
    """Weigh many subjects at once."""
    for place in range(len(subjects)):
        good[place], bad[place] = weigh(
            into_heads, into_edges, heads, edges, voices, index, subjects[place], day, half_life
        )


@compiled
def parts_of(  # noqa: PLR0913, PLR0917 - as above
    into_heads: Heads,
    into_edges: Edges,
    voices: Voices,
    index: Numbers,
    subject: int,
    day: float,
    half_life: float,
    who: Numbers,
    part: Floats,
) -> int:
    """Write down each voice's part in what is known of somebody; return how many there are."""
    count = 0
    start = into_heads[subject]["start"]
    for place in range(start, start + into_heads[subject]["n2"]):
        voice = find(index, voices, into_edges[place]["other"])
        if voice < 0 or into_edges[place]["level"] > voices[voice]["level"]:
            continue
        who[count] = voice
        part[count] = _weight(into_edges[place], voices[voice]["word"], day, half_life)
        count += 1
    return count
