"""An autoencoder of a split's training cells by itself: all that pairs and labels are scored from, without predictor and
translations, which would take minutes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from benchmarks.multiomics.splits import Split
from virtualcell.autoencoder.conversion import Translator
from virtualcell.schema import Columns, Settings
from virtualcell.training.autoencoder import train_autoencoder
from virtualcell.training.fitted import Fitted, states_of

CPU = torch.device("cpu")


def autoencoder_alone(split: Split, settings: Settings, columns: Columns) -> Fitted:
    """Trained on the split's training cells, some of which it holds out inside (``record["held_out"]``); columns: of obs, what
    generators may learn the conditions from."""
    table = split.tables[0]
    fit = train_autoencoder(
        table,
        settings.autoencoder,
        split.kinds,
        settings.preprocess.n_components,
        max(1, len(split.batches)),
        split.seed,
        CPU,
    )
    names = np.asarray(split.train.obs_names)
    return Fitted(
        settings=replace(settings, columns=columns),
        device=CPU,
        autoencoder=fit.model,
        translator=Translator({}),
        kinds=split.kinds,
        features=split.features,
        batches=split.batches,
        dynamics=None,
        refits=(),
        arrays={"states": states_of(fit.model, table, CPU)},
        record={"held_out": names[fit.validation].tolist()},
    )
