"""The models that come with zeroov are found by their name."""

from __future__ import annotations

import pytest

from zeroov.errors import ModelError
from zeroov.files.content import cache_folder
from zeroov.tiny.builtin import locate_builtin


def test_the_builtin_models() -> None:
    for part in ("vlm", "diffusion"):
        found = locate_builtin("builtin:tiny", part)
        assert cache_folder() in found.path.parents
        assert found.reference == "builtin:tiny"
        assert len(found.revision) == 40
    assert locate_builtin("builtin:tiny", "sam.pth").path.name == "sam.pth"


def test_a_name_that_no_model_has() -> None:
    with pytest.raises(ModelError, match="did you mean `tiny`"):
        locate_builtin("builtin:tinny", "vlm")
