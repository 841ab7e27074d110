"""What a recipe says of Overview: the vision-language model, what it is asked, and which of its attention is read."""

from __future__ import annotations

from dataclasses import dataclass

from zeroov.errors import RecipeError
from zeroov.recipe.depths import layers_or_depths
from zeroov.recipe.heads import Heads, heads_of
from zeroov.recipe.keys import address, at_least, between, finite_weights, holds_expression, key, named, one_of, shares

PROMPT = (
    "Locate it according to the following description.  {expression} "
    "The output format should be like [x1, y1, x2, y2] without any other text."
)
DTYPE = one_of("auto", "float32", "float16", "bfloat16")

SERVER = ("url", "url_seconds", "url_retries")  # an address is not a method


@dataclass(frozen=True)
class OverviewRecipe:
    """Stage 1: the vision-language model and which of its attention is read."""

    model: str = key("Qwen/Qwen2.5-VL-7B-Instruct", named)
    revision: str = key("", None)
    dtype: str = key("auto", DTYPE)
    quantize: str = key("none", one_of("none", "4bit"))
    attention: str = key("sdpa", one_of("sdpa", "flash_attention_2"))
    prompt: str = key(PROMPT, holds_expression)
    layers: tuple[int, ...] | str = key((16, 17, 18, 19), layers_or_depths)  # or depths: "57%-68%"
    weights: tuple[float, ...] = key((0.1, 0.1, 0.3, 0.5), finite_weights)
    max_new_tokens: int = key(128, between(1, 4096))
    min_pixels: int = key(0, at_least(0))  # 0: the model's own bound
    max_pixels: int = key(0, at_least(0))
    capture: str = key("layers", one_of("layers", "all"))
    heads: int | str = key(0, None)  # 0: the mean of all heads; n: of the n sharpest of each layer; or which
    relative: bool = key(False)
    relative_prompt: str = key("Write a general description of the image.", named)
    prefill_only: bool = key(False)
    answer: str = key("decoded", one_of("decoded", "given", "served"))  # given: by whoever asks, with each expression
    served_model: str = key("", None)  # what a server calls the model that talks: lists, names, and answers if `served`
    url: str = key("", address)  # of that server; the key is in the environment, see overview/server.py
    url_seconds: float = key(120.0, between(0.1, 3600))  # for one attempt
    url_retries: int = key(4, between(0, 20))
    position: float = key(0.0, between(0, 20))  # how much the words of place in the expression weigh A_C
    pyramid: tuple[float, ...] = key((), shares)  # also look at windows of these shares of the picture

    def __post_init__(self) -> None:
        if isinstance(self.heads, str):
            object.__setattr__(self, "heads", str(heads_of(self.heads)))  # a file is read once
            if self.capture == "all":
                raise RecipeError('overview.capture = "all" keeps all heads of all layers; leave out overview.heads')
        elif self.heads < 0:
            raise RecipeError(f"overview.heads = {self.heads} must be at least 0")
        if not isinstance(self.layers, str) and len(self.layers) != len(self.weights):
            raise RecipeError(
                f"overview.layers names {len(self.layers)} layers and overview.weights holds {len(self.weights)} "
                "weights; give one weight for each layer"
            )
        if self.min_pixels and self.max_pixels and self.min_pixels > self.max_pixels:
            raise RecipeError(f"overview.min_pixels {self.min_pixels} exceeds overview.max_pixels {self.max_pixels}")
        if not self.served_model and (self.url or self.answer == "served"):
            what = "overview.url" if self.url else 'overview.answer = "served"'
            raise RecipeError(f"{what} needs the name of the model that is served there, as overview.served_model")
        if self.answer == "served" and self.prefill_only:
            raise RecipeError(
                'overview.answer = "served" reads all steps of an answer, overview.prefill_only the first'
            )
        if self.answer == "given" and (self.prefill_only or self.pyramid):
            raise RecipeError(
                'overview.answer = "given" reads all steps of the one answer that is given: overview.prefill_only and '
                "overview.pyramid ask otherwise"
            )

    @property
    def fixed_heads(self) -> Heads | None:
        """The heads that are read, and no other ones, where the recipe names them."""
        return heads_of(self.heads) if isinstance(self.heads, str) else None

    @property
    def undecided(self) -> tuple[str, ...]:
        """The keys that decide nothing: where a server is and how long it is waited for, and what is not used."""
        answer = ("answer",) if self.answer == "decoded" else ()
        return (*SERVER, *answer, *(() if self.served_model else ("served_model",)))

    @property
    def served(self) -> dict[str, str]:
        """What provenance and dumps say of the served model; nothing where there is none."""
        return {"served_model": self.served_model} if self.served_model else {}
