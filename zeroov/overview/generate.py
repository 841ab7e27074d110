"""Let the model answer greedily: the one call of `generate` for all that it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zeroov.overview.load import OverviewModels


def generate(models: OverviewModels, inputs: Mapping[str, Tensor], new_tokens: int, **options: Any) -> Tensor:
    """Return the tokens (batch, steps) that the model adds to a prompt.

    Greedy, but otherwise as the model's own generation config says (Qwen2.5-VL: repetition penalty 1.05).
    """
    with torch.inference_mode():
        tokens: Tensor = models.model.generate(
            **inputs,
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            max_new_tokens=new_tokens,
            use_cache=True,
            cache_implementation=None,
            prefill_chunk_size=None,
            return_dict_in_generate=False,
            **options,
        )
    return tokens[:, inputs["input_ids"].shape[1] :]
