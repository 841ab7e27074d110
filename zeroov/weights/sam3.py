"""SAM 3 as it is published: which folders are one, and how it reads a noun."""

from __future__ import annotations

import logging
from typing import Any

LOG = logging.getLogger("zeroov")
MODEL_TYPES = ("sam3", "sam3_video")  # of config.json; published as a detector and a tracker in one file


def tokens_of(tokenizer: Any, noun: str, longest: int) -> Any:
    """Return a noun's tokens, as many as the model takes. Of a longer one the last words are kept: the thing itself.

    The tokenizer of the published model cuts nothing off by itself, and the model fails on what is too long.
    """
    words = noun.split()
    while len(words) > 1 and len(tokenizer(" ".join(words), verbose=False)["input_ids"]) > longest:
        words = words[1:]
    kept = " ".join(words)
    if kept != " ".join(noun.split()):
        LOG.warning("SAM 3 reads %d tokens; of `%.60s...` it is asked for `%s`", longest, noun, kept)
    return tokenizer([kept], padding="max_length", max_length=longest, truncation=True, return_tensors="pt")
