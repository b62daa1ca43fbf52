"""The glossary's words on cells, on what is measured in them, and on how they move. No Streamlit."""

from __future__ import annotations

from dataclasses import dataclass


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
