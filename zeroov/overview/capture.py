"""Read attention rows while the model answers, without ever holding an attention matrix.

The model's own kernel (SDPA or flash attention) makes the output. Beside it, in the wanted layers only, the newest
position's row over the image tokens is computed from the same queries and keys: one row instead of a matrix.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from zeroov.errors import ModelError
from zeroov.types import Float32

_recorder: contextvars.ContextVar[RowRecorder | None] = contextvars.ContextVar("zeroov_row_recorder", default=None)
_last_layer: contextvars.ContextVar[int | None] = contextvars.ContextVar("zeroov_last_layer", default=None)
TWIN = "zeroov_rows_"
_capturing = threading.RLock()  # the kernel is swapped on the model itself: one capture at a time


class RowRecorder:
    """The running mean, over answer steps, of the newest position's attention to the image tokens.

    `step` ends a step: there it is known which answers of the batch had already ended, whose steps must not count. The
    same place gives the probability of the token that greedy decoding takes. With `steps_each` the answers are known,
    and one pass over prompt and answers holds all their steps: so many of the newest positions count.
    """

    def __init__(
        self, image_positions: Tensor, mask: Tensor, layers: Sequence[int], steps_each: Sequence[int] | None = None
    ):
        """Take `image_positions` (batch, n), padded with -1, and the prompt's `mask` (batch, length), 0 for padding."""
        self.layers = tuple(layers)
        self.mask = mask.bool()
        self._padded = not bool(self.mask.all())
        self._indexes = image_positions.clamp(min=0)
        self._each = None if steps_each is None else torch.as_tensor(steps_each, device=mask.device)
        self._newest = 1 if steps_each is None else max(steps_each)
        batch = mask.shape[0]
        self.steps = torch.zeros(batch, dtype=torch.long, device=mask.device)
        self.log_probability = torch.zeros(batch, device=mask.device)
        self._step_rows: dict[int, Tensor] = {}
        self._sums: dict[int, Tensor] = {}

    def add(self, layer: int, query: Tensor, key: Tensor, scaling: float) -> None:
        """Compute one layer's row of this step: `query` (B, heads, q, d), `key` (B, key heads, length, d), rotated."""
        batch, heads, _, depth = query.shape
        key_heads, length = key.shape[1], key.shape[2]
        grown = length - self.mask.shape[1]
        if grown < 0:
            raise ModelError(f"layer {layer} holds {length} keys for a prompt of {self.mask.shape[1]} tokens")
        where = self._indexes.to(query.device)[:, None, :].expand(batch, heads, -1)
        visible = torch.nn.functional.pad(self.mask.to(query.device), (0, grown), value=True)
        rows: Tensor | None = None
        for back in range(1, self._newest + 1):  # one position after the other: no matrix
            last = query[:, :, -back].reshape(batch, key_heads, heads // key_heads, depth)
            keys = key if back == 1 else key[:, :, : 1 - back]
            scores = torch.matmul(last, keys.transpose(2, 3)).float().mul_(scaling)  # (B, key heads, group, length)
            if self._padded:
                scores.masked_fill_(~visible[:, None, None, : keys.shape[2]], float("-inf"))
            row = scores.softmax(dim=-1).reshape(batch, heads, -1).gather(2, where)
            if self._each is not None:
                row = row * (self._each.to(row.device) >= back)[:, None, None]
            rows = row if rows is None else rows + row
        assert rows is not None
        self._step_rows[layer] = rows

    def step(self, scores: Tensor, active: Tensor) -> None:
        """End a step: count its rows for the sequences that were still answering; `scores` (B, tokens)."""
        self._count(active)
        best = scores.amax(dim=-1) - scores.logsumexp(dim=-1)
        self.log_probability += best * active

    def all_steps(self) -> None:
        """End the one pass that held all steps of known answers."""
        self._count(self._each if self._each is not None else torch.ones_like(self.steps))

    def _count(self, steps: Tensor) -> None:
        """Add the rows of this pass, in which each sequence made so many steps."""
        if set(self._step_rows) != set(self.layers):
            missing = sorted(set(self.layers) - set(self._step_rows))
            raise ModelError(f"layers {missing} were not seen while the model answered; attention cannot be read")
        for layer, rows in self._step_rows.items():
            counted = rows * (steps > 0).to(rows.device)[:, None, None]
            self._sums[layer] = self._sums[layer] + counted if layer in self._sums else counted
        self._step_rows = {}
        self.steps += steps

    def mean_rows(self, sample: int, tokens: int) -> Float32:
        """Return the (layers, heads, tokens) mean over the steps of one sample of the batch."""
        steps = int(self.steps[sample])
        if steps == 0:
            raise ModelError("the model made no answer step; attention cannot be read")
        rows = torch.stack([self._sums[layer][sample, :, :tokens].cpu() for layer in self.layers])
        mean: Float32 = (rows / steps).numpy()
        return mean

    def confidence(self, sample: int) -> float:
        """Return the geometric mean of the probabilities of one sample's answer tokens; 1 where none were computed."""
        return float(torch.exp(self.log_probability[sample] / self.steps[sample].clamp(min=1)))


class _Enough(Exception):
    """Leave the forward pass: no later layer is wanted."""


def _register(kernel: str) -> str:
    """Register the recording twin of a kernel, and of its mask function, and return its name.

    Without the mask function transformers passes no mask at all, and the causal mask is silently lost.
    """
    name = f"{TWIN}{kernel}"
    if name in ALL_ATTENTION_FUNCTIONS:
        return name
    if kernel not in ALL_ATTENTION_FUNCTIONS or kernel not in ALL_MASK_ATTENTION_FUNCTIONS:
        raise ModelError(f"Overview cannot read beside the attention kernel `{kernel}`; load the model with sdpa")

    def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **kwargs: Any) -> Any:
        recorder = _recorder.get()
        if recorder is not None and module.layer_idx in recorder.layers:
            recorder.add(module.layer_idx, query, key, float(kwargs["scaling"]))
        if module.layer_idx == _last_layer.get():
            raise _Enough
        if kernel == "sdpa" and _packs(query, key, attention_mask):
            return _attend_packed(query, key, value, attention_mask, float(kwargs["scaling"])), None
        module.config._attn_implementation = kernel  # flash attention looks itself up by this name
        try:
            return ALL_ATTENTION_FUNCTIONS[kernel](module, query, key, value, attention_mask, **kwargs)
        finally:
            module.config._attn_implementation = name

    AttentionInterface.register(name, attend)
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[kernel])
    return name


def _packs(query: Tensor, key: Tensor, mask: Tensor | None) -> bool:
    """Return whether the queries that share a key head may stand in a row: one step, or a mask that is theirs."""
    return query.shape[1] > key.shape[1] and (query.shape[2] == 1 if mask is None else mask.shape[1] == 1)


def _attend_packed(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float) -> Tensor:
    """Attend with queries (B, heads, q, d) of which several share a key head, and copy no keys; (B, q, heads, d).

    transformers repeats keys and values for each query head where there is a mask, and reads them so often without.
    """
    batch, heads, steps, depth = query.shape
    group = heads // key.shape[1]
    if mask is not None:
        mask = mask.repeat(1, 1, group, 1)
    packed = query.reshape(batch, key.shape[1], group * steps, depth)
    out = torch.nn.functional.scaled_dot_product_attention(packed, key, value, attn_mask=mask, scale=scaling)
    return out.reshape(batch, heads, steps, -1).transpose(1, 2).contiguous()


@contextlib.contextmanager
def capture_rows(model: PreTrainedModel, recorder: RowRecorder) -> Iterator[RowRecorder]:
    """Let the language part of `model` record into `recorder`; the vision tower keeps its kernel. Restored after."""
    token = _recorder.set(recorder)
    try:
        with _beside(model.config.get_text_config()):
            yield recorder
    finally:
        _recorder.reset(token)


@contextlib.contextmanager
def stop_after(model: PreTrainedModel, layer: int | None) -> Iterator[None]:
    """Leave a forward pass in the block where a layer has its keys and values, and the block with it.

    `None`: all layers run.
    """
    if layer is None:
        yield
        return
    token = _last_layer.set(layer)
    try:
        with contextlib.suppress(_Enough), _beside(model.config.get_text_config()):
            yield
    finally:
        _last_layer.reset(token)


@contextlib.contextmanager
def _beside(text: Any) -> Iterator[None]:
    """Put the recording twin in the place of the language part's kernel; one thread at a time."""
    with _capturing:
        kernel = text._attn_implementation
        try:
            text._attn_implementation = _register(kernel.removeprefix(TWIN))
            yield
        finally:
            text._attn_implementation = kernel
