"""Words on every page, light and dark, against what is behind them: WCAG 2.2, 1.4.3 (text) and 1.4.11 (icons), level AA."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import pytest

from tests.browser.reader import RESTED
from tests.contrast import contrast, rgba
from virtualcell.ui.frame import PAGES

pytestmark = pytest.mark.browser

SHOWN = {"explore": "kang", "modalities": "cite", "trajectories": "larry", "perturb": "norman", "landscape": "switch"}
"""The demo with which a page has most to say; others: a549."""

LARGE, LARGE_BOLD = 24.0, 18.66
"""Pixels from which text is large (WCAG 2.2, glossary: 18 and, bold, 14 points) and needs 3 : 1 only."""

# Every word that is seen, with its colour and the grounds behind it, nearest first, down to an opaque one. What cannot be used
# needs no contrast. Of drawings only words beside the data are asked: what is behind the others is data.
WORDS = r"""() => {
  const beside = '.xtick, .ytick, .legendtext, .legendtitletext, .xtitle, .ytitle, .cbaxis, .cbtitle';
  const found = [];
  const seen = element => element.checkVisibility({opacityProperty: true, visibilityProperty: true})
    && !element.closest('[disabled], [aria-disabled="true"], [inert]');
  const ask = (element, words, colour) => {
    const box = element.getBoundingClientRect();
    if (!words.trim() || box.width < 2 || box.height < 2 || !seen(element)) return;
    const drawn = element.closest('svg');
    if (drawn && !element.closest(beside)) return;
    const style = getComputedStyle(element);
    const grounds = [];
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) {
      const own = getComputedStyle(at);
      opacity *= parseFloat(own.opacity);
      if (own.backgroundImage !== 'none' && !own.backgroundImage.includes('url')) return;
      // What stands beside its parent, as the number over a slider's handle does, is not before it.
      const around = at.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
      const before = around.left <= x && x <= around.right && around.top <= y && y <= around.bottom
        || at.matches('html, body, [data-testid="stApp"], [data-testid="stMain"]');  // scrolled, they end before their words do
      if (before && !(at instanceof SVGElement)) grounds.push(own.backgroundColor);
    }
    found.push({words: words.trim().slice(0, 60), colour: colour || (drawn ? style.fill : style.color), grounds, opacity,
      size: parseFloat(style.fontSize), weight: parseFloat(style.fontWeight) || 400,
      icon: /Material|icon/i.test(style.fontFamily)});
  };
  const walker = document.createTreeWalker(document.querySelector('[data-testid="stApp"]'), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (!['STYLE', 'SCRIPT', 'NOSCRIPT', 'TEXTAREA'].includes(node.parentElement.tagName))
      ask(node.parentElement, node.textContent);
  for (const field of document.querySelectorAll('input:not([type]), input[type=text], input[type=number], textarea'))
    if (field.value) ask(field, field.value);
    else ask(field, field.placeholder || '', getComputedStyle(field, '::placeholder').color);
  return found;
}"""


def over(front: str, behind: np.ndarray, opacity: float = 1.0) -> np.ndarray:
    """What is seen of a colour, perhaps translucent, before an opaque one: (3,) between 0 and 1."""
    colour, alpha = rgba(front)
    return alpha * opacity * colour + (1 - alpha * opacity) * behind


def css(colour: np.ndarray) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in colour)


def ratio(word: dict) -> float:
    """Contrast of a word as it is seen; white is behind the page."""
    ground = np.ones(3)
    for layer in reversed(word["grounds"]):
        ground = over(layer, ground)
    return contrast(css(over(word["colour"], ground, word["opacity"])), css(ground))


def needed(word: dict) -> float:
    large = word["size"] >= LARGE or (word["size"] >= LARGE_BOLD and word["weight"] >= 700)
    return 3.0 if large or word["icon"] else 4.5


def test_what_is_translucent_is_mixed_with_what_is_behind_it() -> None:
    word = {"colour": "rgba(0, 0, 0, 0.5)", "grounds": ["rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"], "opacity": 1.0}
    assert ratio(word) == pytest.approx(contrast("#808080", "#FFFFFF"), rel=0.01)
    assert ratio(word | {"opacity": 0.5}) == pytest.approx(contrast("#BFBFBF", "#FFFFFF"), rel=0.01)
    assert ratio(word | {"colour": "rgb(255, 255, 255)", "grounds": ["rgba(0, 0, 0, 0.5)"]}) == pytest.approx(3.95, abs=0.05)
    assert needed({"size": 24.0, "weight": 400, "icon": False}) == needed({"size": 19.0, "weight": 700, "icon": False}) == 3.0
    assert needed({"size": 23.0, "weight": 600, "icon": False}) == 4.5


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", [PurePath(file).stem for file, _ in PAGES])
def test_words_stand_out(browser, app, page: str, theme: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 4000}, color_scheme=theme)
    try:
        tab = context.new_page()
        tab.goto(f"{app}/{'' if page == 'home' else page}?demo={SHOWN.get(page, 'a549')}")
        calm = 0
        for _ in range(900):
            calm = calm + 1 if tab.evaluate(RESTED) else 0
            if calm >= 10:
                break
            tab.wait_for_timeout(100)
        assert calm >= 10, "the page never came to rest"
        words = tab.evaluate(WORDS)
    finally:
        context.close()
    assert len(words) > 20, "there is hardly a word on the page"

    low = {
        f"{found:.2f} of {needed(word)}: {word['words']!r} {word['colour']} ({word['size']:g} px)"
        for word in words
        if (found := ratio(word)) < needed(word) - 0.005
    }
    assert low == set()
