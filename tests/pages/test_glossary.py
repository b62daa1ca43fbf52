"""The glossary explains its words in plain ones, without going round in circles, and knows the words that pages use."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from virtualcell.ui.glossary import WORDS, explain, search, words_in

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "pages").glob("*.py"), *(ROOT / "virtualcell" / "ui").rglob("*.py")])
for name in ("glossary", "glossary_cells", "glossary_trust"):
    FILES.remove(ROOT / "virtualcell" / "ui" / f"{name}.py")  # its lines for the curious are formulas and sources
for name in ("methods", "asked", "code_pages", "code_landscape", "code_for_view", "explore_code", "code_generate"):
    FILES.remove(ROOT / "virtualcell" / "ui" / f"{name}.py")  # a paragraph for a paper and code, in the field's own terms

TECHNICAL = (
    r"latent\w*", r"manifolds?", r"posterior", r"log-likelihood|likelihood", r"gradients?", r"stochastic", r"vectors?",
    r"eigen\w*", r"covarian\w*", r"entrop\w*", r"regression", r"kernels?", r"diffusion", r"basins?", r"saddles?", r"attractors?",
    r"barriers?", r"drifts?", r"embeddings?", r"UMAPs?", r"PCA", r"nats?", r"AUROC", r"FOSCTTM", r"W1", r"MMD", r"RMSE", r"MSE",
    r"L2", r"Wasserstein", r"Sinkhorn", r"McCann", r"quantiles?", r"hyperparamet\w*", r"epochs?", r"tensors?",
    r"transcriptom\w*", r"chromatin", r"ATAC", r"peaks?", r"pseudobulks?", r"modalit\w+", r"multi-?omic\w*", r"autoencoders?",
    r"encoders?", r"decoders?", r"variances?", r"effective rank", r"committors?", r"Pearson", r"Wilcoxon",
    r"Benjamini-Hochberg", r"log2 fold changes?", r"fold changes?", r"adjusted p", r"p-values?", r"baselines?", r"held[- ]out",
    r"landscapes?", r"fates?", r"barcodes?", r"clones?", r"trajector\w+", r"optimal transport", r"transport distance",
    r"energy distance", r"noise D", r"lasso", r"volcanos?", r"dot plots?", r"identifiable", r"pseudotime", r"standard errors?",
    r"intervals?", r"seeds?", r"resting places?", r"valleys?", r"passes", r"ridge", r"provenance", r"calibrat\w+", r"horizons?",
    r"synthetic", r"adversar\w+", r"purity", r"Rand index", r"InfoGAN",
    r"samplers?", r"correlations?",
)  # fmt: skip
"""What a biologist need not know. The list is the test's own, so that a word that the glossary forgets is missed here."""
TECHNICAL_WORD = re.compile(rf"(?<![\w.-])(?:{'|'.join(TECHNICAL)})(?![\w-])", re.IGNORECASE)


def unexplained(text: str) -> set[str]:
    """Technical words of a text that the glossary does not know."""
    return {found[0] for found in TECHNICAL_WORD.finditer(text) if not words_in(found[0])}


def sentences(file: Path) -> list[str]:
    """What a page's file can write on the screen: its strings of several words, without the docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value and id(node) not in alone
    ]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.term)
def test_a_word_is_explained_in_one_to_three_sentences_of_plain_or_explained_words(word):
    assert not unexplained(word.plain)
    assert 1 <= len(re.findall(r"[.!?](?:\s|$)", word.plain)) <= 3


def test_no_explanation_goes_round_in_a_circle():
    uses = {word.term: {other.term for other in words_in(word.plain) if other is not word} for word in WORDS}
    order = list(TopologicalSorter(uses).static_order())  # raises CycleError
    assert len(order) == len(WORDS)


def test_no_name_stands_for_two_words():
    names = [name.casefold() for word in WORDS for name in (word.term, *word.also)]
    assert len(names) == len(set(names))
    for word in WORDS:
        assert all(explain(name) is word for name in (word.term, *word.also))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_words_of_a_page_are_in_the_glossary(file):
    assert not {word for text in sentences(file) for word in unexplained(text)}


def test_the_test_above_sees_a_word_that_nobody_explains():
    assert unexplained("The posterior drifts down a Wasserstein gradient.") == {"posterior", "Wasserstein", "gradient"}


def test_a_word_is_found_by_other_names_and_by_what_it_means():
    assert explain("Attractors").term == "attractor"
    assert explain("W1") is explain("transport distance")
    assert search("umap")[0].term == "map"
    assert "barrier" in [word.term for word in search("climb")]
    assert search("") == WORDS
    assert not search("no such word")
    with pytest.raises(KeyError, match="posterior"):
        explain("posterior")


def _list() -> None:
    from virtualcell.ui.words_list import words_list

    words_list()


def test_the_list_is_made_when_it_is_opened_and_can_be_searched():
    at = AppTest.from_function(_list).run()
    assert not at.exception
    assert not at.markdown
    at.session_state["words-open"] = True
    at.run()
    assert not at.exception
    assert sum(f"**{word.term}**" in block.value for word in WORDS for block in at.markdown) == len(WORDS)
    at.text_input(key="words-sought").set_value("saddle").run()
    assert [block.value.split("**")[1] for block in at.markdown] == ["pass", "barrier"]
    at.text_input(key="words-sought").set_value("posterior").run()
    assert "Nothing here has that name" in at.markdown[0].value
