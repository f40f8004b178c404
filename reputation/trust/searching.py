"""By which way most reach flows to somebody, and whether there is one without a contact: compiled searches (pure)."""

from __future__ import annotations

import heapq
import math

import numpy as np

from reputation.trust.compiling import compiled
from reputation.trust.pushing import Numbers, Places, find, flowing, level_for, usable
from reputation.trust.rows import Edges, Heads


@compiled
def way(
    places: Places, index: Numbers, heads: Heads, edges: Edges, viewer: int, goal: int, restart: float
) -> list[int]:
    """Return the path along which most reach flows from the viewer to the goal, backwards; the goal alone if none."""
    stays = -math.log1p(-restart)
    far = np.full(len(places), np.inf)
    came = np.full(len(places), -1, np.int32)
    done = np.zeros(len(places), np.bool_)
    waiting = [(0.0, viewer, find(index, places, viewer))]
    while waiting:
        length, who, at = heapq.heappop(waiting)
        if done[at]:
            continue
        done[at] = True
        if who == goal:
            break
        if places[at]["reach"] <= 0 and who != viewer:
            continue
        level = level_for(heads, edges, viewer, who)
        total = flowing(heads, who, level)
        start = heads[who]["start"]
        for edge in range(start, start + usable(heads, who, level)):
            if edges[edge]["said"] <= 0:
                continue
            other = edges[edge]["other"] + 0  # as wide a number as the others that wait
            to = find(index, places, other)
            longer = length + stays - math.log(edges[edge]["said"] / total)
            if to >= 0 and not done[to] and longer < far[to]:
                far[to], came[to] = longer, at
                heapq.heappush(waiting, (longer, other, to))
    path = [goal]
    at = find(index, places, goal)
    while at >= 0 and came[at] >= 0:
        at = came[at]
        path.append(places[at]["who"] + 0)
    return path


@compiled
def come_without(
    places: Places, index: Numbers, heads: Heads, edges: Edges, viewer: int, contact: int, raters: Numbers
) -> bool:
    """Say whether any reach would come to one of the raters if none went by the contact."""
    wanted = np.zeros(len(places), np.bool_)
    for rater in raters:
        wanted[find(index, places, rater)] = True
    seen = np.zeros(len(places), np.bool_)
    own = find(index, places, viewer)
    seen[own] = seen[find(index, places, contact)] = True
    waiting = np.empty(len(places), np.int32)
    waiting[0], left = own, 1
    while left:
        left -= 1
        at = waiting[left]
        who = places[at]["who"]
        if places[at]["reach"] <= 0 and who != viewer:
            continue
        start = heads[who]["start"]
        for edge in range(start, start + usable(heads, who, level_for(heads, edges, viewer, who))):
            to = find(index, places, edges[edge]["other"]) if edges[edge]["said"] > 0 else -1
            if to < 0 or seen[to]:
                continue
            if wanted[to]:
                return True
            seen[to] = True
            waiting[left] = to
            left += 1
    return False
