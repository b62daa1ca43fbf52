"""Fits the conversions between modalities after the autoencoder, whose encoders stay as they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from torch import Tensor, nn

from virtualcell.autoencoder.conversion import Conversion, Translator
from virtualcell.autoencoder.model import Autoencoder
from virtualcell.autoencoder.reduced_rank import Products
from virtualcell.modalities.base import Modality
from virtualcell.training.autoencoder import AutoencoderFit
from virtualcell.training.described import score_table
from virtualcell.training.epochs import Progress
from virtualcell.training.kept import Keeper
from virtualcell.training.start import response_products
from virtualcell.training.table import CellTable

MIN_SHARED = 50
"""Cells in which both modalities must have been measured for one to be predicted from the other directly."""
MIN_VALIDATION = 4
COMPONENTS = (10, 20, 50)
"""How many of the source's components the floor may read."""
RIDGES = (0.0, 0.01, 0.05)
"""Penalties of the floor, a cell, in units of the first component's variance."""
FEW_FEATURES = 256
"""Up to so many features of the target a floor of full rank is tried as well; with more it only learns noise."""
CHOICE_CELLS = 2_000
PERMUTATIONS = 10
GATES = (0.0, 0.25, 0.5, 0.75, 1.0)
COVERAGE = 0.9
STEPS, BATCH, LEARNING_RATE, PATIENCE = 600, 256, 3e-3, 6
ALPHAS = np.logspace(-1, 4, 16)


@dataclass(frozen=True)
class Quality:
    """How much better a conversion reads new cells than no information on them does, in nats (or half squared errors in units of
    the variance) a cell.

    floor: of the linear floor, over cross-validation folds of the training cells; used: with what the residual adds on inner
    validation cells; standard_error: of ``used``, over cells.
    """

    n_cells: int
    rank: int
    components: int
    ridge: float
    gate: float
    floor: float
    used: float
    standard_error: float

    @property
    def related(self) -> bool:
        """Whether the source says anything of the target: by more than two standard errors."""
        return self.used > 2 * self.standard_error


@dataclass(frozen=True)
class _Form:
    components: int
    ridge: float
    shrink: bool


def fit_conversions(
    fit: AutoencoderFit,
    table: CellTable,
    hidden: int,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
    keep: Keeper | None = None,
) -> tuple[Translator, dict[str, Quality]]:
    """A conversion for every ordered pair of modalities that were measured together in at least 50 cells; keys "rna->atac"; keep:
    where each is written when it is done."""
    keep = keep or Keeper()
    model = fit.model
    scores = score_table(model, table, device)
    pairs = [(s, t) for s in model.names for t in model.names if s != t]
    found: dict[str, Conversion] = {}
    quality: dict[str, Quality] = {}
    for done, (source, target) in enumerate(pairs):
        both = table.mask[:, model.names.index(source)] & table.mask[:, model.names.index(target)]
        training, validation = fit.training[both[fit.training]], fit.validation[both[fit.validation]]
        if len(training) >= MIN_SHARED and len(validation) >= MIN_VALIDATION:
            key = f"{source}->{target}"
            kept = keep.read(f"conversion-{done}")
            if kept is not None:
                quality[key] = Quality(**kept.record["quality"])
                features, rank = model.modalities[target].n_features, quality[key].rank
                found[key] = Conversion(model.inputs[source], model.d, features, rank, hidden)
                found[key].load_state_dict(kept.part("conversion"))
                found[key].to(device).eval()
                continue
            found[key], quality[key] = _fit_one(model, table, scores, source, target, training, validation, hidden, seed, device)
            weights = {f"conversion.{k}": v for k, v in found[key].state_dict().items()}
            keep.finish(f"conversion-{done}", weights, {"quality": asdict(quality[key])})
        if progress is not None:
            progress("conversion", done + 1, len(pairs), {})
    return Translator(found, _bridges(model, table, scores, fit.training, found)), quality


def _bridges(
    model: Autoencoder, table: CellTable, scores: dict[str, Tensor], training: np.ndarray, found: dict[str, Conversion]
) -> dict[str, nn.Linear]:
    """Ridge regressions of one modality's scores on another's, over which pairs that were never measured together are joined."""
    bridges: dict[str, nn.Linear] = {}
    for source in model.names:
        for target in model.names:
            if source == target or f"{source}->{target}" in found:
                continue
            shared = {
                m: table.mask[training, model.names.index(source)] & table.mask[training, model.names.index(m)]
                for m in model.names
                if f"{source}->{m}" in found and f"{m}->{target}" in found
            }
            if not shared:
                continue
            middle = max(shared, key=lambda m: int(shared[m].sum()))
            rows = torch.from_numpy(training[shared[middle]])
            x, y = (scores[m].cpu()[rows].double().numpy() for m in (source, middle))
            ridge = RidgeCV(ALPHAS, alpha_per_target=True).fit(x, y)
            bridge = nn.Linear(x.shape[1], y.shape[1])
            with torch.no_grad():
                bridge.weight.copy_(torch.from_numpy(np.atleast_2d(ridge.coef_)))
                bridge.bias.copy_(torch.from_numpy(np.atleast_1d(ridge.intercept_)))
            bridges[f"{source}->{middle}"] = bridge.to(scores[source].device)
    return bridges


def _fit_one(
    model: Autoencoder,
    table: CellTable,
    scores: dict[str, Tensor],
    source: str,
    target: str,
    training: np.ndarray,
    validation: np.ndarray,
    hidden: int,
    seed: int,
    device: torch.device,
) -> tuple[Conversion, Quality]:
    kind = model.modalities[target]
    x = {part: scores[source][torch.from_numpy(rows).to(device)] for part, rows in (("fit", training), ("check", validation))}
    depth = _log_depth(kind, table, target, training, device)
    torch.manual_seed(seed)  # where the residual starts
    form, gains = _choose_floor(model, table, x["fit"], depth, target, training, hidden, seed, device)

    products = response_products(model, target, x["fit"].cpu().numpy(), table, training, seed, device, PERMUTATIONS)
    conversion = _floor(model, products, x["fit"], depth, target, form, hidden, device)
    with torch.no_grad():  # the encoders stay as they are
        embedding = {part: model.embed_alone(source, x[part]) for part in x}
    # Half of the validation cells stops the residual, the other half says what it is worth.
    stop, judge = np.arange(len(validation))[::2], np.arange(len(validation))[1::2]
    parts = {
        "fit": (x["fit"], embedding["fit"], training),
        "check": (x["check"][stop], embedding["check"][stop], validation[stop]),
    }
    _fit_residual(conversion, model, table, target, parts, seed, device)
    scored = {}
    for gate in GATES:
        conversion.gate.fill_(gate)
        scored[gate] = _score(
            conversion, model, x["check"][judge], embedding["check"][judge], table, target, validation[judge], device
        )
    best = max(GATES, key=lambda g: float(scored[g].mean()))
    # One standard error: a difference that the next validation cells would undo is not kept.
    if _mean_and_error(scored[best] - scored[0.0])[0] < _mean_and_error(scored[best] - scored[0.0])[1]:
        best = 0.0
    conversion.gate.fill_(best)
    _set_interval(conversion, model, x["check"], embedding["check"], table, target, validation, device)
    floor, error = _mean_and_error(gains)
    more, more_error = _mean_and_error(scored[best] - scored[0.0])
    spread = float(np.hypot(error, more_error))
    rank = conversion.left.shape[1]
    return conversion.eval(), Quality(len(gains), rank, form.components, form.ridge, best, floor, floor + more, spread)


def _mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean over cells and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _leading(inputs: int, k: int) -> list[int]:
    """The k leading components and the depth, which is the last column."""
    return [*range(min(k, inputs - 1)), inputs - 1]


@torch.no_grad()
def _log_depth(kind: Modality, table: CellTable, target: str, rows: np.ndarray, device: torch.device) -> np.ndarray | None:
    """Log depth of each cell in the target (rows,), None for what is not counted."""
    if not kind.counted:
        return None
    pieces = np.array_split(rows, max(1, len(rows) // 1024))
    depth = torch.cat([kind.depth(table.rows(piece, device)[0][target]) for piece in pieces])
    return torch.log(depth.clamp_min(1.0))[:, 0].cpu().double().numpy()


def _choose_floor(
    model: Autoencoder,
    table: CellTable,
    x: Tensor,
    depth: np.ndarray | None,
    target: str,
    rows: np.ndarray,
    hidden: int,
    seed: int,
    device: torch.device,
) -> tuple[_Form, np.ndarray]:
    """The form of floor with the best reading score over three folds of the rows, and its score of each new cell over that of no
    information."""
    widths = sorted({min(k, x.shape[1] - 1) for k in COMPONENTS})
    shrinks = (True, False) if model.modalities[target].n_features <= FEW_FEATURES else (True,)
    choices = [_Form(k, ridge, shrink) for k in widths for ridge in RIDGES for shrink in shrinks]
    # A few thousand cells tell which is best; all of them would take minutes.
    some = np.sort(np.random.default_rng(seed).permutation(len(rows))[:CHOICE_CELLS])
    gains: dict[_Form, list[np.ndarray]] = {form: [] for form in choices}
    for inside, outside in KFold(3, shuffle=True, random_state=seed).split(some):
        here, there = some[inside], some[outside]
        inputs, new = (x[torch.from_numpy(part).to(device)] for part in (here, there))
        products = response_products(model, target, inputs.cpu().numpy(), table, rows[here], seed, device, 3)
        known = None if depth is None else depth[here]
        ignorant = _score(_nothing(model, x, known, target, hidden, device), model, new, None, table, target, rows[there], device)
        for form in choices:
            if len(here) > 2 * form.components:
                conversion = _floor(model, products, inputs, known, target, form, hidden, device)
                gains[form].append(_score(conversion, model, new, None, table, target, rows[there], device) - ignorant)
    found = {form: np.concatenate(parts) for form, parts in gains.items() if parts}
    best = max(found, key=lambda form: float(found[form].mean()))
    return best, found[best]


def _nothing(
    model: Autoencoder, x: Tensor, depth: np.ndarray | None, target: str, hidden: int, device: torch.device
) -> Conversion:
    """Says the same of every cell: the mean, and the depths that training cells have."""
    conversion = Conversion(x.shape[1], model.d, model.modalities[target].n_features, 0, hidden)
    if depth is not None:
        conversion.depth_bias.fill_(float(depth.mean()))
        conversion.depth_spread.fill_(float(depth.std()))
    return conversion.to(device)


def _floor(
    model: Autoencoder,
    products: Products,
    x: Tensor,
    depth: np.ndarray | None,
    target: str,
    form: _Form,
    hidden: int,
    device: torch.device,
) -> Conversion:
    """The linear floor in one form: reduced-rank regression of the response, ridge regression of the log depth (cells,)."""
    kind = model.modalities[target]
    columns = _leading(x.shape[1], form.components)
    found = products.solve(kind.response_weight.cpu().numpy(), columns, form.ridge, shrink=form.shrink)
    conversion = Conversion(x.shape[1], model.d, kind.n_features, found.rank, hidden)
    with torch.no_grad():
        conversion.centre[columns] = torch.from_numpy(found.x_mean).float()
        conversion.left[columns] = torch.from_numpy(found.left).float()
        conversion.right.copy_(torch.from_numpy(found.right))
        if depth is not None:
            inputs = x[:, columns].cpu().double().numpy()
            ridge = RidgeCV(ALPHAS).fit(inputs, depth)
            folds = KFold(5, shuffle=True, random_state=0)
            guess = cross_val_predict(RidgeCV(ALPHAS), inputs, depth, cv=folds)
            # A regression that new cells do not bear out is left away: the mean depth with its whole spread.
            if ((depth - guess) ** 2).mean() < depth.var():
                conversion.depth_weight[columns] = torch.from_numpy(ridge.coef_).float()
                conversion.depth_bias.fill_(float(ridge.intercept_))
                conversion.depth_spread.fill_(float((depth - guess).std()))
            else:
                conversion.depth_bias.fill_(float(depth.mean()))
                conversion.depth_spread.fill_(float(depth.std()))
    return conversion.to(device)


@torch.no_grad()
def _score(
    conversion: Conversion,
    model: Autoencoder,
    x: Tensor,
    embedding: Tensor | None,
    table: CellTable,
    target: str,
    rows: np.ndarray,
    device: torch.device,
) -> np.ndarray:
    """Reading score of each cell, (rows,); without embeddings that of the floor."""
    kind = model.modalities[target]
    found = []
    for place in np.array_split(np.arange(len(rows)), max(1, len(rows) // 1024)):
        reading = kind.reading(table.rows(rows[place], device)[0][target])
        nothing = torch.zeros(len(place), model.d, device=device) if embedding is None else embedding[place]
        found.append(kind.reading_score(reading, conversion.predict(kind, x[place], nothing)).cpu())
    return torch.cat(found).double().numpy()


def _fit_residual(
    conversion: Conversion,
    model: Autoencoder,
    table: CellTable,
    target: str,
    parts: dict[str, tuple[Tensor, Tensor, np.ndarray]],
    seed: int,
    device: torch.device,
) -> None:
    """Learns what the floor leaves; stops when the validation cells do not gain."""
    kind = model.modalities[target]
    rng = np.random.default_rng(seed)
    learned = [*conversion.residual.parameters(), conversion.basis]
    optimiser = torch.optim.AdamW(learned, lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=STEPS)

    def error(part: str, place: np.ndarray) -> Tensor:
        x, embedding, rows = parts[part]
        values = table.rows(rows[place], device)[0][target]
        with torch.no_grad():
            floor = conversion.floor(x[place])
        return kind.conversion_loss(values, floor + conversion.learned(x[place], embedding[place])).mean()

    n, n_check = len(parts["fit"][2]), len(parts["check"][2])

    def check() -> float:
        with torch.no_grad():
            pieces = np.array_split(np.arange(n_check), max(1, n_check // 1024))
            return sum(float(error("check", piece)) * len(piece) for piece in pieces) / n_check

    best, state, waited = check(), {k: v.clone() for k, v in conversion.state_dict().items()}, 0
    for step in range(STEPS):
        loss = error("fit", rng.choice(n, min(BATCH, n), replace=False))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if (step + 1) % 25 == 0:
            now = check()
            waited += 1
            if now < best:
                best, state, waited = now, {k: v.clone() for k, v in conversion.state_dict().items()}, 0
            if waited >= PATIENCE:
                break
    conversion.load_state_dict(state)


@torch.no_grad()
def _set_interval(
    conversion: Conversion,
    model: Autoencoder,
    x: Tensor,
    embedding: Tensor,
    table: CellTable,
    target: str,
    rows: np.ndarray,
    device: torch.device,
) -> None:
    kind, n = model.modalities[target], len(rows)
    # Rank of the conformal quantile among n + 1; the small number keeps .05 * 40 from being 1.99.
    tail = int(np.floor((n + 1) * (1 - COVERAGE) / 2 + 1e-9))
    if kind.yes_or_no or tail < 1:
        return  # a probability says it all; and so few cells bound nothing at 90 %
    error = kind.reading(table.rows(rows, device)[0][target]) - conversion.predict(kind, x, embedding)
    ordered = error.sort(0).values
    conversion.low.copy_(ordered[tail - 1])
    conversion.high.copy_(ordered[n - tail])
