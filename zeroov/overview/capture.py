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
from transformers import AttentionInterface, LogitsProcessor, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from zeroov.errors import ModelError, RecipeError
from zeroov.types import Float32

_recorder: contextvars.ContextVar[RowRecorder | None] = contextvars.ContextVar("zeroov_row_recorder", default=None)


_capturing = threading.Lock()  # the kernel is swapped on the model itself: one capture at a time


class RowRecorder(LogitsProcessor):
    """The running mean, over answer steps, of the newest position's attention to the image tokens.

    It sits in the `generate` call as a logits processor: that is where a step ends, and where it is known which
    sequences of the batch had already finished, whose steps must not count. The same place gives the probability of
    the token that greedy decoding takes.
    """

    def __init__(self, image_positions: Tensor, prompt_mask: Tensor, layers: Sequence[int], end_ids: Sequence[int]):
        """Take `image_positions` (batch, n), padded with -1, and `prompt_mask` (batch, length), 0 for padding."""
        self.layers = tuple(layers)
        self.prompt_mask = prompt_mask.bool()
        self._padded = not bool(self.prompt_mask.all())
        self._indexes = image_positions.clamp(min=0)
        self.end_ids = torch.as_tensor(list(end_ids), device=prompt_mask.device)
        batch = prompt_mask.shape[0]
        self.steps = torch.zeros(batch, dtype=torch.long, device=prompt_mask.device)
        self.log_probability = torch.zeros(batch, device=prompt_mask.device)
        self._step_rows: dict[int, Tensor] = {}
        self._sums: dict[int, Tensor] = {}

    def add(self, layer: int, query: Tensor, key: Tensor, scaling: float) -> None:
        """Compute one layer's row of this step: `query` (B, heads, q, d), `key` (B, key heads, length, d), rotated."""
        batch, heads, _, depth = query.shape
        key_heads, length = key.shape[1], key.shape[2]
        last = query[:, :, -1].reshape(batch, key_heads, heads // key_heads, depth)
        scores = torch.matmul(last, key.transpose(2, 3)).float().mul_(scaling)  # (B, key heads, group, length)
        grown = length - self.prompt_mask.shape[1]
        if grown < 0:
            raise ModelError(f"layer {layer} holds {length} keys for a prompt of {self.prompt_mask.shape[1]} tokens")
        if self._padded:
            visible = torch.nn.functional.pad(self.prompt_mask.to(scores.device), (0, grown), value=True)
            scores.masked_fill_(~visible[:, None, None, :], float("-inf"))
        row = scores.softmax(dim=-1).reshape(batch, heads, length)
        where = self._indexes.to(scores.device)[:, None, :].expand(batch, heads, -1)
        self._step_rows[layer] = row.gather(2, where)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """End a step: count its rows for the sequences that were still answering."""
        if set(self._step_rows) != set(self.layers):
            missing = sorted(set(self.layers) - set(self._step_rows))
            raise ModelError(f"layers {missing} were not seen while the model answered; attention cannot be read")
        answered = input_ids[:, self.prompt_mask.shape[1] :]
        active = ~torch.isin(answered, self.end_ids.to(answered.device)).any(dim=1)
        for layer, rows in self._step_rows.items():
            counted = rows * active.to(rows.device)[:, None, None]
            self._sums[layer] = self._sums[layer] + counted if layer in self._sums else counted
        self._step_rows = {}
        logits = scores.float()
        best = logits.amax(dim=-1) - logits.logsumexp(dim=-1)
        self.log_probability += best * active.to(best.device)
        self.steps += active
        return scores

    def mean_rows(self, sample: int, tokens: int) -> Float32:
        """Return the (layers, heads, tokens) mean over the steps of one sample of the batch."""
        steps = int(self.steps[sample])
        if steps == 0:
            raise ModelError("the model made no answer step; attention cannot be read")
        rows = torch.stack([self._sums[layer][sample, :, :tokens].cpu() for layer in self.layers])
        mean: Float32 = (rows / steps).numpy()
        return mean

    def confidence(self, sample: int) -> float:
        """Return the geometric mean of the probabilities of one sample's answer tokens."""
        return float(torch.exp(self.log_probability[sample] / self.steps[sample].clamp(min=1)))


def _register(kernel: str) -> str:
    """Register the recording twin of a kernel, and of its mask function, and return its name.

    Without the mask function transformers passes no mask at all, and the causal mask is silently lost.
    """
    name = f"zeroov_rows_{kernel}"
    if name in ALL_ATTENTION_FUNCTIONS:
        return name
    if kernel not in ALL_ATTENTION_FUNCTIONS or kernel not in ALL_MASK_ATTENTION_FUNCTIONS:
        raise ModelError(f"Overview cannot read beside the attention kernel `{kernel}`; load the model with sdpa")

    def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **kwargs: Any) -> Any:
        recorder = _recorder.get()
        if recorder is not None and module.layer_idx in recorder.layers:
            recorder.add(module.layer_idx, query, key, float(kwargs["scaling"]))
        module.config._attn_implementation = kernel  # flash attention looks itself up by this name
        try:
            return ALL_ATTENTION_FUNCTIONS[kernel](module, query, key, value, attention_mask, **kwargs)
        finally:
            module.config._attn_implementation = name

    AttentionInterface.register(name, attend)
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[kernel])
    return name


@contextlib.contextmanager
def capture_rows(model: PreTrainedModel, recorder: RowRecorder) -> Iterator[RowRecorder]:
    """Let the language part of `model` record into `recorder`; the vision tower keeps its kernel. Restored after."""
    text = model.config.get_text_config()
    depth = text.num_hidden_layers
    beyond = [layer for layer in recorder.layers if layer >= depth]
    if beyond:
        raise RecipeError(
            f"overview.layers names {beyond}, but the model has layers 0 to {depth - 1}; "
            "set overview.layers and overview.weights for this model"
        )
    kinds = getattr(text, "layer_types", None) or ["full_attention"] * depth
    sliding = [layer for layer in recorder.layers if kinds[layer] != "full_attention"]
    if sliding:
        raise RecipeError(f"overview.layers names {sliding}, which see only a sliding window; choose other layers")
    with _capturing:
        kernel = text._attn_implementation
        token = _recorder.set(recorder)
        try:
            text._attn_implementation = _register(kernel)
            yield recorder
        finally:
            text._attn_implementation = kernel
            _recorder.reset(token)
