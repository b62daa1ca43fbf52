"""The words on the pages, explained in plain ones: data, and how to look a word up. No Streamlit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Word:
    """A term, one or two plain sentences on it, and a line with the formula or the source for the curious."""

    term: str
    plain: str
    curious: str = ""
    also: tuple[str, ...] = ()
    """Other names of it on the pages, without plurals in -s."""


CELLS = (
    Word(
        "model",
        "Here: a program whose numbers were set by going through measured cells, again and again, until it described them well.",
        "A multi-omic autoencoder and a predictor; all settings are on the page Data & model card.",
    ),
    Word(
        "cell state",
        "A short list of numbers that sums up what was measured in one cell. Cells with similar lists are read as alike. In a "
        "file it can also be the name that its authors gave to a kind of cell.",
        "z, 16 numbers unless set otherwise, of the encoder's mean; obsm['X_vc'] in files.",
        ("state",),
    ),
    Word("epoch", "One time through all cells that a model learns from. Training takes many."),
    Word(
        "latent",
        "All possible cell states together; each number of a state is one direction. Latent means hidden: the model finds these "
        "numbers itself, nobody measured them.",
        "The space R^d of the autoencoder's code z.",
        ("latent space", "latent coordinate", "joint code"),
    ),
    Word(
        "autoencoder",
        "The part of the model that turns what was measured in a cell into its cell state, and back.",
        "An encoder and a decoder for each modality; the opinions of the encoders are multiplied (product of experts).",
        ("encoder", "decoder"),
    ),
    Word(
        "map",
        "A flat picture of the cells: each point is a cell, and neighbours have similar cell states. Distances between far "
        "groups, and the two directions of the picture, mean little.",
        "UMAP of the states, 15 neighbours, minimum distance 0.3 (McInnes et al. 2018).",
        ("embedding", "UMAP"),
    ),
    Word(
        "modality",
        "One kind of measurement made in a cell: RNA, open chromatin or surface proteins.",
        "Each has a likelihood of its own: negative binomial for RNA, Bernoulli for open chromatin.",
        ("modalities", "assay"),
    ),
    Word(
        "ATAC",
        "A measurement of which stretches of DNA lie open in a cell, so that it can read them.",
        "Assay for transposase-accessible chromatin (Buenrostro et al. 2013).",
        ("open chromatin", "chromatin"),
    ),
    Word(
        "ATAC peak",
        "A stretch of DNA, some hundred letters long, that ATAC finds open in some of the cells.",
        "Named chromosome-start-end.",
        ("peak", "open peak"),
    ),
    Word(
        "counts per 10,000",
        "Of every 10,000 RNA molecules counted in a cell, how many came from this gene. It makes cells comparable in which more "
        "or fewer molecules were caught.",
        "10,000 x count / total of the cell; 'log-normalised' is log(1 + that).",
        ("log-normalised",),
    ),
    Word("treatment", "What was done to cells on purpose: a drug, a signal, or a gene switched on or off."),
    Word("control", "The cells that got no treatment, beside which treated ones are judged.", also=("untreated",)),
    Word(
        "batch",
        "Cells that were handled together in the laboratory. A difference between batches can come from the handling alone.",
    ),
    Word("donor", "The person or animal that cells were taken from. Cells of one donor do not replace more donors."),
    Word(
        "barcode",
        "A short piece of DNA put into a cell that all its descendants inherit, so that relatives can be recognised.",
        "Lineage tracing (Weinreb et al. 2020).",
        ("clone barcode",),
    ),
    Word("clone", "All descendants of one cell, recognised by the barcode that they share."),
    Word("marker gene", "A gene by whose activity a kind of cell is commonly recognised.", also=("marker",)),
    Word("gene set", "A named list of genes that act together, for example the genes that answer to interferon."),
    Word(
        "simulated",
        "Computed, not measured. The right answer is known, so one can see whether the method finds it. It says nothing about "
        "biology.",
    ),
    Word(
        "pseudobulk",
        "The counts of all cells of a sample, added up as if they had been measured in one tube. Samples are then compared, not "
        "single cells, which is the fairer test.",
        "Squair et al., Nature Communications 12, 5692 (2021).",
    ),
)

MOTION = (
    Word(
        "snapshot",
        "Cells measured at one moment. Measuring destroys a cell, so no cell is ever seen twice.",
    ),
    Word(
        "trajectory",
        "The way that a cell is predicted to take through time, state by state. It is computed from snapshots: no single cell "
        "was followed.",
        "dz = [-grad U(z) + B] dt + sqrt(2 D) dW, Euler-Maruyama steps.",
        ("trajectories", "rollout", "path"),
    ),
    Word(
        "noise D",
        "Chance, which makes cells with the same state end apart. D says how strong it is.",
        "The D of sqrt(2 D) dW; learned from how wide populations are, unless it is told.",
        ("noise", "diffusion", "unit of D"),
    ),
    Word(
        "energy",
        "A number that the model learned for every cell state: cells tend to go where it is lower, as a ball rolls downhill. It "
        "is not the energy that a cell lives on.",
        "The potential U(z), in units of D.",
        ("potential",),
    ),
    Word(
        "drift",
        "The part of the movement that has a direction: where cells of a state go on average, with the noise left out.",
        "-grad U(z), and the push of a treatment where there is one.",
    ),
    Word(
        "landscape",
        "The energy drawn as a surface with highs and lows, so that one can see where cells roll to.",
        "U is minimised over all directions that are not drawn; it is not a density of cells.",
    ),
    Word(
        "valley",
        "A hollow of the landscape: all states from which the way down leads to the same lowest point.",
        "The basin of attraction of a minimum of U.",
        ("basin",),
    ),
    Word(
        "attractor",
        "A resting place: the lowest point of a valley. Cells nearby move towards it and stay around it.",
        "A point where grad U = 0 and U curves upwards in all directions.",
        ("resting place",),
    ),
    Word(
        "barrier",
        "How far a cell must climb on the landscape to get from one valley into another, by the lowest way.",
        "U at the saddle minus U at the attractor, in units of D.",
    ),
    Word(
        "pass",
        "The lowest way over the hill between two valleys; its highest point is the saddle.",
        "A minimum-energy path (string method, E, Ren & Vanden-Eijnden 2007).",
        ("passes", "saddle"),
    ),
    Word(
        "fate",
        "What becomes of a cell's descendants: the kind of measured cells among which they end.",
        "By the 15 nearest measured states.",
    ),
    Word(
        "growth",
        "How much faster some cells divide, or die, than others. A kind of cell can become common by growth without any other "
        "cell turning into it.",
        "g of dw/w = g(z, t) dt.",
    ),
    Word(
        "not identifiable",
        "What these data cannot tell, however long one computes: several answers fit them equally well.",
        also=("identifiable", "cannot be told apart"),
    ),
    Word(
        "which one first",
        "The chance that a cell reaches one resting place before another.",
        "The committor q: the backward equation D lap q - grad U . grad q = 0.",
        ("committor",),
    ),
    Word(
        "push",
        "What a treatment, or an edit of genes, does to the states of cells: the direction and how far they are moved.",
    ),
    Word("dose", "How strong a push is, in multiples of the one that was measured."),
    Word(
        "model sensitivity",
        "How much the model's reading of a cell depends on a gene. It does not say that the gene causes anything in real cells.",
    ),
    Word(
        "inside measured range",
        "Whether a predicted state lies where measured cells lie. Outside, nothing checks the model.",
        "Distance to the nearest training cells against the distances among them.",
        ("in domain", "training domain"),
    ),
    Word(
        "horizon",
        "How far ahead a prediction was tested. Nothing is drawn beyond it.",
    ),
)

TRUST = (
    Word(
        "held out",
        "Hidden from the model while it learned. Only on such cells does a good prediction mean something.",
        also=("held-out", "kept out", "unseen"),
    ),
    Word(
        "baseline",
        "A simple rule, such as 'nothing changes', that a model must beat to be worth anything.",
        also=("simple rule", "simple prediction"),
    ),
    Word(
        "noise floor",
        "How much two halves of the same measured cells differ. No prediction can be expected to come closer than that.",
        also=("floor", "ceiling"),
    ),
    Word(
        "interval",
        "The range that a number would mostly lie in if the same were done again. Two numbers whose ranges overlap may well be "
        "equal.",
        "95 %: of 100 intervals made this way, about 95 hold the true value. Each page says over what: cells, fits or splits.",
        ("95 % interval", "confidence interval"),
    ),
    Word("standard error", "How far an average is usually off because only some cells were measured."),
    Word("seed", "The number that starts the computer's chance. The same seed gives the same result.", also=("random seed",)),
    Word("rerun", "The same done again with another seed, to see how much a result owes to luck."),
    Word(
        "energy distance",
        "How different two groups of cells are as a whole: 0 if they are alike. It has nothing to do with the landscape.",
        "2 E|X-Y| - E|X-X'| - E|Y-Y'| (Székely & Rizzo 2013).",
    ),
    Word(
        "transport distance",
        "How far cells of one group must be moved, on average, to become the other group.",
        "The Wasserstein distance W1.",
        ("W1",),
    ),
    Word("MMD", "Another measure of how different two groups of cells are; 0 if they are alike.", "Maximum mean discrepancy."),
    Word(
        "optimal transport",
        "A way to match cells of two times so that all together have to move as little as possible.",
        "McCann interpolation moves them evenly on straight lines; 'unbalanced' lets cells divide and die.",
        ("linear transport", "unbalanced transport", "McCann"),
    ),
    Word(
        "mean shift",
        "A baseline: all cells are moved by the same amount, the change of the average cell.",
        also=("mean of training changes",),
    ),
    Word("additive", "A baseline: what two treatments do alone, added up."),
    Word(
        "regression",
        "A rule that predicts a number, or a kind of cell, from a weighted sum of what was measured.",
        "Linear for numbers, logistic for kinds.",
        ("logistic regression", "linear regression"),
    ),
    Word("no change", "The simplest baseline: cells stay as they are."),
    Word(
        "ridge",
        "A baseline: a straight-line rule, kept tame so that it does not follow chance.",
        "Linear regression with an L2 penalty.",
        ("ridge on components",),
    ),
    Word(
        "Pearson of change",
        "Whether the genes that were predicted to change are those that do, and in the same proportions: 1 is perfect, 0 is "
        "chance.",
        "Pearson correlation of predicted and measured change against the control.",
        ("Pearson",),
    ),
    Word(
        "RMSE",
        "How far predictions are off, large errors counting most; 0 is perfect.",
        "Root of the mean squared error; MSE is the same before the root, L2 before the mean.",
        ("MSE", "L2", "RMSE of change", "L2 of change"),
    ),
    Word(
        "nat",
        "A unit of how well a measurement was foretold: one nat better, and what was seen was called 2.7 times as likely.",
        "log-likelihood with the natural logarithm; e = 2.718.",
        ("nats", "log-likelihood", "likelihood"),
    ),
    Word(
        "AUROC",
        "How often the higher of two predictions belongs to the right cell: 0.5 is chance, 1 is perfect.",
        "Area under the receiver operating characteristic.",
    ),
    Word(
        "FOSCTTM",
        "The share of other cells that look closer to a cell than the cell itself does when it is seen by another measurement: "
        "50 % is chance, 0 % is perfect.",
        "Fraction of samples closer than the true match.",
    ),
    Word(
        "effective rank",
        "How many numbers of a cell state are really used. Near 1, the model would read all cells along a single line.",
        "exp of the entropy of the normalised singular values (Roy & Vetterli 2007).",
    ),
    Word(
        "calibrated",
        "Of things that are given a chance of 70 %, about 70 of 100 happen.",
        also=("calibration",),
    ),
    Word(
        "provenance",
        "Where a result comes from: which data, which model, which settings and which seed.",
        "data: the first digits of the file's SHA-256.",
    ),
)

TABLES = (
    Word(
        "log2 fold change",
        "How many times a gene's amount doubles: 1 is twice as much, 2 is four times, -1 is half.",
        "log2 of the ratio of two means; here of means of log-normalised counts, turned back.",
        ("fold change", "log-fold change"),
    ),
    Word(
        "adjusted p",
        "How easily chance alone would make a gene look this different, with all the genes that were tried taken into account. "
        "Small is strong. Cells of one sample are relatives, so it comes out too small here.",
        "Benjamini & Hochberg 1995.",
        ("Benjamini-Hochberg", "p-value"),
    ),
    Word(
        "Wilcoxon rank-sum test",
        "Asks whether cells of one group rank higher in a gene than those of another, whatever the exact amounts.",
        "Mann & Whitney 1947; scanpy's rank_genes_groups.",
        ("Wilcoxon", "rank-sum test"),
    ),
    Word(
        "volcano",
        "A picture of all genes: to the side how much each changes, upwards how sure that is.",
        also=("volcano plot",),
    ),
    Word("dot plot", "Genes against groups of cells: the colour is how much, the size of the dot in how many cells."),
    Word("lasso", "A drawing tool: hold the mouse button and draw around cells to choose them."),
    Word("composition", "What a group of cells is made of: the share of each kind, or of each time."),
)

DRAWN = (
    Word(
        "synthetic",
        "Drawn by a model, never measured. Synthetic cells show what the model takes to be possible; they are no evidence that "
        "such cells exist.",
        "obs['synthetic'] and uns['synthetic'] in files.",
        ("drawn cell", "generated cell"),
    ),
    Word(
        "generator",
        "The part of a model that draws new cells, or a measurement that was not made, by chance but as it learned from "
        "measured ones.",
        also=("sampler",),
    ),
    Word(
        "diffusion sampler",
        "A generator that starts from pure chance and takes the chance away step by step, until a cell is left that could have "
        "been measured.",
        "Denoising as in EDM (Karras et al. 2022) or flow matching (Lipman et al. 2023) in the space of cell states.",
        ("diffusion model", "noise schedule"),
    ),
    Word(
        "refused",
        "Not answered, because the question lies outside what was measured and nothing could check the answer.",
    ),
    Word(
        "code",
        "A knob of a generator that it found by itself, without being told any names: which kind of cell, or how far along "
        "something gradual.",
        "The categorical and continuous codes of InfoGAN (Chen et al. 2016).",
        ("InfoGAN", "categorical code", "continuous code", "knob"),
    ),
    Word(
        "entropy",
        "How undecided something is: 0 if it is certain, and high if everything is equally likely.",
        "- sum p log p, in nats.",
    ),
    Word(
        "adversary",
        "A judge that learns to tell measured cells from made-up ones, and true pairs from shuffled ones.",
        "The discriminator of a conditional GAN; mismatched pairs as in Reed et al. 2016.",
        ("judge", "discriminator"),
    ),
    Word(
        "correlation",
        "Whether two things go up and down together from cell to cell: 1 always, 0 not at all, -1 one up when the other is down.",
        "Pearson correlation over cells.",
    ),
    Word(
        "purity",
        "Of the cells that were put together, the share that belongs to the commonest kind among them.",
    ),
    Word(
        "adjusted Rand index",
        "How well two ways of sorting the same cells agree: 1 completely, 0 as by chance.",
        "Hubert & Arabie 1985.",
        ("ARI", "Rand index"),
    ),
)

GROUPS = {
    "Cells and what is measured": CELLS,
    "How cells move": MOTION,
    "How far to trust it": TRUST,
    "Drawn cells": DRAWN,
    "Tables and pictures": TABLES,
}
"""In the order in which a newcomer meets them."""

WORDS: tuple[Word, ...] = tuple(word for group in GROUPS.values() for word in group)


@cache
def _patterns() -> tuple[tuple[Word, re.Pattern[str]], ...]:
    found = []
    for word in WORDS:
        names = sorted((word.term, *word.also), key=len, reverse=True)
        found.append((word, re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})s?(?![\w-])", re.IGNORECASE)))
    return tuple(found)


def words_in(text: str) -> tuple[Word, ...]:
    """Terms of the glossary that a text uses, by any of their names, in the glossary's order."""
    return tuple(word for word, pattern in _patterns() if pattern.search(text))


def explain(name: str) -> Word:
    """The word with this name, whatever its capitals. Raises KeyError where the glossary has none."""
    for word, pattern in _patterns():
        if pattern.fullmatch(name.strip()):
            return word
    raise KeyError(f"The glossary does not explain {name!r}.")


def search(text: str) -> tuple[Word, ...]:
    """Words whose names hold the text, then those that are explained with it; all of them where it is empty."""
    sought = text.strip().casefold()
    named = [word for word in WORDS if any(sought in name.casefold() for name in (word.term, *word.also))]
    told = [word for word in WORDS if word not in named and sought in f"{word.plain} {word.curious}".casefold()]
    return (*named, *told)
