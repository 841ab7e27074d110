"""Measure a model on validation scenes: boxes, where its attention points, and what its image tokens hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scripts.training.vlm.data import CELL, Batch, Plan, make_batch
from scripts.training.vlm.forward import Model, read, see
from scripts.training.vlm.losses import DenseHeads
from scripts.training.vlm.turns import TurnWriter, Words
from scripts.training.vlm.views import View
from zeroov.mini.expressions import FORMS

LOOKING: dict[int, float] = {2: 0.5, 3: 0.3}
"""Layers and weights of the shipped Overview."""
ANSWER = 10
"""Steps of a full answer: bracket, four numbers, three commas, bracket, end."""


@dataclass(frozen=True)
class Figures:
    """What was measured; fractions in [0, 1]."""

    values: dict[str, float]
    pointing: list[float]
    """Per layer."""

    def line(self) -> dict[str, object]:
        """Give one flat JSON line."""
        return {**{k: round(v, 4) for k, v in self.values.items()}, "pointing": [round(v, 3) for v in self.pointing]}


def evaluation_batches(
    writer: TurnWriter, images: int, turns: int, size: int = 32, view: View | None = None
) -> list[Batch]:
    """Make the fixed validation questions, every form equally likely."""
    forms = tuple((form, 1.0) for form in FORMS)
    plan = Plan(images=min(size, images), turns=turns, forms=forms, varied=0.0, views=((1.0, view),))
    return [make_batch(writer, plan, "val", first) for first in range(0, images, plan.images_at(view))]


def prefix_of(model: Model, images: Tensor, words: Words) -> Tensor:
    """Embed the words before the picture and the picture: (B, before + cells, d)."""
    seen = see(model, images)
    head = model.get_input_embeddings()(torch.tensor(words.head, device=images.device))
    return torch.cat([head[None].expand(len(seen), -1, -1).to(seen), seen], 1)


def _scores_at(turns: Tensor, at: Tensor, table: Tensor) -> Tensor:
    """Return the next-token scores (B, K, vocabulary) at positions (B, K) of turns (B, K, L, d)."""
    return turns.gather(2, at[..., None, None].expand(-1, -1, 1, turns.shape[-1]))[:, :, 0] @ table.T


@torch.no_grad()
def decode(
    model: Model, batch: Batch, words: Words, device: torch.device
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Answer every question greedily, the brackets and commas given.

    Returns boxes (B, K, 4), the odds (B, K) that the answer is not empty, and per layer the attention maps
    (B, K, rows, columns), mean over heads and answer steps.
    """
    table = model.get_input_embeddings().weight
    images = torch.from_numpy(batch.images).to(device)
    rows, columns = images.shape[1] // CELL, images.shape[2] // CELL
    prefix = prefix_of(model, images, words)
    ids = torch.from_numpy(batch.ids).to(device)
    labels = torch.from_numpy(batch.labels).to(device)
    first = (labels >= 0).long().argmax(-1)
    count, turns = ids.shape[:2]
    number_ids = torch.tensor(words.numbers, device=device)
    box, odds = torch.zeros(count, turns, 4, dtype=torch.long, device=device), torch.zeros(count, turns, device=device)

    def put(offset: int, values: Tensor) -> None:
        ids.scatter_(2, (first + offset)[..., None], values[..., None])

    def full(token: int) -> Tensor:
        return torch.full((count, turns), token, device=device)

    for offset in range(1, ANSWER):
        put(offset, full(words.pad))
    put(1, full(words.opening))
    for side in range(5):
        trace = read(model, prefix, table[ids], len(words.head), (rows, columns), keep_attention=side == 4)
        assert trace.turns is not None
        if side == 4:
            break
        if side == 0:
            scores = _scores_at(trace.turns, first, table)
            odds = scores[..., words.opening] - scores[..., words.empty]
        box[..., side] = _scores_at(trace.turns, first + 1 + 2 * side, table)[..., number_ids].argmax(-1)
        put(2 + 2 * side, number_ids[box[..., side]])
        put(3 + 2 * side, full(words.comma if side < 3 else words.closing))
    maps = []
    steps = first[..., None] + torch.arange(ANSWER, device=device)
    for far in trace.to_prefix:
        mean = far.mean(1).view(count, turns, -1, far.shape[-1])[..., len(words.head) :]
        taken = mean.gather(2, steps[..., None].expand(-1, -1, -1, mean.shape[-1])).mean(2)
        maps.append(taken.view(count, turns, rows, columns).cpu().numpy())
    return box.cpu().numpy(), odds.cpu().numpy(), maps


def iou(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes (..., 4), 0 where a box is empty."""
    low, high = np.maximum(a_xyxy[..., :2], b_xyxy[..., :2]), np.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    areas = [np.clip(box[..., 2:] - box[..., :2], 0, None).prod(-1) for box in (a_xyxy, b_xyxy)]
    return np.asarray(common / np.maximum(areas[0] + areas[1] - common, 1e-9))


def inside(xy: np.ndarray, box_xyxy: np.ndarray) -> np.ndarray:
    """Tell which points (..., 2) lie in half-open boxes (..., 4)."""
    return np.asarray(((xy >= box_xyxy[..., :2]) & (xy < box_xyxy[..., 2:])).all(-1))


def together(maps: list[np.ndarray]) -> np.ndarray:
    """Sum the min-max normalised maps (B, K, rows, columns) of the layers that Overview looks at."""
    total = np.zeros_like(maps[0])
    for layer, weight in LOOKING.items():
        low, high = maps[layer].min((2, 3), keepdims=True), maps[layer].max((2, 3), keepdims=True)
        total += weight * (maps[layer] - low) / np.maximum(high - low, 1e-9)
    return total


def peak_of(maps: np.ndarray) -> np.ndarray:
    """Return the middle (B, K, 2) of each map's highest cell, in model pixels."""
    peak = maps.reshape(*maps.shape[:2], -1).argmax(-1)
    return (np.stack([peak % maps.shape[3], peak // maps.shape[3]], -1) + 0.5) * CELL


def closeness(xy: np.ndarray, target: np.ndarray, hw: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Tell which points lie within 1.5 long sides of the target's middle, and which have it in a crop of a quarter."""
    off = np.abs(xy - (target[..., :2] + target[..., 2:]) / 2)
    long = (target[..., 2:] - target[..., :2]).max(-1)
    return {"near": np.hypot(off[..., 0], off[..., 1]) <= 1.5 * long, "crop": (off <= np.array(hw[::-1]) / 8).all(-1)}


def auroc(present: np.ndarray, absent: np.ndarray) -> float:
    """Return the chance that a present object's score beats an absent one's, ties counting half."""
    if not len(present) or not len(absent):
        return float("nan")
    above = (present[:, None] > absent[None]).mean() + 0.5 * (present[:, None] == absent[None]).mean()
    return float(above)


@torch.no_grad()
def evaluate(
    model: Model,
    heads: DenseHeads | None,
    batches: list[Batch],
    words: Words,
    device: torch.device,
) -> Figures:
    """Measure everything on the given batches."""
    model.eval()
    overlap, centred, forms, odds_all, present_all = [], [], [], [], []
    pointed: list[list[np.ndarray]] = []
    close: dict[str, list[np.ndarray]] = {}
    dense: dict[str, list[float]] = {"dense_kind": [], "dense_colour": [], "dense_iou": []}
    for batch in batches:
        box, odds, maps = decode(model, batch, words, device)
        present = batch.target_xyxy[..., 0] >= 0
        target = batch.target_xyxy.astype(float)
        overlap.append(iou(box, target)[present])
        centred.append(inside((box[..., :2] + box[..., 2:]) / 2, target)[present])
        forms += [form for row in batch.form for form in row if form != "absent"]
        odds_all.append(odds.ravel())
        present_all.append(present.ravel())
        pointed.append([inside(peak_of(one), target)[present] for one in maps])
        looked = peak_of(together(maps))
        close.setdefault("looking", []).append(inside(looked, target)[present])
        for source, xy in (("box", (box[..., :2] + box[..., 2:]) / 2), ("looking", looked)):
            for name, near in closeness(xy, target, batch.images.shape[1:3]).items():
                close.setdefault(f"{source}_{name}", []).append(near[present])
        if heads is not None:
            _measure_dense(model, heads, batch, words, device, dense)
    overlaps, chances, there = np.concatenate(overlap), np.concatenate(odds_all), np.concatenate(present_all)
    form_array = np.array(forms)
    values = {
        "pr50": float((overlaps >= 0.5).mean()),
        "miou": float(overlaps.mean()),
        "centre": float(np.concatenate(centred).mean()),
        "absent_auroc": auroc(chances[there], chances[~there]),
        "kept": float((chances[there] > 0).mean()),
    }
    for form in sorted(set(forms)):
        values[f"pr50_{form}"] = float((overlaps[form_array == form] >= 0.5).mean())
    values.update({name: float(np.concatenate(v).mean()) for name, v in close.items()})
    values.update({name: float(np.mean(v)) for name, v in dense.items() if v})
    layers = [float(np.concatenate([hits[layer] for hits in pointed]).mean()) for layer in range(len(pointed[0]))]
    model.train()
    return Figures(values, layers)


def _measure_dense(
    model: Model,
    heads: DenseHeads,
    batch: Batch,
    words: Words,
    device: torch.device,
    into: dict[str, list[float]],
) -> None:
    """Add the dense heads' accuracy on this batch, read after their last layer."""
    images = torch.from_numpy(batch.images).to(device)
    grid = (images.shape[1] // CELL, images.shape[2] // CELL)
    trace = read(model, prefix_of(model, images, words), None, len(words.head), grid, layers=heads.after[-1] + 1)
    state = trace.prefix_after[heads.after[-1]][:, len(words.head) :]
    kind, colour, box = heads.read_off(state, model.get_input_embeddings().weight, words, -1)
    there = batch.kind > 0
    into["dense_kind"].append(float((kind.cpu().numpy() == batch.kind)[batch.kind >= 0].mean()))
    into["dense_colour"].append(float((colour.cpu().numpy() == batch.colour)[there].mean()))
    into["dense_iou"].append(float(iou(box.cpu().numpy()[there], batch.box[there]).mean()))


@torch.no_grad()
def measure_lists(model: Model, batch: Batch, words: Words, device: torch.device) -> dict[str, float]:
    """Measure how a model goes on with true lists: the boxes it writes next, and whether it ends where they end.

    `pr50` is the share of boxes with an IoU of 0.5 that follow the true ones before them, `goes_on` and `ends` are the
    shares of right decisions after a box, `empty` that of right first tokens.
    """
    model.eval()
    table = model.get_input_embeddings().weight
    images = torch.from_numpy(batch.images).to(device)
    grid = (images.shape[1] // CELL, images.shape[2] // CELL)
    ids = torch.from_numpy(batch.ids).to(device)
    trace = read(model, prefix_of(model, images, words), table[ids], len(words.head), grid)
    assert trace.turns is not None
    chosen = (trace.turns @ table.T).argmax(-1).cpu().numpy()
    model.train()
    value = {token: number for number, token in enumerate(words.numbers)}
    overlaps: list[float] = []
    right: dict[str, list[bool]] = {"goes_on": [], "ends": [], "empty": []}
    span = batch.labels.shape[-1]
    for labels, said in zip(batch.labels.reshape(-1, span), chosen.reshape(-1, span), strict=True):
        at = np.flatnonzero(labels >= 0)
        right["empty"].append(bool(said[at[0]] == labels[at[0]]))
        numbers = [place for place in at if labels[place] in value]
        for first in range(0, len(numbers), 4):
            places = numbers[first : first + 4]
            truth = np.array([value[labels[place]] for place in places], float)
            guess = np.array([value.get(said[place], 0) for place in places], float)
            overlaps.append(float(iou(guess, truth)))
        for place in at[:-1]:
            if labels[place] == words.closing:
                end = labels[place + 1] == words.end
                right["ends" if end else "goes_on"].append(bool(said[place + 1] == labels[place + 1]))
    found = {name: round(float(np.mean(each)), 4) for name, each in right.items() if each}
    return {"pr50": round(float(np.mean(np.array(overlaps) >= 0.5)), 4), **found}
