"""A fitted model to and from its folder."""

from __future__ import annotations

from pathlib import Path

import torch

from virtualcell.autoencoder.conversion import Translator
from virtualcell.autoencoder.model import Autoencoder
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import DataError, Settings
from virtualcell.training.checkpoint import ARRAYS, read_checkpoint, write_checkpoint
from virtualcell.training.fitted import Fitted


def save_fitted(fitted: Fitted, folder: Path) -> None:
    """Writes the three files of ``write_checkpoint``."""
    parts = {"autoencoder": fitted.autoencoder, "dynamics": fitted.dynamics}
    parts |= {f"refit{i}": refit for i, refit in enumerate(fitted.refits)}
    parts["translator"] = fitted.translator
    weights = {f"{name}.{k}": v for name, part in parts.items() if part is not None for k, v in part.state_dict().items()}
    core, translator = fitted.autoencoder, fitted.translator
    record = {
        "kinds": fitted.kinds,
        "ranks": translator.shapes(),
        "bridges": list(translator.bridges),
        "settings": fitted.settings.to_dict(),
        "features": fitted.features,
        "components": {m: core.modalities[m].n_components for m in core.names},
        "batches": fitted.batches,
        "parts": list(fitted.dynamics.treatments) if fitted.dynamics is not None else None,
        "refits": len(fitted.refits),
        "record": fitted.record,
    }
    write_checkpoint(folder, weights, fitted.arrays, record)


def load_fitted(folder: Path, device: torch.device) -> Fitted:
    """Reads a saved model. Raises DataError naming the file that is missing, broken or of another shape."""
    weights, arrays, saved = read_checkpoint(folder)
    try:
        settings = Settings.from_dict(saved["settings"])
        s = settings.autoencoder
        core = Autoencoder(
            {m: len(f) for m, f in saved["features"].items()},
            saved["kinds"],
            saved["components"],
            s.latent_dim,
            s.hidden,
            max(1, len(saved["batches"])),
            s.fusion,
        )
        core.load_state_dict(_part(weights, "autoencoder"))
        translator = Translator.empty(saved["ranks"], saved["bridges"], core, s.hidden)
        translator.load_state_dict(_part(weights, "translator"))
        n_cells = saved["record"]["n_cells"]
        shapes = {"states": (n_cells, s.latent_dim)} | ({"time": (n_cells,)} if saved["record"]["span"] else {})
        if {name: values.shape for name, values in arrays.items()} != shapes:
            raise ValueError(f"{ARRAYS} is not of these {n_cells} cells")
        moving: list[Dynamics] = []
        if saved["parts"] is not None:
            for name in ("dynamics", *(f"refit{i}" for i in range(saved["refits"]))):
                own = _part(weights, name)
                part = Dynamics(
                    s.latent_dim,
                    settings.predictor.width,
                    1.0,
                    tuple(saved["parts"]),
                    settings.predictor.euler_steps,
                    rotation=any(key.startswith("rotation.") for key in own),
                )
                part.load_state_dict(own)
                part.euler_steps = saved["record"]["steps_a_span"]
                moving.append(part.to(device).eval())
        return Fitted(
            settings,
            device,
            core.to(device).eval(),
            translator.to(device).eval(),
            saved["kinds"],
            saved["features"],
            saved["batches"],
            moving[0] if moving else None,
            tuple(moving[1:]),
            arrays,
            saved["record"],
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        raise DataError(
            f"The files do not belong together or come from another version ({type(error).__name__}: {error}).",
            next_step="copy the whole folder again, or train again with this version.",
            file=str(folder),
        ) from error


def _part(weights: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """The weights of one part of a saved model."""
    return {k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(f"{name}.")}
