"""A newcomer in a real browser: opens Home, takes the tour to its end, looks words up, and scrolls in one direction only."""

from __future__ import annotations

import pytest

from tests.browser.test_journey import Reader
from virtualcell.ui.tour_steps import STEPS

pytestmark = pytest.mark.browser


@pytest.fixture
def reader(browser, app):
    found = Reader(browser, app)
    yield found
    found.page.close()


def band(reader: Reader, number: int):
    """The band of the tour, once it says this step."""
    found = reader.page.locator(".st-key-tour", has_text=f"Tour, {number} of {len(STEPS)}")
    found.wait_for(timeout=60_000)
    return found


def test_the_tour_from_home_to_its_end(reader):
    reader.go("")
    reader.page.get_by_role("button", name="Take the tour").click()
    for number, step in enumerate(STEPS, start=1):
        said = band(reader, number).inner_text()
        reader.rest()
        assert step.title in said
        assert f"tour={number}" in reader.page.url
        assert f"demo={step.demo}" in reader.page.url
        # The band leaves room for what it speaks of.
        assert band(reader, number).bounding_box()["height"] < 200
        assert reader.page.locator(".js-plotly-plot").count() >= 1
        reader.check()
        if number < len(STEPS):
            reader.page.get_by_role("button", name="Next", exact=True).click()
    reader.page.get_by_role("button", name="Finish").click()
    reader.page.locator(".st-key-tour").wait_for(state="detached", timeout=60_000)
    reader.rest()
    assert "tour=" not in reader.page.url
    reader.check()


def test_a_step_is_restored_by_its_link_and_left_by_the_navigation(reader):
    reader.go("?tour=2")
    assert "explore" in reader.page.url
    assert "colour-a549=a+gene" in reader.page.url
    band(reader, 2)
    reader.page.get_by_role("link", name="Landscape").click()
    reader.page.wait_for_url("**/landscape*")
    reader.rest()
    assert reader.page.locator(".st-key-tour", has_text="You left the tour").count() == 1
    reader.page.get_by_role("button", name="Leave").click()
    reader.page.locator(".st-key-tour").wait_for(state="detached", timeout=60_000)
    reader.check()


def test_words_are_looked_up_on_any_page_and_the_page_does_not_run_again(reader):
    reader.go("card?demo=a549")
    reader.page.get_by_role("button", name="Words").click()
    field = reader.page.get_by_label("Look up")
    field.wait_for(timeout=30_000)
    field.fill("attractor")
    field.press("Enter")
    found = reader.page.locator('[data-testid="stPopoverBody"]')
    found.get_by_text("A resting place: the lowest point of a valley").wait_for(timeout=30_000)
    found.get_by_text("Wilcoxon rank-sum test", exact=True).wait_for(state="detached", timeout=30_000)
    reader.check()


def test_home_fits_a_small_window_and_leads_to_what_it_found(reader):
    reader.page.set_viewport_size({"width": 900, "height": 900})
    reader.go("?demo=a549")
    wide = """() => [document.documentElement, document.querySelector('[data-testid="stMain"]')]
      .map(e => e.scrollWidth - e.clientWidth)"""
    assert max(reader.page.evaluate(wide)) <= 1
    # Every small map was loaded and is as wide as its card lets it be.
    images = reader.page.evaluate(
        "() => [...document.querySelectorAll('[class*=st-key-card-] img')].map(i => [i.complete, i.naturalWidth, i.clientWidth])"
    )
    assert len(images) >= 7
    assert all(done and natural == 360 and shown > 150 for done, natural, shown in images)
    reader.page.get_by_role("button", name="Watch the cells move").click()
    reader.page.wait_for_url("**/trajectories*")
    reader.rest()
    assert "demo=a549" in reader.page.url
    reader.check()


def test_a_card_far_down_shows_its_cells_at_the_top(reader):
    reader.go("?demo=a549")
    button = reader.page.locator(".st-key-show-kang button")
    button.scroll_into_view_if_needed()
    button.click()
    reader.page.get_by_text("81-fold").wait_for(timeout=60_000)
    reader.rest()
    reader.page.wait_for_timeout(1500)  # it scrolls smoothly
    top = reader.page.get_by_text("81-fold").first.bounding_box()["y"]
    assert 0 <= top < 900, "the reader sees what was chosen"
    reader.check()
