"""What the VLM's training computes is what `from_pretrained` computes, and what it teaches is the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scripts.training.vlm.build import build_model, save_folder
from scripts.training.vlm.data import BatchStream, Plan, dense_targets, make_batch
from scripts.training.vlm.evaluate import auroc, decode
from scripts.training.vlm.forward import read, see
from scripts.training.vlm.losses import DenseHeads, answer_loss, said_loss, soft_numbers
from scripts.training.vlm.muon import orthogonalise
from scripts.training.vlm.schedule import Schedule
from scripts.training.vlm.tokens import PROMPT_HEAD, PROMPT_TAIL, SHIPPED, build_tokenizer, read_chat_template
from scripts.training.vlm.turns import TurnWriter, said
from zeroov.mini.scenes import SceneStyle, make_scene

RUNS = Path(__file__).parents[2] / "scripts" / "training" / "runs"
TALK = Plan(2, 3, forms=(("colour", 1.0), ("absent", 1.0)))


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return build_tokenizer(read_chat_template(SHIPPED))


@pytest.fixture(scope="module")
def writer(tokenizer: Any) -> TurnWriter:
    return TurnWriter(tokenizer)


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    return build_model(tokenizer, 3)


@pytest.fixture(scope="module")
def folder(model: Any, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("vlm")
    save_folder(model, tokenizer, place)
    return place


@pytest.mark.parametrize("height_width", [(224, 224), (168, 280)])
def test_the_fast_pass_equals_the_models_own(folder: Path, height_width: tuple[int, int]) -> None:
    from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(folder)
    scene = make_scene(5, SceneStyle(height_width=height_width))
    content = [{"type": "image"}, {"type": "text", "text": f"{PROMPT_HEAD}  the red plane{PROMPT_TAIL}"}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    inputs = processor(text=[text], images=[Image.fromarray(scene.image)], return_tensors="pt")
    ids = inputs["input_ids"][0]
    images = ids == model.config.image_token_id
    before, count = int(images.nonzero()[0]), int(images.sum())
    grid = (height_width[0] // 28, height_width[1] // 28)
    assert count == grid[0] * grid[1]
    with torch.no_grad():
        theirs = model(**inputs, output_hidden_states=True)
        table = model.get_input_embeddings()
        prefix = torch.cat([table(ids[:before])[None], see(model, torch.from_numpy(scene.image)[None])], 1)
        turns = table(ids[before + count :])[None, None].expand(1, 3, -1, -1)
        ours = read(model, prefix, turns, before, grid)
        assert ours.turns is not None
        logits = ours.turns @ table.weight.T
    for turn in range(3):
        torch.testing.assert_close(logits[0, turn], theirs.logits[0, before + count :], atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(
        ours.prefix_after[2][0], theirs.hidden_states[3][0, : before + count], atol=2e-4, rtol=1e-3
    )


def test_the_tokenizer_is_the_shipped_ones_and_any_text_passes(tokenizer: Any) -> None:
    shipped = json.loads((SHIPPED / "tokenizer.json").read_text("utf-8"))
    known = shipped["model"]["vocab"] | {token["content"]: token["id"] for token in shipped["added_tokens"]}
    assert tokenizer.get_vocab() == known
    answer = "[0, 7, 113, 1024]"
    assert len(tokenizer(answer).input_ids) == 9
    assert len(tokenizer(" the bottommost purple tennis court").input_ids) == 5
    for text in (answer, "Zürich, 日本 and\ttabs\n 2049 \U0001f6a2", "<|im_start|>user\n"):
        assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_the_chat_template_is_read_in_both_forms_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    assert read_chat_template(tmp_path) == "{{ messages }}"
    assert "<|im_start|>" in read_chat_template(SHIPPED)


def test_a_batch_teaches_the_answer_and_nothing_else(tokenizer: Any, writer: TurnWriter) -> None:
    batch = make_batch(writer, TALK, "train", 0)
    forms = [form for row in batch.form for form in row]
    flat = (array.reshape(-1, array.shape[-1]) for array in (batch.ids, batch.labels, batch.target_xyxy))
    for ids, labels, box, form in zip(*flat, forms, strict=True):
        learned = labels >= 0
        text = tokenizer.decode(labels[learned])
        assert text == ("[]" if form == "absent" else f"[{', '.join(map(str, box))}]") + "<|im_end|>"
        assert np.array_equal(ids[1:][learned[:-1]][:-1], labels[learned][:-1])


def test_what_an_expression_names_is_read_off_it() -> None:
    kinds = {"plane": 1, "ship": 2, "storage tank": 3}
    assert said("the red plane to the left of the blue ship") == (kinds["plane"], 0)
    assert said("the leftmost storage tank") == (kinds["storage tank"], -1)
    assert said("the large blue ship")[1] == 1


def test_a_cell_belongs_to_the_object_whose_box_holds_its_middle() -> None:
    scene = make_scene(11)
    kind, colour, large, box = dense_targets(scene)
    boxes = {thing.box_xyxy for thing in scene.objects}
    assert {tuple(row) for row in box[kind > 0].tolist()} == boxes  # none is without a cell
    assert ((kind > 0) == (colour >= 0)).all()
    assert ((kind > 0) == (large >= 0)).all()
    cells = np.flatnonzero(kind > 0)
    middles = np.stack([cells % 8, cells // 8], 1) * 28 + 14
    within = ((middles >= box[cells, :2]) & (middles < box[cells, 2:])).all(1)
    counts = {one: int((box[cells] == one).all(1).sum()) for one in boxes}
    assert all(hit or counts[tuple(box[cell].tolist())] == 1 for hit, cell in zip(within, cells, strict=True))


def test_losses_are_finite_and_reach_every_weight(model: Any, writer: TurnWriter) -> None:
    words, soft = writer.words, soft_numbers(3.0)
    torch.testing.assert_close(soft.sum(1), torch.ones(len(soft)))
    batch = make_batch(writer, TALK, "train", 0)
    table = model.get_input_embeddings().weight
    seen = see(model, torch.from_numpy(batch.images))
    head = table[list(words.head)][None].expand(2, -1, -1)
    trace = read(model, torch.cat([head, seen], 1), table[torch.from_numpy(batch.ids)], len(words.head), (8, 8))
    heads = DenseHeads(table.shape[1], (1, 2))
    truth = {name: torch.from_numpy(getattr(batch, name)) for name in ("kind", "colour", "large", "box")}
    states = [trace.prefix_after[layer][:, len(words.head) :] for layer in heads.after]
    assert trace.turns is not None
    labels, kind, colour = (torch.from_numpy(a) for a in (batch.labels, batch.said_kind, batch.said_colour))
    losses = heads(states, table, words, truth, soft)
    losses |= answer_loss(trace.turns, table, labels, words, soft)
    losses |= said_loss([trace.turns_after[layer] for layer in heads.after], table, words, labels, kind, colour)
    assert set(losses) == {"kind", "colour", "side", "number", "shape", "said"}
    total = torch.stack(list(losses.values())).sum()
    assert total.isfinite()
    total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    model.zero_grad()
    nothing = said_loss([trace.turns[..., :192]], table, words, labels, kind, torch.full_like(colour, -1))["said"]
    assert nothing.isfinite()  # no expression named a colour


def test_batches_are_the_same_whoever_draws_them(tokenizer: Any) -> None:
    plans = [(0, Plan(1, 0)), (2, TALK)]
    streams = [BatchStream(tokenizer, plans, 1, workers) for workers in (0, 1)]
    here, there = ([batch for _, batch in zip(range(3), stream, strict=False)] for stream in streams)
    for stream in streams:
        stream.close()
    assert [batch.ids.shape[:2] for batch in here] == [(1, 0), (2, 3), (2, 3)]
    for one, other in zip(here, there, strict=True):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.ids, other.ids)


def test_orthogonalising_brings_singular_values_near_one() -> None:
    blocks = torch.randn(4, 16, 48, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(blocks))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_decoding_answers_with_boxes_odds_and_maps(model: Any, writer: TurnWriter) -> None:
    batch = make_batch(writer, TALK, "val", 0)
    boxes, odds, maps = decode(model, batch, writer.words, torch.device("cpu"))
    assert boxes.shape == (2, 3, 4)
    assert odds.shape == (2, 3)
    assert len(maps) == model.config.text_config.num_hidden_layers
    assert all(one.shape == (2, 3, 8, 8) and (one.sum((2, 3)) <= 1.001).all() for one in maps)
    assert auroc(np.array([2.0, 1.0]), np.array([0.0, 1.0])) == 0.875


def test_the_course_holds_together_and_the_runs_schedules_are_still_read() -> None:
    course = Schedule()
    starts = [stage.start for stage in course.stages]
    assert starts == sorted(starts)
    assert starts[-1] < course.fall_from < course.last
    assert course.rate_at(0) < course.rate_at(course.warm) == course.peak > course.rate_at(course.last - 1) > 0
    assert course.stage_at(899).turns == 0 < course.stage_at(900).turns
    for number in range(1, 5):
        run = Schedule.read(RUNS / "vlm_schedules" / f"s{number}.json")
        assert run.stages[0].start == 0
        assert run.plans()[0][1].images in (8, 24)
