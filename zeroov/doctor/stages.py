"""Each stage on one picture: what it made, held against what must hold of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeroov import frames, hardware
from zeroov.doctor.cases import Case
from zeroov.doctor.check import Check, gib
from zeroov.ground import Pipeline
from zeroov.look import Cost, Look, Question
from zeroov.overview.eager import eager_map
from zeroov.overview.prefix import read_picture
from zeroov.overview.stage import captured_layers, depth_of, look
from zeroov.pipeline.models import REMEDY
from zeroov.recipe.depths import layers_and_weights
from zeroov.refine.draw import decode
from zeroov.types import Affinity, Bool, Box, Float32, Overview

# How far captured rows may lie from eager ones, as a share of the highest cell. Measured on the miniature model with
# its own and with sharpened queries: below 1e-5 in float32, 0.01 in float16, 0.05 in bfloat16.
ROWS = {"float32": 1e-3, "float16": 0.03, "bfloat16": 0.1}
ALIKE = 0.95  # correlation of two maps that differ by rounding alone
SUMS = 2e-3  # how far a row's sum may lie from 1: what float16 loses
LIFT = 1.2  # how much denser the attention is on the object than on the whole picture
LYING = 0.5  # share of the smaller of two boxes that lies in the other, and of a mask that lies in a box
OVERLAP = 0.3  # IoU of the answer with the object
OURS = "attach this report to an issue: zeroov and these versions of its packages do not fit"
MASKS_ADVICE = "check that refine.model, or refine.checkpoint, is a trained model (`zeroov models`)"
SCRAMBLED = "the official code's pooling scrambles the rows, which then need not sum to 1"


def rows(pipeline: Pipeline, case: Case) -> Check:
    """Hold captured attention against the model's own eager attention, on the layer that weighs most."""
    models, recipe = pipeline.models.overview(), pipeline.recipe.overview
    layers, weights = layers_and_weights(recipe, captured_layers(models, recipe), depth_of(models))
    layer = layers[int(np.argmax(weights))]
    own_layer = replace(
        recipe, layers=(layer,), weights=(1.0,), capture="layers", heads=0, relative=False, prefill_only=True
    )
    with hardware.memory_guard("overview", REMEDY), hardware.metered(pipeline.device) as meter:
        prefix = read_picture(models, case.picture, own_layer)
        [captured] = look(models, [case.picture], [prefix], [case.expression], own_layer)
        own = eager_map(models, case.picture, case.expression, own_layer, layer)
    found = compare_rows(f"overview rows, {case.name}", captured.layers[0], own, pipeline.models.dtype_name("overview"))
    spent = spending(Cost(meter.seconds, meter.peak_bytes))
    return replace(found, measured=f"layer {layer}, first step: {found.measured}; {spent}")


def compare_rows(name: str, captured: Float32, own: Float32, dtype: str) -> Check:
    """Compare two maps (rows, cols) of one layer's attention, captured and the model's own."""
    if not (np.isfinite(captured).all() and np.isfinite(own).all()):
        return Check(name, "failed", f"attention is not finite in {dtype}", "--set overview.dtype=float32")
    if not own.max() > 0 or captured.shape != own.shape:
        shapes = f"{captured.shape} and {own.shape}"
        return Check(name, "failed", f"nothing to compare: maps of {shapes}, highest {own.max():.1e}", OURS)
    apart = float(np.abs(captured - own).max() / own.max())
    alike = float(np.corrcoef(captured.ravel(), own.ravel())[0, 1]) if np.ptp(captured) and np.ptp(own) else 0.0
    figures = {"apart": apart, "allowed": ROWS[dtype], "correlation": alike}
    measured = f"captured and eager {apart:.1e} of the peak apart ({ROWS[dtype]:g} allowed in {dtype})"
    if apart <= ROWS[dtype] and np.ptp(own) <= ROWS[dtype] * own.max():
        advice = "check that overview.model is a trained model"
        return Check(name, "warning", f"{measured}, but the map is even: it would hide a mistake", advice, figures)
    if apart <= ROWS[dtype]:
        return Check(name, "ok", measured, figures=figures)
    if alike >= ALIKE and dtype != "float32":
        advice = "coarse rounding; compare with --set overview.dtype=float32 where memory allows"
        return Check(name, "warning", f"{measured}, correlation {alike:.3f}", advice, figures)
    return Check(name, "failed", f"{measured}, correlation {alike:.3f}", f"--set overview.attention=sdpa, or {OURS}")


def answer(pipeline: Pipeline, case: Case, *, random: bool) -> Check:
    """Ask the language model; `random` weights need not answer with a box."""
    [made] = pipeline.overview([Question(case.picture, case.expression)])
    found = read_answer(f"overview answer, {case.name}", made.value, random=random)
    return replace(found, measured=f"{found.measured}; {spending(made.cost)}")


def read_answer(name: str, overview: Overview, *, random: bool) -> Check:
    """Check that an answer holds a box."""
    words = overview.answer if len(overview.answer) <= 60 else overview.answer[:57] + "..."
    measured = f'answered "{words}" in {overview.steps} tokens, confidence {overview.confidence:.2f}'
    if random:
        return Check(name, "skipped", f"{measured}; random weights: its words mean nothing")
    if overview.answer_box is None:
        advice = "overview.model must be an Instruct model, and overview.max_new_tokens enough for a box (64)"
        return Check(name, "failed", f"{measured}, which holds no box in the picture", advice)
    return Check(name, "ok", measured)


def affinity(pipeline: Pipeline, case: Case) -> Check:
    """Read the diffusion model's self-attention."""
    [made] = pipeline.focus([Question(case.picture, case.expression)])
    if made is None:
        raise ValueError("the recipe has no Focus")
    dtype, scrambled = pipeline.models.dtype_name("focus"), pipeline.recipe.focus.pooling == "flattened"
    found = check_affinity(f"focus affinity, {case.name}", made.value, dtype, scrambled=scrambled)
    return replace(found, measured=f"{found.measured}; {spending(made.cost)}")


def check_affinity(name: str, made: Affinity, dtype: str, *, scrambled: bool) -> Check:
    """Check that an affinity is finite and that its rows sum to 1."""
    sums = made.matrix.astype(np.float32).sum(axis=1)
    if not np.isfinite(sums).all():
        return Check(name, "failed", f"not finite in {dtype}", "--set focus.dtype=float32")
    apart = float(np.abs(sums - 1).max())
    rows, cols = made.grid_hw
    measured = f"finite in {dtype} on {rows} x {cols} cells, rows sum to 1 within {apart:.1e}"
    if scrambled:
        return Check(name, "ok", f"finite in {dtype} on {rows} x {cols} cells; {SCRAMBLED}")
    if apart > SUMS:
        return Check(name, "failed", f"{measured} ({SUMS:g} allowed)", OURS, {"apart": apart})
    return Check(name, "ok", measured, figures={"apart": apart})


def masks(pipeline: Pipeline, case: Case, *, random: bool) -> Check:
    """Let Segment Anything draw what is in the object's own box, whatever the stages before found."""
    segmenter, name = pipeline.models.refine(), f"refine masks, {case.name}"
    with hardware.memory_guard("refine", REMEDY), hardware.metered(pipeline.device) as meter:
        encoded = segmenter.encode(case.picture)
        offered = decode(segmenter, encoded, case.box, replace(pipeline.recipe.refine, prompt="box"), None)
        if offered is None:
            raise ValueError("the box lies beside the picture")
        logits = encoded.square.to_image(offered.low_res)[0].cpu().numpy()
    predicted = offered.predicted_iou[0].cpu().numpy()
    dtype = pipeline.models.dtype_name("refine")
    found = check_masks(name, logits, predicted, segmenter.threshold, case.box, dtype, random=random)
    return replace(found, measured=f"{found.measured}; {spending(Cost(meter.seconds, meter.peak_bytes))}")


def check_masks(
    name: str, logits: Float32, predicted: Float32, threshold: float, box: Box, dtype: str, *, random: bool
) -> Check:
    """Check the hypotheses: logits (3, H, W), the predicted IoU of each, and that the best lies in the box."""
    if not (np.isfinite(logits).all() and np.isfinite(predicted).all()):
        return Check(name, "failed", f"not finite in {dtype}", "--set refine.dtype=float32")
    drawn: list[Bool] = list(logits > threshold)
    shares = ", ".join(f"{mask.mean():.0%}" for mask in drawn)
    measured = f"{len(drawn)} masks of {shares} of the picture, best predicted IoU {predicted.max():.2f}"
    if len(drawn) != 3:
        return Check(name, "failed", f"{measured}; 3 were due", MASKS_ADVICE)
    if random:
        return Check(name, "ok", f"{measured}; random weights: where they lie means nothing")
    best = drawn[int(predicted.argmax())]
    inside = frames.box_to_mask(box, (best.shape[0], best.shape[1]))
    lying = float(best[inside].sum() / best.sum()) if best.any() else 0.0
    measured += f", {lying:.0%} of the best in the object's box"
    if lying < LYING or best[inside].mean() < 0.1:
        advice = f"{MASKS_ADVICE}; try --set refine.dtype=float32"
        return Check(name, "failed", f"{measured}, of which it covers {best[inside].mean():.0%}", advice)
    return Check(name, "ok", measured, figures={"inside": lying})


def together(pipeline: Pipeline, case: Case) -> Check:
    """Ground the object, with what the stages made already, and check that all of it lies in one place."""
    [first] = pipeline.look([Question(case.picture, case.expression)])
    [drawn] = pipeline.refine([first], [first.coarse.box])
    return lie_together(f"together, {case.name}", drawn, case.box)


def lie_together(name: str, found: Look, box: Box) -> Check:
    """Check that attention, answer, mask and the object's own box lie on one another."""
    outline, said = found.drawn, found.overview.answer_box
    if outline.box is None or said is None:
        what = "Evolve and Refine drew nothing" if said else "the answer holds no box"
        return Check(name, "failed", what, "see the lines of the stages; else try --set evolve.alpha=0.3")
    dense = frames.resize_map(found.attention, found.picture.hw)
    lift = float(dense[outline.mask].mean() / max(float(dense.mean()), 1e-12))
    lying = frames.share_of_smaller(said, outline.box)
    truths = frames.box_iou(said, box), frames.box_iou(outline.box, box)
    figures = {"lift": lift, "lying": lying, "answer_iou": truths[0], "mask_iou": truths[1]}
    measured = (
        f"attention {lift:.1f} times as dense on the mask as on the picture, answer's and mask's box share "
        f"{lying:.0%} of the smaller, IoU with the object {truths[0]:.2f} (answer) and {truths[1]:.2f} (mask)"
    )
    wrong = []
    if lift < LIFT:
        wrong.append("attention: choose overview.layers and overview.weights for this model (16 to 19 are the 7B's)")
    if truths[0] < OVERLAP:
        wrong.append("answer: the box is read in the wrong unit, or the model does not know the object; see its words")
    if truths[1] < OVERLAP or lying < LYING:
        wrong.append("mask: compare the recipe `qwen-sam`, which leaves out attention and Focus; draw `panel.png`")
    return Check(name, "failed" if wrong else "ok", measured, "; ".join(wrong), figures)


def spending(cost: Cost) -> str:
    """Return seconds and peak memory in words."""
    peak = f", peak {gib(cost.peak_bytes)}" if cost.peak_bytes else ""
    return f"{cost.seconds:.2f} s{peak}"
