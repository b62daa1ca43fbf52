"""What is remembered goes into the link and comes back; files that readers take away say where they are from."""

from __future__ import annotations

import io
import json
from urllib.parse import parse_qs, urlsplit

import anndata as ad
import mudata
import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from virtualcell.demo import load_bundle
from virtualcell.explore import Annotation, annotate
from virtualcell.explore.export import definitions_in
from virtualcell.schema import LATENT_KEY, UNS_KEY
from virtualcell.ui import downloads
from virtualcell.ui.link import LONGEST


def page() -> None:
    """A page with a control, a remembered text, and buttons that change it."""
    import streamlit as st

    from virtualcell.ui import link

    st.slider("Level", 0, 9, 3, key="level", bind="query-params")
    st.button("Draw", key="draw", on_click=link.remember, args=("drawn-a549", "1.5_2.5"))
    st.button("Forget", key="forget", on_click=link.remember, args=("drawn-a549", None))
    st.button("Too long", key="long", on_click=link.remember, args=("drawn-a549", "x" * 1501))
    st.button("Hide", key="hide", on_click=link.leave_out, args=("drawn-a549",))
    st.text(link.recall("drawn-a549"))
    st.caption(link.address())


def opened(**query: str) -> AppTest:
    at = AppTest.from_function(page, default_timeout=60)
    at.query_params.update(query)
    return at.run()


def test_a_link_brings_back_what_was_remembered_beside_the_controls():
    at = opened(**{"drawn-a549": "7_8", "level": "5"})
    assert at.text[0].value == "7_8"
    assert at.slider(key="level").value == 5
    assert at.query_params == {"drawn-a549": "7_8", "level": "5"}
    assert parse_qs(urlsplit(at.caption[0].value).query) == {"drawn-a549": ["7_8"], "level": ["5"]}


def test_remembering_keeps_the_parameters_of_controls_and_forgetting_takes_its_own_only():
    at = opened(level="5")
    at.button(key="draw").click().run()
    assert at.text[0].value == "1.5_2.5"
    assert at.query_params == {"level": "5", "drawn-a549": "1.5_2.5"}
    again = opened(**at.query_params)
    assert again.text[0].value == "1.5_2.5"
    assert again.slider(key="level").value == 5
    at.button(key="forget").click().run()
    assert at.text[0].value == "None"
    assert at.query_params == {"level": "5"}


def test_the_session_puts_it_back_where_the_address_bar_forgot_it():
    at = opened()
    at.button(key="draw").click().run()
    at.query_params.clear()  # what a visit to another page does
    at.run()
    assert at.query_params == {"drawn-a549": "1.5_2.5"}
    at.button(key="hide").click().run()
    assert at.text[0].value == "1.5_2.5"


def test_a_link_that_is_opened_in_the_same_session_wins():
    at = opened()
    at.button(key="draw").click().run()
    at.query_params["drawn-a549"] = "9_9"
    assert at.run().text[0].value == "9_9"
    assert at.run().text[0].value == "9_9"


def test_what_is_too_long_for_a_link_is_kept_for_the_session_alone():
    at = opened()
    at.button(key="long").click().run()
    assert not at.exception
    assert len("x" * 1501) > LONGEST
    assert "drawn-a549" not in at.query_params
    assert at.text[0].value == "x" * 1501


@pytest.fixture(scope="module")
def a549():
    return load_bundle("a549")


ADDRESS = "http://localhost/trajectories?demo=a549&seed=7"


def check(found: dict, b) -> None:
    record = b.model.record
    assert found["digest"] == record["digest"]
    assert found["version"] == record["version"]
    assert int(found["seed"]) == record["seed"]
    assert json.loads(found["settings"]) == b.model.settings.to_dict()
    assert found["link"] == ADDRESS
    assert found["source"] == b.demo.citation


def named(b) -> Annotation:
    """Every third cell is called "mine"."""
    rows = np.arange(0, b.cells.n_obs, 3)
    return annotate(b.cells.obs_names, [("mine", rows)], "my groups", definitions={"mine": ("group", "every third", "")})


def test_h5ad_has_states_annotations_and_where_it_is_from(a549, tmp_path):
    mine = np.where(np.arange(a549.cells.n_obs) % 3 == 0, "mine", "unknown")
    path = tmp_path / "cells.h5ad"
    path.write_bytes(downloads.h5ad(a549, ADDRESS, [named(a549)]))
    found = ad.read_h5ad(path)
    rows = a549.cells.obs_names.get_indexer(found.obs_names)
    np.testing.assert_array_equal(found.obsm[LATENT_KEY], a549.state[rows])
    np.testing.assert_array_equal(found.obsm["X_umap"], a549.umap2[rows])
    np.testing.assert_array_equal(found.obs["my groups"].astype(str), mine[rows])
    np.testing.assert_array_equal(found.obs["time_h"].astype(float), a549.cells.obs["time_h"].to_numpy(float)[rows])
    assert UNS_KEY not in a549.cells.mod["rna"].uns or "link" not in a549.cells.mod["rna"].uns[UNS_KEY]
    check(found.uns[UNS_KEY], a549)
    (definition,) = definitions_in(found.uns[UNS_KEY])["my groups"]
    assert (definition["name"], definition["how"], definition["what"]) == ("mine", "group", "every third")


def test_h5mu_has_states_annotations_and_where_it_is_from(a549, tmp_path):
    mine = np.where(np.arange(a549.cells.n_obs) % 3 == 0, "mine", "unknown")
    path = tmp_path / "cells.h5mu"
    path.write_bytes(downloads.h5mu(a549, ADDRESS, [named(a549)]))
    found = mudata.read_h5mu(path)
    np.testing.assert_array_equal(found.obsm[LATENT_KEY], a549.state)
    np.testing.assert_array_equal(found.obs["my groups"].astype(str), mine)
    assert set(found.mod) == {"rna", "atac"}
    assert "my groups" not in a549.cells.obs
    check(found.uns[UNS_KEY], a549)
    (definition,) = definitions_in(found.uns[UNS_KEY])["my groups"]
    assert (definition["name"], definition["how"], definition["what"]) == ("mine", "group", "every third")


def test_table_of_states_has_what_the_reader_named(a549):
    mine = np.where(np.arange(a549.cells.n_obs) % 3 == 0, "mine", "unknown")
    table = pd.read_csv(io.StringIO(downloads.states(a549, [named(a549)]).to_csv(index=False)))
    assert list(table["my groups"]) == list(mine)
    assert table["cell"].tolist() == a549.cells.obs_names.tolist()


def test_a_table_says_the_link_of_the_view_on_top(monkeypatch):
    def page() -> None:
        import pandas as pd
        import streamlit as st

        from virtualcell.ui import state
        from virtualcell.ui.parts import table_download

        st.slider("Level", 0, 9, 3, key="level", bind="query-params")
        table_download(state.bundle("kang"), pd.DataFrame({"a": [1.5]}), "some")

    given = []
    monkeypatch.setattr("streamlit.download_button", lambda label, data, **others: given.append(data))
    at = AppTest.from_function(page, default_timeout=60)
    at.query_params["level"] = "5"
    at.run()
    assert not at.exception
    (text,) = given
    head = dict(line.removeprefix("# ").split(": ", 1) for line in text.splitlines() if line.startswith("# "))
    assert head["link"] == "?level=5"
    assert head["data sha256"] == load_bundle("kang").model.record["digest"]
    assert pd.read_csv(io.StringIO(text), comment="#")["a"].tolist() == [1.5]
