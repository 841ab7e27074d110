from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from zeroov import dumps
from zeroov import recipe as recipes
from zeroov.dumps import DumpStore, read_dump
from zeroov.dumps.key import pool_settings
from zeroov.dumps.values import from_overview, to_overview
from zeroov.errors import DumpError, OutputError
from zeroov.types import Box, Overview

SAMPLE = {"picture": {"digest": "d", "source": "a.png", "hw": [84, 112]}, "expression": "白色的飞机", "settings": {}}
VALUE = Overview(
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
ABOUT = {**SAMPLE, **from_overview(VALUE, VALUE.layers[0], recipes.load("fast").overview)[1]}


def write(folder: Path) -> Path:
    arrays = {"layers": np.arange(12, dtype=np.float32).reshape(1, 3, 4)}
    return DumpStore(folder).write("overview", "a" * 32, arrays, ABOUT)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write(tmp_path)
    dump = DumpStore(tmp_path).read("overview", "a" * 32)
    assert dump is not None
    assert dump.path == path
    assert dump.about == ABOUT
    np.testing.assert_array_equal(dump.arrays["layers"].ravel(), np.arange(12))


def test_two_runs_that_make_one_map_at_once_never_leave_half_of_it(tmp_path: Path) -> None:
    """Runs may share a folder of dumps."""
    write(tmp_path)
    done = threading.Event()

    def reading() -> int:
        reads = 0
        while not done.is_set():
            assert read_dump(tmp_path / f"{'a' * 32}.overview.safetensors").about == ABOUT
            reads += 1
        return reads

    with ThreadPoolExecutor() as pool:
        reader = pool.submit(reading)
        writers = [pool.submit(lambda: [write(tmp_path) for _ in range(40)]) for _ in range(2)]
        try:
            for writer in writers:
                writer.result()
        finally:
            done.set()
        assert reader.result() > 1
    assert len(list(tmp_path.iterdir())) == 1


def test_an_absent_dump_is_none(tmp_path: Path) -> None:
    assert DumpStore(tmp_path).read("overview", "a" * 32) is None


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))


def edit_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace("白色".encode(), "黑色".encode()))


def foreign(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"layers": np.zeros(3, np.float32)}, path)


@pytest.mark.parametrize(
    "damage", [cut, flip, edit_header, foreign, lambda p: p.write_bytes(b""), lambda p: p.write_text("no")]
)
def test_a_damaged_file_is_told_and_never_used(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path)
    damage(path)  # type: ignore[operator]
    with pytest.raises(DumpError, match=path.name):
        read_dump(path)
    assert DumpStore(tmp_path).read("overview", "a" * 32) is None
    assert "made again" in caplog.text


def test_a_renamed_dump_is_not_taken_for_another(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.rename(tmp_path / f"{'b' * 32}.overview.safetensors")
    assert DumpStore(tmp_path).read("overview", "b" * 32) is None


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_overview_survives_the_disk(tmp_path: Path) -> None:
    arrays, _ = from_overview(VALUE, VALUE.layers[0], recipes.load("fast").overview)
    DumpStore(tmp_path).write("overview", "a" * 32, arrays, ABOUT)
    dump = DumpStore(tmp_path).read("overview", "a" * 32)
    assert dump
    read = to_overview(dump)
    np.testing.assert_array_equal(read.layers, VALUE.layers)
    assert replace(read, layers=VALUE.layers).__dict__ == VALUE.__dict__


def keys(**changes: object) -> tuple[str, str, str]:
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    recipe = recipes.load("fast", dotted)
    overview = dumps.digest("overview", "p", "e", dumps.overview_settings(recipe.overview, "r", "float32"))
    text = dumps.focus_expression(recipe.focus, "e")
    focus = dumps.digest("focus", "p", text, dumps.focus_settings(recipe.focus, "r", "float32"))
    settings = dumps.evolve_settings(recipe.evolve, recipe.overview, overview, focus)
    return overview, focus, dumps.digest("evolve", "p", "e", settings)


def test_later_stages_do_not_touch_the_keys_of_earlier_ones() -> None:
    overview, focus, evolved = keys()
    assert keys(evolve__alpha=0.5)[:2] == (overview, focus)
    assert keys(overview__weights=[1, 0, 0, 0])[:2] == (overview, focus)
    assert keys(overview__weights=[1, 0, 0, 0])[2] != evolved
    assert keys(focus__t=200)[0] == overview
    assert keys(overview__prompt="{expression}?")[1] == focus
    assert keys(refine__prompt="box+point", runtime__batch=8) == (overview, focus, evolved)


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


# For every recipe key of a stage another value, and whether the stage's own key stays the same under it.
OTHER: dict[str, dict[str, tuple[object, bool]]] = {
    "overview": {
        "model": ("/a/folder", True),  # the revision tells the weights
        "revision": ("abc", True),  # what was really found stands in for it
        "dtype": ("float16", True),  # what is really used stands in for it
        "quantize": ("4bit", False),
        "attention": ("flash_attention_2", False),
        "prompt": ("{expression}!", False),
        "layers": ([16, 17, 18, 20], False),
        "weights": ([4, 3, 2, 1], True),  # applied to the kept layers
        "max_new_tokens": (9, False),
        "min_pixels": (9, False),
        "max_pixels": (9, False),
        "capture": ("all", False),
        "heads": (1, False),
        "relative": (True, False),
        "relative_prompt": ("x", True),  # not read unless relative
        "prefill_only": (True, False),
        "answer": ("given", False),
        "served_model": ("org/model", True),  # unless it answers
        "url": ("http://host/v1", True),  # an address is not a method
        "url_seconds": (9.0, True),
        "url_retries": (9, True),
        "position": (1.0, True),  # made of the maps afterwards
        "pyramid": ([0.5], True),
    },
    "focus": {
        "model": ("/a/folder", True),
        "revision": ("abc", True),
        "dtype": ("float16", True),
        "method": ("invert", False),
        "prompt": ("{expression}", False),
        "grids": ([32], False),
        "working_grid": (16, False),
        "pooling": ("flattened", False),
        "resize_to": (256, False),
        "t": (200, False),
        "clean": (True, False),
        "ensemble": (2, False),
        "seed": (3, False),
        "steps": (3, True),  # of other methods
        "guidance": (3.0, True),
        "inner_steps": (3, True),
    },
    "evolve": {"k": (9, False), "tau": (0.5, False), "alpha": (0.5, False), "official": (True, False)}
    | {"canvas": (800, False)},
}


@pytest.mark.parametrize("section", ["overview", "focus", "evolve"])
def test_every_key_of_a_recipe_is_known_to_change_a_dump_s_key_or_not(section: str) -> None:
    number = ("overview", "focus", "evolve").index(section)
    others = OTHER[section]
    assert set(others) == {item.name for item in fields(getattr(recipes.load("fast"), section))}, "a new key: decide"
    for name, (value, same) in others.items():
        needed = {"overview__served_model": "org/model"} if name == "url" else {}
        changed = keys(**needed, **{f"{section}__{name}": value})
        assert (changed[number] == keys(**needed)[number]) == same, f"{section}.{name}"


def test_lists_and_names_of_a_served_model_are_its_own() -> None:
    plain = recipes.load("select-lite", {"zoom.ask": "model"})
    served = [plain.with_values({"overview.served_model": name}) for name in ("a", "b")]
    maps = {"overview": "0", "focus": "0"}
    for made in (
        [dumps.listing_settings(each, "vlm") for each in (plain, *served)],
        [pool_settings(each, maps) for each in (plain, *served)],
    ):
        assert [each.get("served_model") for each in made] == [None, "a", "b"]
    by_rules = served[0].with_values({"zoom.ask": "category"})
    assert "served_model" not in pool_settings(by_rules, maps)
    assert dumps.weighed_settings(served[0]) == dumps.weighed_settings(plain)  # those questions stay here


def test_the_name_of_the_model_that_answers_is_in_the_key() -> None:
    served = [keys(overview__answer="served", overview__served_model=name)[0] for name in ("a", "b")]
    assert len({*served, keys()[0]}) == 3


@pytest.mark.parametrize(
    ("method", "read"), [("invert", {"steps"}), ("nulltext", {"steps", "guidance", "inner_steps"})]
)
def test_each_method_s_own_keys_count(method: str, read: set[str]) -> None:
    base = keys(focus__method=method)
    values = {"steps": 3, "guidance": 3.0, "inner_steps": 3, "t": 200, "clean": True, "ensemble": 2, "seed": 3}
    for name, value in values.items():
        changed = keys(focus__method=method, **{f"focus__{name}": value})
        assert (changed[1] != base[1]) == (name in read), name


def test_permuted_layers_are_another_evolve_but_the_same_overview() -> None:
    straight = keys(overview__layers=[16, 17, 18, 19])
    permuted = keys(overview__layers=[19, 18, 17, 16])
    assert straight[:2] == permuted[:2]
    assert straight[2] != permuted[2]


def test_the_dtype_is_in_the_focus_key_and_a_folder_s_name_in_none() -> None:
    recipe = recipes.load("fast")
    focus = [dumps.digest("focus", "p", "", dumps.focus_settings(recipe.focus, "r", d)) for d in ("float32", "float16")]
    assert focus[0] != focus[1]
    assert keys(overview__model="/here/qwen", focus__model="/here/sd") == keys(
        overview__model="/there/qwen", focus__model="/there/sd"
    )


def test_two_phrases_share_one_focus_key_only_without_the_expression_in_the_prompt() -> None:
    fast, paper = recipes.load("fast").focus, recipes.load("paper").focus
    assert dumps.focus_expression(fast, "a") == dumps.focus_expression(fast, "b")
    assert dumps.focus_expression(paper, "a") != dumps.focus_expression(paper, "b")
