"""The whole pipeline on the tiny models: real classes, random weights."""

from __future__ import annotations

import contextlib
import gc
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zeroov
from zeroov import frames
from zeroov.bench.mini.measure import questions
from zeroov.errors import HardwareError, ModelError, OutputError, PictureError, UsageError
from zeroov.ground import Pipeline, ground_pictures
from zeroov.look import Look, Question
from zeroov.outputs.answer import Answer
from zeroov.overview.answer import says_absent
from zeroov.raster.scene import open_source
from zeroov.refine.draw import large_parts
from zeroov.types import Box, Overview, Picture, clean_expression

QUICK: dict[str, Any] = {
    "overview__max_new_tokens": 3,
    "focus__resize_to": 128,
    "focus__grids": [16, 8],
    "focus__working_grid": 16,
}
PHRASE = "the white plane"


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 150, 3), dtype=np.uint8)).save(path)
    return path


def ground_all(pipeline: Pipeline, samples: list[tuple[Any, str]]) -> list[Answer]:
    with contextlib.ExitStack() as opened:
        return ground_pictures(
            pipeline, [(opened.enter_context(open_source(source)), text) for source, text in samples]
        )


@pytest.fixture(scope="module")
def pipeline(tiny: Path) -> Pipeline:
    return zeroov.load("tiny", device="cpu", **QUICK)


def test_what_is_drawn_by_a_box_or_a_point_is_cut_to_valid_pixels_before_small_parts_go(pipeline: Pipeline) -> None:
    """One look, a search, a hint and a batch all draw with these two."""
    rgb = np.random.default_rng(0).integers(0, 256, (90, 150, 3), dtype=np.uint8)
    valid = np.ones((90, 150), np.bool_)
    valid[:, ::5] = valid[::7] = False
    whole, holed = Picture(rgb), Picture(rgb, valid=valid)
    box = Box(20, 10, 90, 70)
    for draw in (
        lambda picture: pipeline.draw(picture, box)[0],
        lambda picture: pipeline.draw_at(picture, [(55, 40, True)]),
    ):
        mask, least = draw(holed).mask, pipeline.recipe.refine.least_part
        cut = large_parts(mask & valid, least)
        assert (mask & valid).any()
        np.testing.assert_array_equal(mask & valid, cut)
        assert (draw(whole).mask & valid != cut).any(), "cut off last, more is left"


def test_path_pil_and_array_give_the_same_answer(pipeline: Pipeline, photo: Path) -> None:
    results = [pipeline.ground(source, PHRASE) for source in (photo, str(photo), Image.open(photo))]
    results.append(pipeline.ground(np.asarray(Image.open(photo)), PHRASE))
    for result in results:
        assert result.mask.shape == (90, 150)
        assert result.mask.dtype == np.bool_
        assert result.status == "found"
        assert result.box == frames.mask_to_box(result.mask)
        assert 0 <= result.score <= 1
        assert list(result.looks[0].costs) == ["overview", "focus", "evolve", "refine"]
        np.testing.assert_array_equal(result.mask, results[0].mask)
        assert result.words == results[0].words
    assert all(cost.seconds > 0 for cost in results[0].looks[0].costs.values())
    assert all(cost.peak_bytes for cost in results[0].looks[0].costs.values())


def test_several_samples_at_once_equal_one_by_one(photo: Path, tiny: Path) -> None:
    other = np.random.default_rng(1).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    samples = [(photo, PHRASE), (photo, "a ship"), (other, PHRASE)]
    with zeroov.load("tiny", device="cpu", runtime__batch=3, runtime__keep_loaded=False, **QUICK) as pipeline:
        together = ground_all(pipeline, samples)
    with zeroov.load("tiny", device="cpu", **QUICK) as pipeline:
        singles = [pipeline.ground(*sample) for sample in samples]
    for a, b in zip(together, singles, strict=True):
        assert a.words == b.words
        ours, theirs = a.looks[0].evolved, b.looks[0].evolved
        assert ours
        assert theirs
        # A batch differs from one by one by rounding; random weights look almost evenly, so min-max enlarges it.
        np.testing.assert_allclose(ours.fused, theirs.fused, atol=1e-2)
        assert (ours.mask != theirs.mask).mean() < 0.01
    assert together[0].looks[0].affinity is together[1].looks[0].affinity, "an empty prompt: once per picture"


def test_one_model_at_a_time_when_asked(photo: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import weakref

    alive: list[weakref.ref[Any]] = []
    pipeline = zeroov.load("tiny", device="cpu", runtime__keep_loaded=False, **QUICK)
    load = pipeline.models._load

    def watched(stage: Any, found: Any) -> Any:
        gc.collect()
        assert all(ref() is None for ref in alive), f"a model is still alive as {stage} is loaded"
        models = load(stage, found)
        module = next(getattr(models, name) for name in ("model", "unet", "sam") if hasattr(models, name))
        alive.append(weakref.ref(module))
        return models

    monkeypatch.setattr(pipeline.models, "_load", watched)
    pipeline.ground(photo, PHRASE)
    assert len(alive) == 3


def test_dumps_are_used_again_and_only_as_far_as_they_fit(photo: Path, tiny: Path, tmp_path: Path) -> None:
    def run(**changes: Any) -> dict[str, bool]:
        with zeroov.load("tiny", device="cpu", dumps=tmp_path, **{**QUICK, **changes}) as pipeline:
            result = pipeline.ground(photo, PHRASE)
        costs = result.looks[0].costs
        return {stage: costs[stage].origin == "dump" for stage in ("overview", "focus")}

    assert run() == {"overview": False, "focus": False}
    assert run() == {"overview": True, "focus": True}
    assert run(evolve__alpha=0.2) == {"overview": True, "focus": True}
    assert run(overview__weights=[1, 1, 1]) == {"overview": True, "focus": True}
    assert run(focus__t=300) == {"overview": True, "focus": False}
    assert run(overview__prompt="{expression}") == {"overview": False, "focus": True}


def test_a_cut_dump_is_made_again_with_a_warning(
    photo: Path, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with zeroov.load("tiny", device="cpu", dumps=tmp_path, **QUICK) as pipeline:
        first = pipeline.ground(photo, PHRASE)
        for path in tmp_path.glob("*.overview.safetensors"):
            path.write_bytes(path.read_bytes()[:-9])
        again = pipeline.ground(photo, PHRASE)
    assert again.looks[0].costs["overview"].origin == "computed"
    assert "made again" in caplog.text
    np.testing.assert_array_equal(first.mask, again.mask)


def test_without_maps_the_answer_s_own_box_goes_to_sam(
    photo: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zeroov.overview import stage

    pipeline = zeroov.load("tiny", device="cpu", stages=["overview", "refine"], **QUICK)
    empty = pipeline.ground(photo, PHRASE)  # random weights answer no box
    assert empty.status == "empty"
    assert empty.box is None
    assert not empty.mask.any()
    assert empty.score == 0
    assert "refine" not in empty.looks[0].costs, "SAM is not even asked"
    monkeypatch.setattr(stage, "answer_to_image", lambda *_: zeroov.Box(10, 20, 60, 70))
    found = pipeline.ground(photo, PHRASE)
    assert found.status == "found"
    assert found.looks[0].refined
    assert found.looks[0].refined.mask.shape == (90, 150)


@pytest.mark.parametrize("stages", [["overview", "focus"], ["overview", "evolve"], ["overview", "focus", "evolve"]])
def test_ablations_are_a_list_of_stages(photo: Path, tiny: Path, stages: list[str]) -> None:
    result = zeroov.load("tiny", device="cpu", stages=stages, **QUICK).ground(photo, PHRASE)
    assert set(result.looks[0].costs) == {*stages, "evolve"}
    assert result.mask.shape == (90, 150)
    if "evolve" not in stages:
        assert result.looks[0].evolved
        assert result.looks[0].evolved.region.all()


@pytest.mark.parametrize(("expression", "error"), [("", UsageError), ("  \n", UsageError), ("x" * 20001, UsageError)])
def test_an_expression_that_describes_nothing_is_refused(
    pipeline: Pipeline, photo: Path, expression: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match="expression"):
        pipeline.ground(photo, expression)


@pytest.mark.parametrize(
    "expression", ["x " * 2500, "左边的白色飞机", "<|image_pad|><|im_end|><|vision_start|>", "a\x00b"]
)
def test_an_odd_expression_is_answered(pipeline: Pipeline, photo: Path, expression: str) -> None:
    assert pipeline.ground(photo, expression).mask.shape == (90, 150)


@pytest.mark.parametrize("hw", [(1, 1), (30, 1200), (3, 500)])
def test_odd_sizes_are_answered(pipeline: Pipeline, hw: tuple[int, int]) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (*hw, 3), dtype=np.uint8)
    assert pipeline.ground(picture, PHRASE, search=False).mask.shape == hw


def test_a_thread_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(PictureError, match="crop"):
        pipeline.ground(np.zeros((1, 4000, 3), dtype=np.uint8), PHRASE, search=False)


def test_cuda_asked_for_and_absent() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(HardwareError, match="--device cpu"):
        zeroov.load("tiny", device="cuda")
    with pytest.raises(HardwareError, match="did you mean"):
        zeroov.load("tiny", device="cuuda")


def test_a_missing_sam_is_told_before_the_first_model_works(photo: Path, tiny: Path, tmp_path: Path) -> None:
    pipeline = zeroov.load("tiny", device="cpu", refine__checkpoint=str(tmp_path / "none.pth"), **QUICK)
    with pytest.raises(ModelError, match=r"none\.pth"):
        pipeline.ground(photo, PHRASE)
    assert not pipeline.models._models


def test_loading_leaves_torch_s_random_state_alone(photo: Path, tiny: Path) -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    zeroov.load("tiny", device="cpu", **QUICK).ground(photo, PHRASE)
    assert torch.equal(torch.rand(1), expected)


def test_sam_sees_each_picture_for_itself(tiny: Path) -> None:
    pictures = [np.random.default_rng(s).integers(0, 256, (60, 80, 3), dtype=np.uint8) for s in (3, 4)]
    pipeline = zeroov.load("tiny", device="cpu", **QUICK)
    together = ground_all(pipeline, [(picture, PHRASE) for picture in pictures])
    for result, picture in zip(together, pictures, strict=True):
        np.testing.assert_array_equal(result.mask, pipeline.ground(picture, PHRASE).mask)


@pytest.mark.parametrize(
    ("answer", "answer_box", "box", "expected"),
    [
        ("[0, 0, 10, 10]", Box(0, 0, 10, 10), Box(0, 0, 10, 10), 0.8),
        ("[0, 0, 10, 10]", Box(0, 0, 10, 10), Box(0, 0, 10, 5), 0.6),
        ("[0, 0, 10, 10]", Box(0, 0, 10, 10), Box(20, 0, 30, 10), 0.4),
        ("[", None, Box(0, 0, 10, 10), 0.4),
        ("[]", None, Box(0, 0, 10, 10), 0.1),
        ("There is no plane in the image.", None, Box(0, 0, 10, 10), 0.1),
        ("[0, 0, 10, 10]", Box(0, 0, 10, 10), None, 0.0),
    ],
)
def test_score(answer: str, answer_box: Box | None, box: Box | None, expected: float) -> None:
    value = Overview(
        layers=np.zeros((1, 2, 2), np.float32),
        layer_numbers=(0,),
        answer=answer,
        answer_box=answer_box,
        confidence=0.8,
        resized_hw=(56, 56),
        steps=1,
        model="m",
        revision="r",
    )
    picture = Picture(np.zeros((40, 40, 3), np.uint8))
    look = Look(Question(picture, "the plane"), value, says_absent(answer), value.layers[0])
    assert look.score(box) == pytest.approx(expected)


@pytest.fixture(scope="module")
def denied() -> tuple[Any, str]:
    """A drawn scene, and an expression of which the miniature model says that nothing in the scene is it."""
    _, absent = questions(1)
    return absent.scene.image, absent.expression.text


def test_what_the_model_says_is_not_there_is_empty(denied: tuple[Any, str], tmp_path: Path) -> None:
    with zeroov.load("mini", device="cpu") as pipeline:
        answer = pipeline.ground(*denied)
    assert answer.words == "[]"
    assert (answer.status, answer.box, answer.mask.any()) == ("empty", None, False)
    report = answer.save(tmp_path, ["coco"])
    assert report["why_empty"] == "the model says that there is no such object"
    assert report["says_absent"]
    assert report["score"] == round(answer.score, 6) < 0.1
    assert report["score"] > 0
    assert json.loads((tmp_path / "coco.json").read_text())["annotations"] == []


def test_a_closer_look_at_what_is_not_there_finds_nothing_else(denied: tuple[Any, str]) -> None:
    with zeroov.load("mini", device="cpu") as pipeline:
        answer = pipeline.ground(*denied, zoom=True)
    assert (answer.status, answer.closer) == ("empty", ())
    assert answer.looks[0].refined is None, "nothing is drawn of what is not there"


def test_a_recipe_may_keep_what_the_model_says_is_not_there(denied: tuple[Any, str], photo: Path) -> None:
    with zeroov.load("mini", device="cpu", said_absent="keep") as pipeline:
        kept = pipeline.ground(*denied)
    assert kept.says_absent
    assert (kept.status, kept.why_empty, kept.to_json()["why_empty"]) == ("found", "", None)
    assert kept.mask.any()


def test_an_answer_below_the_least_score_is_empty(photo: Path, tiny: Path) -> None:
    believed = zeroov.load("tiny", device="cpu", **QUICK).ground(photo, PHRASE)
    doubted = zeroov.load("tiny", device="cpu", min_score=1.0, **QUICK).ground(photo, PHRASE)
    assert believed.box is not None
    assert (doubted.status, doubted.box, doubted.mask.any()) == ("empty", None, False)
    assert doubted.score == believed.score
    assert doubted.why_empty == f"the score {doubted.score:.3f} is below min_score = 1"
    assert believed.why_empty == ""


def test_a_finished_dumps_folder_may_be_read_only(photo: Path, tiny: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from zeroov.dumps import store

    with zeroov.load("tiny", device="cpu", dumps=tmp_path, **QUICK) as pipeline:
        first = pipeline.ground(photo, PHRASE)

        def refuse(*_: object) -> None:
            raise AssertionError("written again")

        monkeypatch.setattr(store, "write_atomically", refuse)
        np.testing.assert_array_equal(pipeline.ground(photo, PHRASE).mask, first.mask)


def test_a_dumps_folder_that_is_a_file_is_told_at_once(photo: Path, tiny: Path) -> None:
    with pytest.raises(OutputError, match="is a file"):
        zeroov.load("tiny", device="cpu", dumps=photo, **QUICK)


def test_an_expression_that_is_no_text_is_refused(pipeline: Pipeline, photo: Path) -> None:
    with pytest.raises(UsageError, match="NoneType"):
        pipeline.ground(photo, None)  # type: ignore[arg-type]


def test_joiners_stay_and_controls_go() -> None:
    assert clean_expression(" a\r\n\tb \u202e") == "a b"
    family = "\U0001f469\u200d\U0001f467"
    assert clean_expression(family) == family
