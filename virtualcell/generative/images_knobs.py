"""What turning a continuous code does to an image, in plain measurements of it."""

from __future__ import annotations

import numpy as np

from virtualcell.generative.images import ImageCodes


def readings(images: np.ndarray) -> dict[str, np.ndarray]:
    """Plain measurements of (n, 32, 32, 3) uint8 images, (n,) each.

    Of the middle, where a cell is, and of the ground, which is the edge: lightness, 0 black to 1 white; red over blue, red minus
    blue; and of the middle purple, the mean of red and blue minus green. size: root mean square distance (pixels) from the middle
    of what differs from the edge's colour; off centre: how far (pixels) that middle is from the image's; pale centre: lightness
    of the centre minus that of the ring around it; grain: mean absolute second difference.
    """
    x = images.astype(float) / 255
    grey, side = x.mean(3), images.shape[1]
    place = np.arange(side) - (side - 1) / 2
    from_middle = np.hypot(place[:, None], place[None, :]) / side
    middle, ring = from_middle < 0.16, (from_middle > 0.25) & (from_middle < 0.4)
    cell = x[:, from_middle < 0.3].mean(1)
    edge = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    differs = np.abs(x - np.median(edge, axis=1)[:, None, None]).mean(3)
    weight = differs / np.maximum(differs.sum((1, 2), keepdims=True), 1e-9)
    down, right = (weight.sum(2) * place).sum(1), (weight.sum(1) * place).sum(1)
    square = (place[None, :, None] - down[:, None, None]) ** 2 + (place[None, None, :] - right[:, None, None]) ** 2
    ground = edge.mean(1)
    bends = 4 * grey[:, 1:-1, 1:-1] - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1] - grey[:, 1:-1, :-2] - grey[:, 1:-1, 2:]
    return {
        "lightness": cell.mean(1),
        "red over blue": cell[:, 0] - cell[:, 2],
        "purple": (cell[:, 0] + cell[:, 2]) / 2 - cell[:, 1],
        "lightness of the ground": ground.mean(1),
        "red over blue of the ground": ground[:, 0] - ground[:, 2],
        "size": np.sqrt((weight * square).sum((1, 2))),
        "off centre": np.hypot(down, right),
        "pale centre": grey[:, middle].mean(1) - grey[:, ring].mean(1),
        "grain": np.abs(bends).mean((1, 2)),
    }


def effects(
    codes: ImageCodes, real: np.ndarray, category: int, at: tuple[float, ...], n: int = 100, seed: int = 0
) -> list[dict[str, float]]:
    """Of each continuous code, the mean change of every reading as it goes from -1 to 1 in images of one category, in standard
    deviations of that reading among ``real``; the other codes stay ``at`` their places, and chance is held. n: images a code is
    judged on."""
    spread = {name: float(values.std()) for name, values in readings(real).items()}
    found = []
    for which in range(codes.n_continuous):
        ends = np.tile(np.asarray(at, dtype=np.float32), (2, n, 1))
        ends[0, :, which], ends[1, :, which] = -1, 1
        before, after = (readings(codes.draw(np.full(n, category), end, seed)) for end in ends)
        found.append({name: float((after[name] - before[name]).mean() / max(spread[name], 1e-9)) for name in spread})
    return found
