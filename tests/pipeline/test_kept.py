"""What is kept of pictures: bounded in bytes, found again, and read once for many questions."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zeroov.errors import UsageError
from zeroov.ground import Pipeline
from zeroov.look import Question
from zeroov.mini.scenes import make_scene, seed_for
from zeroov.pipeline.cache import Work, fill
from zeroov.pipeline.kept import Kept
from zeroov.pipeline.models import LoadedModels
from zeroov.progress import SILENT
from zeroov.recipe import RuntimeRecipe, load
from zeroov.types import Picture


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 12))))
def test_no_more_bytes_are_kept_than_allowed_and_the_oldest_goes_first(steps: list[tuple[int, int]]) -> None:
    kept, slow = Kept(20), list[tuple[int, int]]()  # the slow one: newest last
    for key, size in steps:
        found = [each for each in slow if each[0] == key]
        made = []
        value = kept.get(key, lambda size=size, made=made: made.append(size) or size, lambda size: size)
        assert bool(made) == (not found)
        slow = [each for each in slow if each[0] != key] + (found or [(key, size)])
        while sum(each[1] for each in slow) > 20:
            slow.pop(0)
        assert value == (found or [(key, size)])[0][1]
        assert kept.bytes == sum(each[1] for each in slow)


def test_what_is_larger_than_everything_pushes_nothing_out() -> None:
    kept = Kept(10)
    kept.keep("small", 1, 8)
    kept.keep("large", 2, 11)
    assert (kept.find("small"), kept.find("large"), kept.bytes) == (1, None, 8)
    kept.keep("small", 3, 11)  # what is kept under the key is no longer true
    assert (kept.find("small"), kept.bytes) == (None, 0)


def batches(questions: Sequence[Question], runtime: RuntimeRecipe, reads: bool) -> list[list[str]]:
    """Return the expressions of each call of a stage."""
    calls: list[list[str]] = []

    def compute(batch: Sequence[Question]) -> list[str]:
        calls.append([each.expression for each in batch])
        return [each.expression.upper() for each in batch]

    def key(question: Question) -> str:
        return question.picture.digest + question.expression

    work = Work("overview", "overview", {}, key, compute, cast("Any", None), cast("Any", None), reads=reads)
    models = SimpleNamespace(recipe=SimpleNamespace(runtime=runtime), load=lambda *_: 0.0, device=torch.device("cpu"))
    made = fill(work, questions, None, cast("LoadedModels", models), Kept(0), SILENT)
    assert [each.value for each in made] == [each.expression.upper() for each in questions]
    return calls


def test_questions_about_one_picture_are_asked_together() -> None:
    wide, high, small = (Picture(np.full((*hw, 3), 7, np.uint8)) for hw in ((4, 9), (9, 4), (2, 2)))
    asked = [Question(wide, "a"), Question(high, "b"), Question(wide, "c"), Question(small, "d"), Question(wide, "e")]
    assert batches(asked, RuntimeRecipe(), reads=True) == [["d"], ["a", "c", "e"], ["b"]]
    assert batches(asked, RuntimeRecipe(questions=2), reads=True) == [["d"], ["a", "c"], ["e"], ["b"]]
    assert batches(asked, RuntimeRecipe(batch=2, questions=2), reads=True) == [["d", "a", "c"], ["e", "b"]]
    assert batches(asked, RuntimeRecipe(batch=2), reads=False) == [["d", "a"], ["c", "e"], ["b"]]


@pytest.mark.usefixtures("kept_models")
@pytest.mark.parametrize("name", ["mini", "select-mini"])
def test_several_questions_have_the_answers_of_separate_pipelines_and_read_the_picture_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zeroov.overview import prefix
    from zeroov.refine.sam import OfficialSam

    scene = make_scene(seed_for("val", 3))
    texts = [f"the {thing.colour} {thing.kind}" for thing in scene.objects]
    counted: dict[str, int] = {}

    def counting(module: Any, name: str) -> None:
        original = getattr(module, name)

        def counts(*args: Any, **options: Any) -> Any:
            if next(each for each in args if isinstance(each, Picture)).hw == scene.height_width:
                counted[name] = counted.get(name, 0) + 1
            return original(*args, **options)

        monkeypatch.setattr(module, name, counts)

    counting(prefix, "read_picture")
    counting(OfficialSam, "encode")
    recipe = load(name)
    apart = []
    for text in texts:
        with Pipeline(recipe, "cpu") as pipeline:
            apart.append(pipeline.ground(scene.image, text))
    assert set(counted.values()) == {len(texts)}
    counted.clear()
    with Pipeline(recipe, "cpu") as pipeline:
        together = pipeline.ground(scene.image, texts)
        assert pipeline.ground(scene.image, texts[0]).score == pytest.approx(together[0].score, abs=1e-5)
    assert set(counted.values()) == {1}
    for one, other in zip(together, apart, strict=True):
        assert one.words == other.words
        assert one.score == pytest.approx(other.score, abs=1e-5)
        np.testing.assert_array_equal(one.found[0].mask, other.found[0].mask)


@pytest.mark.usefixtures("kept_models")
def test_nothing_is_kept_where_the_recipe_allows_no_memory() -> None:
    with Pipeline(load("mini", {"runtime.keep_mib": 0}), "cpu") as pipeline:
        pipeline.ground(make_scene(seed_for("val", 3)).image, "the plane")
        assert pipeline.kept.bytes == 0


@pytest.mark.usefixtures("kept_models")
def test_a_given_answer_makes_the_mask_that_its_decoding_made() -> None:
    scene = make_scene(seed_for("val", 3))
    texts = [f"the {thing.colour} {thing.kind}" for thing in scene.objects]
    with Pipeline(load("mini"), "cpu") as pipeline:
        decoded = pipeline.ground(scene.image, texts)
    with Pipeline(load("mini", {"overview.answer": "given"}), "cpu") as pipeline:
        given = pipeline.ground(scene.image, texts, given=[each.words for each in decoded])
        for options, fits in (({}, "go together"), ({"given": ["[]"]}, "1 answers"), ({"zoom": True}, "--zoom")):
            with pytest.raises(UsageError, match=fits):
                pipeline.ground(scene.image, texts, **{"given": ["[]"] * 2 if "zoom" in options else None, **options})
    for one, other in zip(given, decoded, strict=True):
        assert one.words == other.words
        np.testing.assert_allclose(one.looks[0].overview.layers, other.looks[0].overview.layers, atol=1e-5)
        np.testing.assert_array_equal(one.found[0].mask, other.found[0].mask)
