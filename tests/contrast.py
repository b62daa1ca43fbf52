"""How far apart two colours are: the contrast of WCAG 2.2, and CIELAB distances as colour-blind readers see them."""

from __future__ import annotations

import re

import numpy as np

# Machado, Oliveira & Fernandes 2009, IEEE Trans. Vis. Comput. Graph. 15, table 1, severity 1; on linear RGB.
BLIND = {
    "nothing": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
# IEC 61966-2-1 (sRGB), white D65.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(1)


def rgba(css: str) -> tuple[np.ndarray, float]:
    """Red, green and blue (3,) between 0 and 1, and opacity, of #RRGGBB, rgb() or rgba()."""
    if css.startswith("#"):
        return np.array([int(css[i : i + 2], 16) for i in (1, 3, 5)]) / 255, 1.0
    found = [float(part) for part in re.findall(r"[\d.]+", css)]
    return np.array(found[:3]) / 255, found[3] if len(found) > 3 else 1.0


def linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(css: str) -> float:
    """Relative luminance (WCAG 2.2, glossary), 0 to 1."""
    return float(linear(rgba(css)[0]) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2, glossary), 1 to 21, of opaque colours."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lab(css: str, blind: str = "nothing") -> np.ndarray:
    """CIELAB (3,) of a colour as it is seen with a kind of colour blindness."""
    seen = np.clip(BLIND[blind] @ linear(rgba(css)[0]), 0, 1)
    share = TO_XYZ @ seen / WHITE
    f = np.where(share > (6 / 29) ** 3, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: str, other: str) -> float:
    """CIELAB distance (CIE 1976) between two colours for whoever sees them as most alike."""
    return min(float(np.linalg.norm(lab(one, blind) - lab(other, blind))) for blind in BLIND)
