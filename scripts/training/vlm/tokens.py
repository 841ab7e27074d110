"""Build the miniature VLM's tokenizer: Qwen2's class and special tokens, few words, whole numbers as one token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

import zeroov.mini
from zeroov.mini.expressions import POSITIONS, RELATIONS, SUPERLATIVES, SYNONYMS
from zeroov.mini.kinds import COLOURS, KINDS

SHIPPED = Path(zeroov.mini.__file__).parent / "weights" / "vlm"
"""The shipped model's folder, whose chat template is Qwen2.5-VL's."""
NUMBERS = 1025
"""Whole numbers 0 to 1024 are one token each."""
PROMPT_HEAD = "Locate it according to the following description."
PROMPT_TAIL = " The output format should be like [x1, y1, x2, y2] without any other text."
SYSTEM = "You are a helpful assistant."
PHRASES = (PROMPT_HEAD, PROMPT_TAIL, SYSTEM, ", ", "[]")
"""One token each, so that a question is short: training on a CPU pays for every token.

And `[]`, the answer for what is not there, is one token so that the first answer token alone decides: `[` or `[]`.
After `[`, an empty answer's one `]` would compete with a crowd of likely numbers, and win greedily at odds of 1:9.
"""
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
OTHER_WORDS = """
system user assistant nothing ground grass soil sand concrete water field road image picture there is are no not
this that it an and or of in on at by with near next close under over between behind upper lower left right top
bottom middle center centre corner side big tiny huge green orange grey gray brown pink object aircraft jet truck
tower house roof pool harbor airport runway lake river forest tree car cars boat boats
"""
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _words() -> Iterator[str]:
    """Yield every word of the world, bare and after a space, many times over so that the trainer merges each whole."""
    known = [*KINDS, *(kind.plural for kind in KINDS.values()), *SYNONYMS.values(), *COLOURS, *POSITIONS, *RELATIONS]
    words = " ".join([*known, *SUPERLATIVES, OTHER_WORDS, "the a large small"]).split()
    for word in sorted(set(words)):
        for _ in range(8):
            yield f"{word} {word} {word.capitalize()} {word.capitalize()}"


def build_tokenizer(chat_template: str) -> Qwen2Tokenizer:
    """Learn byte-level merges until each word of the world is one token, then add numbers, phrases, special tokens."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        min_frequency=2,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    raw.train_from_iterator(_words(), trainer)
    model = json.loads(raw.to_str())["model"]
    merges: Any = [tuple(pair) for pair in model["merges"]]
    tokenizer = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=merges,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL[1:]),
        model_max_length=4096,
    )
    tokenizer.add_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(str(number), normalized=False) for number in range(NUMBERS)])
    tokenizer.add_tokens([AddedToken(phrase, normalized=False) for phrase in PHRASES])
    tokenizer.chat_template = chat_template
    return tokenizer


def read_chat_template(folder: Path) -> str:
    """Read the chat template from a folder of tokenizer files, in the newer or the older of the hub's two forms."""
    if (folder / "chat_template.jinja").exists():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    return str(json.loads((folder / "chat_template.json").read_text(encoding="utf-8"))["chat_template"])
