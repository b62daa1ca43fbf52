"""The answers of the page in words: is one measurement told by the other, does one code pay, which way of joining is best?"""

from __future__ import annotations

from typing import Any

import numpy as np

from virtualcell.ui.modalities import called

NUMBER_ALONE = "number of open peaks alone, from RNA"
"""The method that foretells how many peaks of a cell are open, and nothing of which ones."""

OURS, FUSION = "VirtualCell", "fusion: "
"""Names of methods in the rows of a benchmark."""

JOINED = {
    "early": ("side by side", "one network reads all measurements at once"),
    "early_frozen": (
        "side by side, features fixed",
        "each measurement is first summed up by itself, in features that then stay fixed, and one network reads these",
    ),
    "product": (
        "opinions multiplied",
        "each measurement says by itself where the cell is and how surely; the surer one counts more",
    ),
    "mixture": ("opinions averaged", "each measurement learns to find the cell by itself; what they say is averaged"),
    "attention": ("attention", "for each cell a network weighs how much each measurement counts"),
    "two_stream": ("two streams", "each measurement is read by itself and in the light of the other, half and half"),
    "late": (
        "apart to the end",
        "each measurement has a description of its own and only conclusions are combined, so neither tells of the other",
    ),
}
"""Ways of joining measurements: what the page calls each, and what it does."""


def method_called(method: str) -> str:
    """A method of the benchmark as the page calls it."""
    name = method.removeprefix(FUSION)
    return f"joined: {JOINED[name][0] if name in JOINED else name}" if method.startswith(FUSION) else method


def best_joining(board: dict[str, Any], own: str) -> str:
    """Which way of joining is best by the rows, what VirtualCell adds to its own, and which of all methods comes first.

    board: the leaderboard of a benchmark. own: name of the way in which VirtualCell joins. A way is said to be best where its
    interval lies clear of those of all other ways.
    """
    rows = {row["method"]: row["values"] for row in board["rows"]}
    ways = {name.removeprefix(FUSION): values for name, values in rows.items() if name.startswith(FUSION)}
    best: dict[str, list[str]] = {}
    unclear: list[str] = []
    ahead: list[str] = []
    for place, column in enumerate(board["columns"]):
        sign = 1 if board["higher_is_better"][place] else -1
        found = {name: np.sort(sign * np.array(values[place])) for name, values in ways.items() if values[place] is not None}
        if column.endswith("seconds") or len(found) < 2:
            continue
        first = max(found, key=lambda name: found[name][1])
        low = found[first][0]
        # Without an interval nothing is clear.
        clear = low < found[first][2] and all(low > bounds[2] for name, bounds in found.items() if name != first)
        (best.setdefault(first, []) if clear else unclear).append(f"*{column}*")
        ours = rows.get(OURS, [None] * len(board["columns"]))[place]
        if ours is not None and sign * ours[0] > found[first][1]:
            ahead.append(f"*{column}*")
    said = []
    if best:
        winners = "; ".join(f"{JOINED[name][0] if name in JOINED else name} by {_listed(by)}" for name, by in best.items())
        rest = f"; by the other {len(unclear)} measures none stands clear of the rest" if unclear else ""
        said.append(f"**Of {len(ways)} ways of joining, best here: {winners}{rest}.**")
    elif unclear:
        said.append(
            f"**None of {len(ways)} ways of joining stands clear of the others here**, by any of {len(unclear)} measures."
        )
    if ahead and own in JOINED:
        said.append(
            f"VirtualCell (joined: {JOINED[own][0]}) adds a conversion step, with which it comes out ahead of all of them "
            f"by {_listed(ahead)}."
        )
    sign = 1 if board["higher_is_better"][0] else -1
    means = {name: values[0][0] for name, values in rows.items() if values[0] is not None}
    order = sorted(means, key=lambda name: -sign * means[name])
    if len(order) > 1:
        first = order[0]
        other = OURS if first != OURS and OURS in means else order[1]
        said.append(
            f"Of all methods, {method_called(first)} comes first by *{board['columns'][0]}* ({means[first]:.3f}; "
            f"{'' if other == OURS else 'next '}{method_called(other)} {means[other]:.3f})."
        )
    return " ".join(said)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{'; '.join(names[:-1])} and {names[-1]}"


def number_alone(board: dict[str, Any]) -> str:
    """How much better than by the average cell unseen cells are predicted, and how much of it the number of open peaks gives.

    Empty where the leaderboard has no such gain.
    """
    place = next((i for i, name in enumerate(board["columns"]) if "gain, nats" in name), None)
    gain = {row["method"]: row["values"][place] for row in board["rows"]} if place is not None else {}
    ours, alone = gain.get(OURS), gain.get(NUMBER_ALONE)
    if place is None or ours is None:
        return ""
    way = board["columns"][place].split(":")[0].replace("ATAC", called("atac"))
    total = ours[0]
    if total <= 0:
        return f"{way}, unseen cells are predicted no better than by the average cell ({total:+.1f} nats a cell)."
    said = f"{way}, unseen cells are predicted {total:.1f} nats a cell better than by the average cell"
    if alone is None:
        return f"{said}."
    if alone[0] >= total:
        return f"{said}; the number of open peaks alone gives as much ({alone[0]:.1f})."
    if alone[0] <= 0:
        return f"{said}; the number of open peaks alone gives nothing."
    return f"{said}; of the {total:.1f} nats, {alone[0]:.1f} come from the number of open peaks alone."


def joint_code(code: dict[str, Any]) -> tuple[bool | None, str]:
    """Whether one joint code pays (None: not told), and the same as a sentence with its figures."""
    mean, low, high = code["pairs"]["true"]["difference"]
    apart = "two separate codes of the same total size"
    if low == high:
        return None, f"Not told from one split (joint minus separate {mean:+.1f} nats a cell)."
    worth, at_least, _ = code["pairing"]
    paired = f"the true pairing is worth {worth:.1f} nats a cell to the joint code"
    if low > 0:
        said = f"Yes: one code of {code['d']} numbers describes unseen cells better than {apart}, by {mean:.1f} nats a cell"
        return True, f"{said} (95 % interval {low:.1f} to {high:.1f})."
    if high < 0:
        said = f"No: {apart} ({code['d']} numbers) describe unseen cells better, by {-mean:.1f} nats a cell"
        said += f" (95 % interval {-high:.1f} to {-low:.1f})"
    else:
        said = f"Not shown: {apart} ({code['d']} numbers) do as well"
        said += f" (joint minus separate {mean:+.1f} nats a cell, 95 % interval {low:.1f} to {high:.1f})"
    return (False if high < 0 else None), f"{said}{f', although {paired}' if at_least > 0 else ''}."


def verdict(relation: str, related: bool, code: dict[str, Any]) -> str:
    """Both questions in one sentence: is one told by the other, and does it pay to describe them by one code?"""
    pays, _ = joint_code(code)
    clause = {
        True: "one joint code of both pays",
        False: "one joint code of both does not pay",
        None: "one joint code of both is not shown to pay",
    }[pays]
    return f"{relation.rstrip('.')}, {'and' if related == bool(pays) else 'but'} {clause}."
