"""What turning a continuous code does to an image, in plain measurements of it."""

from __future__ import annotations

import numpy as np

from virtualcell.generative.images import ImageCodes


def readings(images: np.ndarray) -> dict[str, np.ndarray]:
    """Plain measurements of (n, 32, 32, 3) uint8 images, (n,) each.

    lightness: mean of the pixels, 0 black to 1 white; colourfulness: mean distance of the largest from the smallest of red, green
    and blue; red over blue: mean of red minus blue; size: root mean square distance (pixels) from the middle of what differs from
    the edge's colour; off centre: how far (pixels) that middle is from the image's; pale centre: lightness of the middle minus
    that of the ring around it; grain: mean absolute second difference.
    """
    x = images.astype(float) / 255
    grey, side = x.mean(3), images.shape[1]
    edge = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    differs = np.abs(x - np.median(edge, axis=1)[:, None, None]).mean(3)
    weight = differs / np.maximum(differs.sum((1, 2), keepdims=True), 1e-9)
    place = np.arange(side) - (side - 1) / 2
    down, right = (weight.sum(2) * place).sum(1), (weight.sum(1) * place).sum(1)
    square = (place[None, :, None] - down[:, None, None]) ** 2 + (place[None, None, :] - right[:, None, None]) ** 2
    from_middle = np.hypot(place[:, None], place[None, :]) / side
    middle, ring = from_middle < 0.16, (from_middle > 0.25) & (from_middle < 0.4)
    bends = 4 * grey[:, 1:-1, 1:-1] - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1] - grey[:, 1:-1, :-2] - grey[:, 1:-1, 2:]
    return {
        "lightness": grey.mean((1, 2)),
        "colourfulness": (x.max(3) - x.min(3)).mean((1, 2)),
        "red over blue": (x[..., 0] - x[..., 2]).mean((1, 2)),
        "size": np.sqrt((weight * square).sum((1, 2))),
        "off centre": np.hypot(down, right),
        "pale centre": grey[:, middle].mean(1) - grey[:, ring].mean(1),
        "grain": np.abs(bends).mean((1, 2)),
    }


def effects_at(
    codes: ImageCodes, real: np.ndarray, category: int, at: tuple[float, ...], n: int = 100, seed: int = 0
) -> list[dict[str, float]]:
    """Of each continuous code the same as ``effects``, for images of one category and the other codes ``at`` their places: in
    standard deviations of a reading among ``real``, which are photographs of this category."""
    spread = {name: float(values.std()) for name, values in readings(real).items()}
    found = []
    for which in range(codes.n_continuous):
        ends = np.tile(np.asarray(at, dtype=np.float32), (2, n, 1))
        ends[0, :, which], ends[1, :, which] = -1, 1
        before, after = (readings(codes.draw(np.full(n, category), end, seed)) for end in ends)
        found.append({name: float((after[name] - before[name]).mean() / max(spread[name], 1e-9)) for name in spread})
    return found


def effects(codes: ImageCodes, real: np.ndarray, n: int = 100, seed: int = 0) -> list[dict[str, float]]:
    """Of each continuous code, the mean change of every reading as it goes from -1 to 1, all else held, in standard deviations of
    that reading among real images. n: images a code is judged on, their categories drawn by the prior."""
    spread = {name: float(values.std()) for name, values in readings(real).items()}
    rng = np.random.default_rng(seed)
    category = rng.choice(codes.n_categories, n, p=codes.prior / codes.prior.sum())
    others = rng.uniform(-1, 1, (n, codes.n_continuous))
    found = []
    for which in range(codes.n_continuous):
        low, high = others.copy(), others.copy()
        low[:, which], high[:, which] = -1, 1
        before, after = (readings(codes.draw(category, values, seed)) for values in (low, high))
        found.append({name: float((after[name] - before[name]).mean() / spread[name]) for name in spread})
    return found
