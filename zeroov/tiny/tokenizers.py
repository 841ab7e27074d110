"""Byte tokenizers of the real classes: no learned merges, every byte has a token, the real special tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_letters() -> list[str]:
    """Return the printable letter by which byte-level BPE writes each of the 256 bytes, in byte order."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = iter(range(256, 512))
    return [chr(byte) if byte in kept else chr(next(moved)) for byte in range(256)]


def write_qwen_tokenizer(folder: Path) -> None:
    """Write a tokenizer of the Qwen2 class: 256 byte tokens, then the special tokens, and a chat template."""
    write_byte_tokenizer(folder, QWEN_SPECIAL, CHAT_TEMPLATE, end="<|im_end|>", kind="Qwen2TokenizerFast")


def write_byte_tokenizer(
    folder: Path, special: Sequence[str], template: str, *, end: str, kind: str, **named: str
) -> None:
    """Write a tokenizer of class `kind`: 256 byte tokens, then the special tokens, of which some are `named`.

    The first special token is for padding, `end` ends an answer.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {letter: index for index, letter in enumerate(byte_letters())}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=end,
        pad_token=special[0],
        additional_special_tokens=list(special),
        padding_side="left",
        model_max_length=131072,
    )
    fast.chat_template = template
    fast.save_pretrained(folder)
    settings = folder / "tokenizer_config.json"
    plain = json.loads(settings.read_text(encoding="utf-8"))
    plain |= {"tokenizer_class": kind, **named}
    settings.write_text(json.dumps(plain, indent=2), encoding="utf-8")


def write_clip_tokenizer(folder: Path) -> int:
    """Write a CLIP tokenizer of single letters, inner and word-final; return the size of its vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = byte_letters()
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    special["pad_token"] = "<|endoftext|>"
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2), encoding="utf-8")
    return len(tokens)
