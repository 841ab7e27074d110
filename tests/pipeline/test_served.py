"""A model served elsewhere talks, the one here looks: the same answers, and nothing of the server in what is kept."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.overview.fake_vllm import Fake, Reply, Request, said, serving
from zeroov.batch.run import batch
from zeroov.errors import ServerError, UsageError
from zeroov.files.journal import read_items
from zeroov.ground import Pipeline
from zeroov.look import Question
from zeroov.mini.scenes import Scene, make_scene, seed_for
from zeroov.overview.decode import decode, ends_of, pieces_of, text_of
from zeroov.overview.prefix import ask, read_picture
from zeroov.overview.prompt import shown_image, words_of
from zeroov.overview.server import KEY
from zeroov.recipe import load
from zeroov.types import Picture

pytestmark = pytest.mark.usefixtures("kept_models")
SECRET = "sk-very-secret-0123456789"
SERVED: dict[str, Any] = {"overview.answer": "served", "overview.served_model": "org/mini"}


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(seed_for("val", 3))


@pytest.fixture(scope="module")
def texts(scene: Scene) -> list[str]:
    return [f"the {thing.colour} {thing.kind}" for thing in scene.objects]


def served(fake: Fake, name: str = "mini", dumps: Path | None = None, **changes: Any) -> Pipeline:
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return Pipeline(load(name, {**SERVED, "overview.url": fake.url, **dotted}), "cpu", dumps)


def shown_in(request: Request) -> Picture:
    """Return the picture that a request holds."""
    image, _ = request.body["messages"][0]["content"]
    head, _, data = image["image_url"]["url"].partition(",")
    assert (image["type"], head) == ("image_url", "data:image/png;base64")
    return Picture(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))))


def text_in(request: Request) -> str:
    text: str = request.body["messages"][0]["content"][-1]["text"]
    return text


class Steps:
    """The scores of an answer's steps."""

    def __init__(self) -> None:
        self.scores: list[Tensor] = []

    def step(self, scores: Tensor, active: Tensor) -> None:
        self.scores.append(scores[0].log_softmax(dim=-1))


def plays(pipeline: Pipeline) -> Callable[[Request], Reply]:
    """Return a server's answers that the miniature model makes of what it is sent, nothing else."""
    models, turn = pipeline.models.overview(), threading.Lock()

    def answer(request: Request) -> Reply:
        with turn:
            prefix, steps = read_picture(models, shown_in(request), pipeline.recipe.overview), Steps()
            asked = ask(models, [prefix], [words_of(models, text_in(request))])
            [tokens] = decode(models, asked, request.body["max_tokens"], watchers=[steps])
        whole = tokens[-1] in ends_of(models)
        pieces = [*pieces_of(models, tokens), *(["<end>"] if whole else [])]
        sure = [float(scores[token]) for scores, token in zip(steps.scores, tokens, strict=True)]
        return said(text_of(models, tokens), "stop" if whole else "length", list(zip(pieces, sure, strict=True)))

    return answer


def test_who_talks_over_http_gets_the_masks_of_who_talks_here(scene: Scene, texts: list[str]) -> None:
    with Pipeline(load("mini"), "cpu") as pipeline:
        own = pipeline.ground(scene.image, texts)
        with serving(plays(pipeline)) as fake, served(fake) as talking:
            answers = talking.ground(scene.image, texts)
    assert len(fake.requests) == len(texts) > 1
    for one, other in zip(answers, own, strict=True):
        assert one.words == other.words
        mine, theirs = one.looks[0].overview, other.looks[0].overview
        np.testing.assert_allclose(mine.layers, theirs.layers, atol=1e-5)
        assert (mine.steps, mine.answer_box) == (theirs.steps, theirs.answer_box)
        assert one.score == pytest.approx(other.score, abs=1e-5)
        np.testing.assert_array_equal(one.found[0].mask, other.found[0].mask)
    assert answers[0].provenance["served_model"] == "org/mini"
    assert "served_model" not in own[0].provenance


def test_what_is_sent_is_the_picture_that_is_read_here_and_the_words(texts: list[str]) -> None:
    odd = np.random.default_rng(0).integers(0, 255, (150, 301, 3), dtype=np.uint8)
    with serving(lambda _: said("[1, 2, 3, 4]")) as fake, served(fake, overview__max_pixels=28 * 28 * 20) as pipeline:
        pipeline.ground(odd, f"{texts[0]} <|im_end|>")
        image, hw = shown_image(pipeline.models.overview(), Picture(odd), pipeline.recipe.overview)
        recipe = pipeline.recipe.overview
        assert pipeline.overview([Question(Picture(odd), texts[0])])[0].value.resized_hw == hw
    [request, _] = fake.requests
    np.testing.assert_array_equal(shown_in(request).rgb, np.asarray(image))
    assert hw[0] % 28 == hw[1] % 28 == 0
    assert hw[0] * hw[1] <= 28 * 28 * 20
    body = request.body
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("org/mini", 0, recipe.max_new_tokens)
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert text_in(request) == recipe.prompt.replace("{expression}", f"{texts[0]} < |im_end|>")


def test_a_list_over_http_is_the_list_here(scene: Scene) -> None:
    questions = [Question(Picture(scene.image), thing.kind) for thing in scene.objects[:2]]
    with Pipeline(load("select-mini", {"candidates.sources": ["vlm"]}), "cpu") as pipeline:
        own = pipeline.listed(questions)
        with serving(plays(pipeline)) as fake, served(fake, "select-mini", candidates__sources=["vlm"]) as talking:
            lists = talking.listed(questions)
    assert any(each["vlm"] for each in own)
    for one, other in zip(lists, own, strict=True):
        assert [box for box, _ in one["vlm"]] == [box for box, _ in other["vlm"]]
        assert [score for _, score in one["vlm"]] == pytest.approx([score for _, score in other["vlm"]], abs=1e-4)
    assert fake.requests[0].body["max_tokens"] == 300


def test_a_list_without_probabilities_is_certain_and_one_that_was_cut_keeps_its_whole_boxes(scene: Scene) -> None:
    text = '[{"bbox_2d": [10, 20, 60, 70]}, {"bbox_2d": [100, 20, 160, 70]}, {"bbox_2d": [10, 120'
    changes = {"candidates__sources": ["vlm"], "candidates__repetition_penalty": 1.1}
    with serving(lambda _: said(text, "length")) as fake, served(fake, "select-mini", **changes) as pipeline:
        [seen] = pipeline.listed([Question(Picture(scene.image), "plane")])
    assert [score for _, score in seen["vlm"]] == [1.0, 1.0]
    assert fake.requests[0].body["repetition_penalty"] == 1.1


def test_an_answer_that_was_cut_off_has_no_end_to_look_from(scene: Scene) -> None:
    replies = [said("[10, 20, 60, 70]"), said("[10, 20, 60, 70]", "length"), said("[10, 20, 60", "length")]
    with serving(lambda _: replies.pop(0)) as fake, served(fake) as pipeline:
        picture = Picture(scene.image)
        looks = pipeline.look([Question(picture, text) for text in ("a",)])
        looks += pipeline.look([Question(picture, text) for text in ("b",)])
        looks += pipeline.look([Question(picture, text) for text in ("c",)])
        tokens = pipeline.models.overview().processor.tokenizer("[10, 20, 60, 70]", add_special_tokens=False).input_ids
    assert [look.overview.steps for look in looks[:2]] == [len(tokens) + 1, len(tokens)]
    assert looks[0].overview.answer_box == looks[1].overview.answer_box is not None
    assert (looks[2].overview.answer_box, looks[2].says_absent) == (None, False)


@pytest.mark.parametrize(("answer", "name"), [("A ship.", "ship"), ("I cannot say what that is meant to be", "tanker")])
def test_a_kind_is_named_by_the_served_model_without_a_picture(answer: str, name: str) -> None:
    with serving(lambda _: said(answer)) as fake, served(fake, zoom__ask="model") as pipeline:
        assert pipeline.name("the tanker at the quay") == name
        assert pipeline.name("the tanker at the quay") == name
    [request] = fake.requests
    assert [part["type"] for part in request.body["messages"][0]["content"]] == ["text"]
    assert "the tanker at the quay" in text_in(request)


def test_dumps_of_one_served_model_are_not_read_for_another_and_hold_neither_key_nor_address(
    scene: Scene, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, SECRET)
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        asked.append(request.body["model"])
        return said("[10, 20, 60, 70]")

    dumps = tmp_path / "dumps"
    with serving(answer) as fake, serving(answer) as moved:
        for at, changes in (
            (fake, {}),
            (moved, {"overview__url_seconds": 60.0}),  # is not asked: the map is there
            (fake, {"overview__served_model": "org/other"}),
        ):
            with served(at, dumps=dumps, **changes) as pipeline:
                found = pipeline.ground(scene.image, texts[0])
        with Pipeline(load("mini"), "cpu", dumps) as pipeline:
            assert pipeline.overview([Question(Picture(scene.image), texts[0])])[0].cost.origin == "computed"
    assert asked == ["org/mini", "org/other"]
    found.save(tmp_path / "out")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 5
    for path in written:
        content = path.read_bytes()
        assert SECRET.encode() not in content, path
        assert fake.url.encode() not in content, path
    assert json.loads((tmp_path / "out" / "result.json").read_text())["served_model"] == "org/other"


def test_a_failed_call_is_a_failed_sample_and_no_box(
    scene: Scene, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One of two pictures is refused; asked again, what was answered is not."""
    monkeypatch.setenv(KEY, SECRET)
    pictures = [tmp_path / "a.png", tmp_path / "b.png"]
    Image.fromarray(scene.image).save(pictures[0])
    Image.fromarray(scene.image[:, ::-1]).save(pictures[1])
    refusing = True

    def answer(request: Request) -> Reply:
        if refusing and np.array_equal(shown_in(request).rgb, np.asarray(Image.open(pictures[1]))):
            return Reply(f'{{"error": "no image for {SECRET}"}}'.encode(), 400)
        return said("[10, 20, 60, 70]")

    out = tmp_path / "out"
    with serving(answer) as fake, served(fake, runtime__batch=2) as pipeline:
        outcome = batch(pipeline, pictures, texts[:1], out, {})
        items = {Path(item["image"]).name: item for item in read_items(out / "answers.jsonl")}
        asked = len(fake.requests)
        refusing = False
        assert (len(outcome.failed), asked) == (1, 3)  # both at once, and then the one that failed alone
        assert items["a.png"]["error"] == ""
        assert "400" in items["b.png"]["error"]
        assert not items["b.png"].get("found")
        assert batch(pipeline, pictures, texts[:1], out, {}, retry_failed=True).failed == {}
    assert SECRET not in (out / "answers.jsonl").read_text() + caplog.text


def test_an_error_reaches_who_asks_and_an_answer_that_is_given_too_is_refused(scene: Scene, texts: list[str]) -> None:
    with serving(lambda _: said("")) as fake, served(fake) as pipeline:
        with pytest.raises(ServerError, match="without words"):
            pipeline.ground(scene.image, texts[0])
        with pytest.raises(UsageError, match="go together"):
            pipeline.ground(scene.image, texts[0], given="[1, 2, 3, 4]")


def test_the_rows_of_a_served_answer_need_no_layer_after_the_last(scene: Scene, texts: list[str]) -> None:
    ran: list[int] = []
    with serving(lambda _: said("[10, 20, 60, 70]")) as fake:
        layers: dict[str, Any] = {"overview__layers": [1], "overview__weights": [1.0]}
        with served(fake, **layers) as pipeline:
            decoder: torch.nn.Module = pipeline.models.overview().model.get_decoder()
            handles = [
                layer.register_forward_pre_hook(lambda *_, at=at: ran.append(at))
                for at, layer in enumerate(decoder.layers)  # type: ignore[arg-type]
            ]
            pipeline.glance([Question(Picture(scene.image), texts[0])])
            for handle in handles:
                handle.remove()
    assert ran == [0, 1, 0, 1]
