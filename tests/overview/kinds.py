"""A small random checkpoint of every family of language models: the real classes and processors, our own tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from zeroov.tiny.tokenizers import CHAT_TEMPLATE, QWEN_SPECIAL, write_byte_tokenizer

LAYERS = 4
QWEN_IDS = {token: 256 + place for place, token in enumerate(QWEN_SPECIAL)}
# Of the published templates, what matters here: where the picture stands, and how thinking is turned off.
THINKING_OFF = "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
QWEN3_5_TEMPLATE = CHAT_TEMPLATE.replace("<|im_start|>assistant\n", "<|im_start|>assistant\n" + THINKING_OFF)
GLM_SPECIAL = (
    "<|endoftext|>",
    "[gMASK]",
    "<sop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|begin_of_image|>",
    "<|end_of_image|>",
    "<|begin_of_video|>",
    "<|end_of_video|>",
    "<|image|>",
    "<|video|>",
    "<think>",
    "</think>",
    "<|begin_of_box|>",
    "<|end_of_box|>",
)
GLM_TEMPLATE = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|begin_of_image|><|image|><|end_of_image|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{% if enable_thinking is defined and not enable_thinking %}/nothink{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think></think>\n{% endif %}{% endif %}"
)
INTERN_NAMED = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}
INTERN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    *INTERN_NAMED.values(),
    "<ref>",
    "</ref>",
    "<box>",
    "</box>",
)
INTERN_TEMPLATE = CHAT_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<IMG_CONTEXT>\n")
CLIP: dict[str, Any] = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}


def text_of(special: tuple[str, ...], end: str, **more: Any) -> dict[str, Any]:
    return {
        "hidden_size": 64,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "intermediate_size": 96,
        "vocab_size": 256 + len(special),
        "max_position_embeddings": 4096,
        "eos_token_id": 256 + special.index(end),
        "pad_token_id": 256,
        **more,
    }


def _rope(*sections: int, **more: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": list(sections), **more}}


EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
LINEAR: dict[str, Any] = {
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}
LINEAR |= {"layer_types": ["linear_attention", "full_attention"] * 2}


def _tokenizer(folder: Path) -> Any:
    import transformers

    hub: Any = transformers  # its stubs do not know the class
    return hub.Qwen2TokenizerFast.from_pretrained(folder)


def qwen(config: str, *, text: dict[str, Any], deep: bool, template: str = CHAT_TEMPLATE) -> Callable[[Path], Any]:
    def build(folder: Path) -> Any:
        import transformers
        from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

        vision: dict[str, Any] = {"depth": 3, "hidden_size": 32, "num_heads": 2, "intermediate_size": 64}
        vision |= {"out_hidden_size": 64, "patch_size": 16, "num_position_embeddings": 64}
        if deep:
            vision["deepstack_visual_indexes"] = [0, 1]
        names = {"image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>"}
        names |= {"vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>"}
        made = getattr(transformers, f"{config}Config")(
            text_config=text_of(QWEN_SPECIAL, "<|im_end|>", **text),
            vision_config=vision,
            **{name: QWEN_IDS[token] for name, token in names.items()},
        )
        write_byte_tokenizer(folder, QWEN_SPECIAL, template, end="<|im_end|>", kind="Qwen2TokenizerFast")
        bounds: dict[str, Any] = {"size": {"shortest_edge": 1024, "longest_edge": 1 << 20}, "patch_size": 16}
        Qwen3VLProcessor(
            Qwen2VLImageProcessor(**bounds),
            _tokenizer(folder),
            Qwen3VLVideoProcessor(),
            chat_template=template,
        ).save_pretrained(folder)
        return getattr(transformers, f"{config}ForConditionalGeneration")(made)

    return build


def glm(config: str, processor: str, **text: Any) -> Callable[[Path], Any]:
    def build(folder: Path) -> Any:
        import transformers
        from transformers import PreTrainedTokenizerFast

        ids = {token: 256 + place for place, token in enumerate(GLM_SPECIAL)}
        vision = {"depth": 2, "hidden_size": 32, "num_heads": 2, "intermediate_size": 64, "out_hidden_size": 64}
        names = {"image_token_id": "<|image|>", "video_token_id": "<|video|>"}
        names |= {"image_start_token_id": "<|begin_of_image|>", "image_end_token_id": "<|end_of_image|>"}
        names |= {"video_start_token_id": "<|begin_of_video|>", "video_end_token_id": "<|end_of_video|>"}
        made = getattr(transformers, f"{config}Config")(
            text_config=text_of(GLM_SPECIAL, "<|user|>", **_rope(2, 1, 1, partial_rotary_factor=0.5), **text),
            vision_config={**vision, "image_size": 56, "patch_size": 14},
            **{name: ids[token] for name, token in names.items()},
        )
        write_byte_tokenizer(folder, GLM_SPECIAL, GLM_TEMPLATE, end="<|user|>", kind="PreTrainedTokenizerFast")
        getattr(transformers, f"{processor}Processor")(
            getattr(transformers, f"{processor}ImageProcessor")(),
            PreTrainedTokenizerFast.from_pretrained(folder),
            getattr(transformers, f"{processor}VideoProcessor")(),
            chat_template=GLM_TEMPLATE,
        ).save_pretrained(folder)
        return getattr(transformers, f"{config}ForConditionalGeneration")(made)

    return build


def internvl(folder: Path) -> Any:
    """Build an InternVL: a tile of 112 pixels is 4 x 4 tokens."""
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    config = InternVLConfig(
        text_config={"model_type": "qwen2", **text_of(INTERN_SPECIAL, "<|im_end|>")},
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "image_size": 112,
            "patch_size": 14,
        },
        image_token_id=256 + INTERN_SPECIAL.index("<IMG_CONTEXT>"),
        image_seq_length=16,
        tie_word_embeddings=False,  # random weights would say the last token again
    )
    write_byte_tokenizer(
        folder, INTERN_SPECIAL, INTERN_TEMPLATE, end="<|im_end|>", kind="Qwen2TokenizerFast", **INTERN_NAMED
    )
    InternVLProcessor(
        GotOcr2ImageProcessor(size={"height": 112, "width": 112}, crop_to_patches=True, **CLIP),
        _tokenizer(folder),
        InternVLVideoProcessor(size={"height": 112, "width": 112}),
        image_seq_length=16,
        chat_template=INTERN_TEMPLATE,
    ).save_pretrained(folder)
    return InternVLForConditionalGeneration(config)


MROPE = _rope(4, 2, 2)
KINDS: dict[str, Callable[[Path], Any]] = {
    "qwen3_vl": qwen("Qwen3VL", text=MROPE, deep=True),
    "qwen3_vl_moe": qwen("Qwen3VLMoe", text={**MROPE, **EXPERTS}, deep=True),
    "qwen3_5": qwen("Qwen3_5", text={**_rope(1, 1, 0), **LINEAR}, deep=False, template=QWEN3_5_TEMPLATE),
    "qwen3_5_moe": qwen(
        "Qwen3_5Moe",
        text={**_rope(1, 1, 0), **LINEAR, **EXPERTS, "shared_expert_intermediate_size": 32},
        deep=False,
        template=QWEN3_5_TEMPLATE,
    ),
    "glm4v": glm("Glm4v", "Glm4v"),
    "glm46v": glm("Glm46V", "Glm46V"),
    "glm4v_moe": glm(
        "Glm4vMoe",
        "Glm4v",
        n_routed_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=32,
        n_shared_experts=1,
        first_k_dense_replace=1,
    ),
    "internvl": internvl,
}


def write(kind: str, folder: Path) -> None:
    """Write a checkpoint of a family whose answers differ: its weights are larger than those of an untrained model."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = KINDS[kind](folder)
    with torch.no_grad():
        for weight in model.model.language_model.parameters():
            if weight.ndim == 2:
                weight.mul_(4)
        for weight in getattr(model.model, "multi_modal_projector", torch.nn.Module()).parameters():
            weight.mul_(20)
    model.generation_config.eos_token_id = model.config.text_config.eos_token_id
    model.generation_config.pad_token_id = model.config.text_config.pad_token_id
    model.save_pretrained(folder)
