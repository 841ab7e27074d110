from __future__ import annotations

import pytest
from transformers import AutoConfig

from zeroov.errors import ModelError
from zeroov.overview.families import FAMILIES, family_of


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_a_config_says_of_which_family_a_model_is(kind: str) -> None:
    assert family_of(AutoConfig.for_model(kind), "some/model") is FAMILIES[kind]


def test_a_model_of_another_family_is_refused() -> None:
    with pytest.raises(ModelError, match="`some/model` is of type `llama`; Overview reads qwen2_5_vl"):
        family_of(AutoConfig.for_model("llama"), "some/model")
