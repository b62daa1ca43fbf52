"""The glossary's words on trust, on tables and pictures, and on drawn cells. No Streamlit."""

from __future__ import annotations

from virtualcell.ui.glossary_cells import Word

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
