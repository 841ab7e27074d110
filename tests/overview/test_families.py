from __future__ import annotations

import pytest
from transformers import AutoConfig

from zeroov.errors import ModelError
from zeroov.overview.families import FAMILIES, family_of


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_a_config_says_of_which_family_a_model_is(kind: str) -> None:
    assert family_of(AutoConfig.for_model(kind), "some/model") is FAMILIES[kind]


def test_a_model_of_another_family_is_refused() -> None:
    with pytest.raises(ModelError, match=r"`some/model` is of type `llama`; Overview reads glm46v, .*qwen2_5_vl"):
        family_of(AutoConfig.for_model("llama"), "some/model")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("qwen4_exp", "own choice"), ("molmo2", "points, not boxes"), ("gemma3", "sliding"), ("gemma4", "sliding")],
)
def test_a_family_whose_rows_would_be_wrong_is_refused_with_the_reason(kind: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        family_of(type("Config", (), {"model_type": kind})(), "some/model")
