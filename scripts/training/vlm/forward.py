"""Run the model's own weights faster than its own code: many questions per image share one image's keys and values.

Every function reads the parameters of `Qwen2_5_VLForConditionalGeneration` in place, so that what is trained here is
what `from_pretrained` loads; `tests/training/test_vlm.py` holds the two to the same hidden states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Model = Any
"""A `Qwen2_5_VLForConditionalGeneration`: its submodules are typed as 'Tensor or Module' and so not usable typed."""

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Trace:
    """What a pass returns: final normalised turns, states after each layer, and turn-to-prefix attention."""

    turns: Tensor | None
    prefix_after: list[Tensor]
    turns_after: list[Tensor]
    to_prefix: list[Tensor]
    """Per layer (B, heads, K * L, P), only if asked for."""


def patches_of(images: Tensor, patch: int = 14, merge: int = 2) -> Tensor:
    """Cut uint8 images (B, H, W, 3) into normalised patches (B, N, 3 * 14 * 14), each merged cell's four in a row."""
    pixels = (images.float() / 255 - images.new_tensor(MEAN, dtype=torch.float32)) / images.new_tensor(
        STD, dtype=torch.float32
    )
    batch, height, width, _ = pixels.shape
    rows, columns = height // patch // merge, width // patch // merge
    cells = pixels.view(batch, rows, merge, patch, columns, merge, patch, 3).permute(0, 1, 4, 2, 5, 7, 3, 6)
    return cells.reshape(batch, rows * columns * merge * merge, 3 * patch * patch)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def _norm(x: Tensor, layer: Any, eps: float) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), layer.weight, eps)


def _mlp(x: Tensor, mlp: Any) -> Tensor:
    out: Tensor = mlp.down_proj(F.silu(mlp.gate_proj(x)) * mlp.up_proj(x))
    return out


def vision_rope(grid_rc: tuple[int, int], head: int, theta: float) -> tuple[Tensor, Tensor]:
    """Make the vision tower's cosines and sines (N, head) for a patch grid, in merged-cell order."""
    rows, columns = grid_rc
    row = torch.arange(rows)[:, None].expand(rows, columns)
    column = torch.arange(columns)[None].expand(rows, columns)

    def ordered(values: Tensor) -> Tensor:
        return values.reshape(rows // 2, 2, columns // 2, 2).permute(0, 2, 1, 3).reshape(-1).float()

    frequency = 1.0 / (theta ** (torch.arange(0, head // 2, 2).float() / (head // 2)))
    angle = torch.cat([ordered(row)[:, None] * frequency, ordered(column)[:, None] * frequency], 1)
    angle = torch.cat([angle, angle], 1)
    return angle.cos(), angle.sin()


def see(model: Model, images: Tensor) -> Tensor:
    """Turn uint8 images (B, H, W, 3), sides multiples of 28, into merged image tokens (B, rows * columns, d)."""
    visual = model.model.visual
    weight = visual.patch_embed.proj.weight.sum(2).flatten(1)
    x = F.linear(patches_of(images).to(weight.dtype), weight)
    batch, count, width = x.shape
    heads = visual.config.num_heads
    head = width // heads
    grid = (images.shape[1] // 14, images.shape[2] // 14)
    cos, sin = (t.to(x) for t in vision_rope(grid, head, visual.config.rope_parameters["rope_theta"]))
    for block in visual.blocks:
        mixed = block.attn.qkv(_norm(x, block.norm1, 1e-6)).view(batch, count, 3, heads, head).permute(2, 0, 3, 1, 4)
        q, k = _rotate(mixed[0], cos, sin), _rotate(mixed[1], cos, sin)
        seen = F.scaled_dot_product_attention(q, k, mixed[2]).transpose(1, 2).reshape(batch, count, width)
        x = x + block.attn.proj(seen)
        x = x + _mlp(_norm(x, block.norm2, 1e-6), block.mlp)
    merged = _norm(x, visual.merger.ln_q, 1e-6).reshape(batch, count // 4, 4 * width)
    tokens: Tensor = visual.merger.mlp(merged)
    return tokens


def text_rope(model: Model, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Make the text tower's cosines and sines (N, head) for M-RoPE positions (3, N)."""
    rotary = model.model.language_model.rotary_emb
    device = rotary.inv_freq.device
    cos, sin = rotary(torch.zeros(1, device=device), positions[:, None].to(device))
    return cos[0], sin[0]


def prefix_positions(before: int, grid_rc: tuple[int, int]) -> Tensor:
    """Give M-RoPE positions (3, P) of `before` text tokens followed by an image of rows x columns merged tokens."""
    rows, columns = grid_rc
    text = torch.arange(before)[None].expand(3, before)
    row = torch.arange(rows)[:, None].expand(rows, columns).reshape(-1)
    column = torch.arange(columns)[None].expand(rows, columns).reshape(-1)
    return torch.cat([text, torch.stack([torch.zeros_like(row), row, column]) + before], 1)


def read(
    model: Model,
    prefix: Tensor,
    turns: Tensor | None,
    before: int,
    grid_rc: tuple[int, int],
    layers: int | None = None,
    keep_attention: bool = False,
) -> Trace:
    """Run the language model over prefixes (B, P, d), and K turns of each (B, K, L, d), every turn by itself."""
    text = model.model.language_model
    eps, heads = text.config.rms_norm_eps, text.config.num_attention_heads
    batch, length, width = prefix.shape
    head = width // heads
    scale = head**-0.5
    p_cos, p_sin = (t.to(prefix) for t in text_rope(model, prefix_positions(before, grid_rc)))
    stream, split = prefix.reshape(-1, width), batch * length
    if turns is not None:
        _, count, span, _ = turns.shape
        start = before + max(grid_rc)
        t_cos, t_sin = (t.to(prefix) for t in text_rope(model, (start + torch.arange(span))[None].expand(3, span)))
        stream = torch.cat([stream, turns.reshape(-1, width)])
        forbidden = torch.full((span, span), float("-inf")).triu(1).to(prefix)
    after: list[Tensor] = []
    turns_after: list[Tensor] = []
    attentions: list[Tensor] = []
    for layer in text.layers[:layers]:
        attention = layer.self_attn
        x = _norm(stream, layer.input_layernorm, eps)
        q, k, v = attention.q_proj(x), attention.k_proj(x), attention.v_proj(x)

        def own(t: Tensor) -> Tensor:
            return t[:split].view(batch, length, heads, head).transpose(1, 2)

        pq, pk, pv = _rotate(own(q), p_cos, p_sin), _rotate(own(k), p_cos, p_sin), own(v)
        out = F.scaled_dot_product_attention(pq, pk, pv, is_causal=True).transpose(1, 2).reshape(-1, width)
        if turns is not None:

            def theirs(t: Tensor) -> Tensor:
                return t[split:].view(batch, count, span, heads, head).permute(0, 3, 1, 2, 4)

            tq, tk, tv = _rotate(theirs(q), t_cos, t_sin), _rotate(theirs(k), t_cos, t_sin), theirs(v)
            tq = tq * scale
            far = tq.reshape(batch, heads, count * span, head) @ pk.transpose(2, 3)
            near = tq @ tk.transpose(3, 4) + forbidden
            both = torch.cat([far.view(batch, heads, count, span, length), near], -1).softmax(-1)
            far, near = both[..., :length].reshape(batch, heads, count * span, length), both[..., length:]
            answer = (far @ pv).view(batch, heads, count, span, head) + near @ tv
            out = torch.cat([out, answer.permute(0, 2, 3, 1, 4).reshape(-1, width)])
            if keep_attention:
                attentions.append(far.detach())
        stream = stream + attention.o_proj(out)
        stream = stream + _mlp(_norm(stream, layer.post_attention_layernorm, eps), layer.mlp)
        after.append(stream[:split].view(batch, length, width))
        if turns is not None:
            turns_after.append(stream[split:].view(batch, count, span, width))
    final = None
    if turns is not None:
        final = _norm(stream[split:], text.norm, eps).view(batch, count, span, width)
    return Trace(final, after, turns_after, attentions)
