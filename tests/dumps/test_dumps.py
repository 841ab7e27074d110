from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zeroov import dumps
from zeroov import recipe as recipes
from zeroov.dumps import DumpStore, read_dump
from zeroov.dumps.values import from_overview, to_overview
from zeroov.errors import DumpError, OutputError
from zeroov.types import Box, Overview


def write(folder: Path) -> Path:
    arrays = {"layers": np.arange(12, dtype=np.float32).reshape(1, 3, 4)}
    return DumpStore(folder).write("overview", "k" * 32, arrays, {"expression": "白色的飞机"})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write(tmp_path)
    dump = DumpStore(tmp_path).read("overview", "k" * 32)
    assert dump is not None
    assert dump.path == path
    assert dump.about == {"expression": "白色的飞机"}
    np.testing.assert_array_equal(dump.arrays["layers"].ravel(), np.arange(12))


def test_an_absent_dump_is_none(tmp_path: Path) -> None:
    assert DumpStore(tmp_path).read("overview", "k" * 32) is None


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))


def foreign(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"layers": np.zeros(3, np.float32)}, path)


@pytest.mark.parametrize("damage", [cut, flip, foreign, lambda p: p.write_bytes(b""), lambda p: p.write_text("no")])
def test_a_damaged_file_is_told_and_never_used(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path)
    damage(path)  # type: ignore[operator]
    with pytest.raises(DumpError, match=path.name):
        read_dump(path)
    logging.getLogger("zeroov").propagate = True
    assert DumpStore(tmp_path).read("overview", "k" * 32) is None
    assert "made anew" in caplog.text


def test_a_renamed_dump_is_not_taken_for_another(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.rename(tmp_path / f"{'j' * 32}.overview.safetensors")
    assert DumpStore(tmp_path).read("overview", "j" * 32) is None


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_overview_survives_the_disk(tmp_path: Path) -> None:
    value = Overview(
        layers=np.random.default_rng(0).random((2, 3, 4), dtype=np.float32),
        layer_numbers=(3, 7),
        answer="[1, 2, 3, 4]",
        answer_box=Box(1, 2, 3, 4),
        confidence=0.25,
        resized_hw=(84, 112),
        steps=9,
        model="m",
        revision="r",
    )
    arrays, about = from_overview(value, value.layers[0])
    DumpStore(tmp_path).write("overview", "k" * 32, arrays, about)
    dump = DumpStore(tmp_path).read("overview", "k" * 32)
    assert dump
    read = to_overview(dump)
    np.testing.assert_array_equal(read.layers, value.layers)
    assert replace(read, layers=value.layers).__dict__ == value.__dict__


def keys(**changes: object) -> tuple[str, str, str]:
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    recipe = recipes.load("fast", dotted)
    overview = dumps.digest("overview", "p", "e", dumps.overview_settings(recipe.overview, "r", "float32"))
    text = dumps.focus_expression(recipe.focus, "e")
    focus = dumps.digest("focus", "p", text, dumps.focus_settings(recipe.focus, "r", "float32"))
    settings = dumps.evolve_settings(recipe.evolve, recipe.overview, overview, focus)
    return overview, focus, dumps.digest("evolve", "p", "e", settings)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"evolve__alpha": 0.5}, (True, True, False)),
        ({"evolve__k": 9}, (True, True, False)),
        ({"overview__weights": [1, 0, 0, 0]}, (True, True, False)),
        ({"overview__layers": [16, 17, 18, 20]}, (False, True, False)),
        ({"overview__prompt": "{expression}?"}, (False, True, False)),
        ({"overview__max_new_tokens": 9}, (False, True, False)),
        ({"overview__relative_prompt": "Anything."}, (True, True, True)),  # not read unless relative
        ({"overview__relative": True}, (False, True, False)),
        ({"focus__t": 200}, (True, False, False)),
        ({"focus__seed": 3}, (True, False, False)),
        ({"focus__inner_steps": 3}, (True, True, True)),  # not read by method noise
        ({"focus__prompt": "{expression}"}, (True, False, False)),
        ({"refine__prompt": "box+point"}, (True, True, True)),
        ({"runtime__batch": 8}, (True, True, True)),
    ],
)
def test_a_key_depends_on_exactly_what_the_stage_depends_on(
    changes: dict[str, object], same: tuple[bool, bool, bool]
) -> None:
    assert tuple(a == b for a, b in zip(keys(), keys(**changes), strict=True)) == same


def test_the_revision_the_dtype_the_picture_and_the_expression_are_in_the_key() -> None:
    recipe = recipes.load("fast").overview
    base = dumps.digest("overview", "p", "e", dumps.overview_settings(recipe, "r", "float32"))
    others = [
        dumps.digest("overview", "p", "e", dumps.overview_settings(recipe, "r2", "float32")),
        dumps.digest("overview", "p", "e", dumps.overview_settings(recipe, "r", "bfloat16")),
        dumps.digest("overview", "q", "e", dumps.overview_settings(recipe, "r", "float32")),
        dumps.digest("overview", "p", "f", dumps.overview_settings(recipe, "r", "float32")),
        dumps.digest("focus", "p", "e", dumps.overview_settings(recipe, "r", "float32")),
    ]
    assert len({base, *others}) == 6


def test_two_phrases_share_one_focus_key_only_without_the_expression_in_the_prompt() -> None:
    fast, paper = recipes.load("fast").focus, recipes.load("paper").focus
    assert dumps.focus_expression(fast, "a") == dumps.focus_expression(fast, "b")
    assert dumps.focus_expression(paper, "a") != dumps.focus_expression(paper, "b")
