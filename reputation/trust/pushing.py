"""Reach by forward push over what a viewer may use, and its exact repair when a row changes: compiled loops (pure)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reputation.trust.compiling import compiled, fetch
from reputation.trust.rows import Edges, Heads

NODE = np.dtype([("residual", "f4"), ("limit", "f4")])
"""What a push keeps of each person while it runs: it touches very many, in no order, so there is no more to it.

The limit is negative for whoever has edges that some viewers may use and others may not.
"""
PLACE = np.dtype([("who", "i4"), ("reach", "f4"), ("residual", "f4"), ("state", "i4")])
"""What a view keeps of each person whom its push came to."""

QUEUED = 1
"""The state of a place that waits to be looked at."""
_SPENT = np.float32(1e-30)
"""The residual of whoever was pushed: nothing beside any share, but they were reached before."""
_AHEAD, _SOON, _NEXT = 2, 16, 8
"""So many rows, people and edges before they are needed they are sent for: memory takes longer than what is done with
what lies in it."""

Nodes = npt.NDArray[np.void]
Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.void]
Numbers = npt.NDArray[np.int32]


@compiled
def find(index: Numbers, places: Places, who: int) -> int:
    """Return where somebody stands among the places (or voices), or -1."""
    mask = len(index) - 1
    slot = (who * 0x9E3779B1) & mask
    while index[slot]:
        place = index[slot] - 1
        if places[place]["who"] == who:
            return int(place)
        slot = (slot + 1) & mask
    return -1


@compiled
def enter(index: Numbers, who: int, place: int) -> None:
    """Note in the index where somebody stands who is not in it yet."""
    mask = len(index) - 1
    slot = (who * 0x9E3779B1) & mask
    while index[slot]:
        slot = (slot + 1) & mask
    index[slot] = place + 1


@compiled
def said(edges: Edges, start: int, end: int, who: int) -> int:
    """Return where the edge to somebody stands between two places that are in the order of people, or -1."""
    low, high = start, end
    while low < high:
        middle = (low + high) >> 1
        if edges[middle]["other"] < who:
            low = middle + 1
        else:
            high = middle
    return low if low < end and edges[low]["other"] == who else -1


@compiled
def level_for(heads: Heads, edges: Edges, viewer: int, author: int) -> int:
    """Return up to which audience the viewer belongs among the author's edges: 2 is the author, 1 whom they trust."""
    if author == viewer:
        return 2
    head = heads[author]
    if head["n1"] == head["n0"]:
        return 0
    start = head["start"]
    # An edge that is its author's alone admits nobody: what it opened would tell of it.
    place = said(edges, start, start + head["n0"], viewer)
    if place < 0:
        place = said(edges, start + head["n0"], start + head["n1"], viewer)
    return 1 if place >= 0 and edges[place]["said"] > 0 else 0


@compiled
def usable(heads: Heads, author: int, level: int) -> int:
    """Return how many of the author's edges are for that audience."""
    head = heads[author]
    return head["n0"] if level == 0 else (head["n1"] if level == 1 else head["n2"])  # type: ignore[no-any-return]


@compiled
def flowing(heads: Heads, author: int, level: int) -> float:
    """Return what the weights of the author's positive edges for that audience sum up to."""
    head = heads[author]
    return head["s0"] if level == 0 else (head["s1"] if level == 1 else head["s2"])  # type: ignore[no-any-return]


@compiled
def push(  # noqa: PLR0913, PLR0917 - a compiled loop takes its arrays one by one
    nodes: Nodes,
    reach: Floats,
    heads: Heads,
    edges: Edges,
    queue: Numbers,
    touched: Numbers,
    viewer: int,
    restart: float,
    least: float,
) -> int:
    """Spread one from the viewer until no residual is above its limit; return how many were touched.

    What reaches somebody without a usable edge is lost: all else grows in proportion when it is given back to the
    viewer, and only proportions count.
    """
    touched[0] = viewer
    count = 1
    nodes[viewer]["residual"] = 1.0
    nodes[viewer]["limit"] = np.copysign(np.float32(least * max(1, usable(heads, viewer, 2))), nodes[viewer]["limit"])
    queue[0] = viewer
    size = len(queue)
    first, waiting = 0, 1
    while waiting:
        author = queue[first]
        first = first + 1 if first + 1 < size else 0
        waiting -= 1
        if waiting > _AHEAD:
            ahead = first + _AHEAD
            fetch(edges, heads[queue[ahead if ahead < size else ahead - size]]["start"])
        node = nodes[author]
        residual = node["residual"]
        node["residual"] = _SPENT
        reach[author] += restart * residual
        level = 2 if author == viewer else (level_for(heads, edges, viewer, author) if node["limit"] < 0 else 0)
        total = flowing(heads, author, level)
        if total <= 0:
            continue
        share = (1 - restart) * residual / total
        start = heads[author]["start"]
        end = start + usable(heads, author, level)
        for place in range(start, end):
            if place + _NEXT < end:
                fetch(nodes, edges[place + _NEXT]["other"])
            weight = edges[place]["said"]
            if weight <= 0:
                continue
            other = edges[place]["other"]
            target = nodes[other]
            before, limit = target["residual"], target["limit"]
            if before == 0:
                touched[count] = other
                count += 1
                if limit < 0:
                    seen = usable(heads, other, level_for(heads, edges, viewer, other))
                    limit = np.float32(-least * max(1, seen))
                    target["limit"] = limit
            after = np.float32(before + share * weight)
            target["residual"] = after
            if before <= abs(limit) < after:
                last = first + waiting
                queue[last if last < size else last - size] = other
                waiting += 1
                fetch(heads, other)
    return count


@compiled
def collect(  # noqa: PLR0913, PLR0917 - as above
    nodes: Nodes,
    reach: Floats,
    heads: Heads,
    touched: Numbers,
    count: int,
    places: Places,
    index: Numbers,
    viewer: int,
    least: float,
) -> None:
    """Write down whom a push came to, and leave the nodes as they were before it."""
    for place in range(count):
        if place + _SOON < count:
            soon = touched[place + _SOON]
            fetch(nodes, soon)
            fetch(reach, soon)
        who = touched[place]
        node = nodes[who]
        entry = places[place]
        entry["who"] = who
        entry["reach"] = reach[who]
        entry["residual"] = node["residual"] if node["residual"] != _SPENT else 0.0
        entry["state"] = 0
        enter(index, who, place)
        reach[who] = 0.0
        node["residual"] = 0.0
        if node["limit"] < 0 or who == viewer:
            node["limit"] = np.copysign(np.float32(least * max(1, heads[who]["n0"])), node["limit"])


@compiled
def _add(places: Places, index: Numbers, count: int, who: int, more: float) -> int:
    """Add to somebody's residual; return the count, or -1 where there is no room for another."""
    place = find(index, places, who)
    if place < 0:
        if count >= len(places) or 2 * (count + 1) > len(index):
            return -1
        place = count
        entry = places[place]
        entry["who"] = who
        entry["reach"] = 0.0
        entry["residual"] = 0.0
        entry["state"] = 0
        enter(index, who, place)
        count += 1
    places[place]["residual"] += more
    return count


@compiled
def _shift(places: Places, index: Numbers, count: int, row: Edges, level: int, factor: float) -> int:
    """Add a row's shares, as far as that audience goes, to the residuals; return the count, or -1 without room."""
    total = 0.0
    for edge in row:
        if edge["level"] <= level and edge["said"] > 0:
            total += edge["said"]
    if total > 0:
        for edge in row:
            if edge["level"] <= level and edge["said"] > 0:
                count = _add(places, index, count, edge["other"], factor * edge["said"] / total)
                if count < 0:
                    return -1
    return count


@compiled
def _admits(row: Edges, viewer: int) -> bool:
    """Say whether the author of a row trusts the viewer, as ``level_for`` says it of a row that lies in the graph."""
    for edge in row:
        if edge["other"] == viewer:
            return edge["said"] > 0 and edge["level"] < 2  # type: ignore[no-any-return]  # noqa: PLR2004 - Audience.NOBODY
    return False


@compiled
def shift(
    places: Places, index: Numbers, count: int, viewer: int, author: int, before: Edges, after: Edges, restart: float
) -> int:
    """Set the residuals right for one changed row, exactly. Return the count, or -1 where there is no room."""
    place = find(index, places, author)
    if place < 0 or places[place]["reach"] == 0:
        return count
    factor = (1 - restart) / restart * places[place]["reach"]
    old = 2 if author == viewer else (1 if _admits(before, viewer) else 0)
    new = 2 if author == viewer else (1 if _admits(after, viewer) else 0)
    count = _shift(places, index, count, before, old, -factor)
    return _shift(places, index, count, after, new, factor) if count >= 0 else -1


@compiled
def settle(  # noqa: PLR0913, PLR0917 - as above
    places: Places,
    index: Numbers,
    count: int,
    queue: Numbers,
    heads: Heads,
    edges: Edges,
    viewer: int,
    restart: float,
    least: float,
    suspects: Numbers,
) -> int:
    """Push residuals of either sign until none is above its limit or half a reach; return the count, -1 without room.

    ``suspects`` are those whose rows changed; all who had a residual shifted are among their old and new others.
    """
    size = len(queue)
    first, waiting = 0, 0
    for who in suspects:
        place = find(index, places, who)
        if place >= 0 and not places[place]["state"] & QUEUED:
            places[place]["state"] |= QUEUED
            queue[waiting] = place
            waiting += 1
    while waiting:
        at = queue[first]
        first = first + 1 if first + 1 < size else 0
        waiting -= 1
        entry = places[at]
        entry["state"] &= ~QUEUED
        author = entry["who"]
        residual = entry["residual"]
        level = level_for(heads, edges, viewer, author)
        seen = usable(heads, author, level)
        # Whoever lost most of their reach passes that loss on, be it below their limit: else those who are reached
        # through them alone would be heard after the last who trusts them has taken that back.
        fallen = entry["reach"] > least and -2 * restart * residual > entry["reach"]
        if abs(residual) <= least * max(1, seen) and not fallen:
            continue
        entry["residual"] = 0.0
        entry["reach"] += restart * residual
        total = flowing(heads, author, level)
        if total <= 0:
            continue
        share = (1 - restart) * residual / total
        start = heads[author]["start"]
        for edge in range(start, start + seen):
            weight = edges[edge]["said"]
            if weight <= 0:
                continue
            other = edges[edge]["other"]
            known = find(index, places, other)
            grown = _add(places, index, count, other, share * weight)
            if grown < 0:
                return -1
            known = count if known < 0 else known
            count = grown
            target = places[known]
            # Whether it is above its limit is looked at when its turn comes: the limit needs its row.
            if not target["state"] & QUEUED and abs(target["residual"]) > least:
                target["state"] |= QUEUED
                last = first + waiting
                queue[last if last < size else last - size] = known
                waiting += 1
    return count
