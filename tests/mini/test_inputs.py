"""The same scene in every kind of file gets the same, right, answer; turned pictures get a turned one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zeroov
from zeroov.bench.mini.measure import Question, questions
from zeroov.ground import Pipeline
from zeroov.types import Bool, Uint8


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return zeroov.load("mini", device="cpu", said_absent="keep")  # of the stretched scene the model says "[]"


@pytest.fixture(scope="module")
def asked(pipeline: Pipeline) -> Question:
    """The first question with an object in a corner that the miniature models answer well."""
    for question in questions(20):
        if question.truth and question.expression.form == "colour":
            result = pipeline.ground(question.scene.image, question.expression.text)
            if iou(result.mask, question.truth.mask) > 0.8:
                return question
    raise AssertionError("no scene of the first 20 is answered well")


def iou(first: Bool, second: Bool) -> float:
    return float((first & second).sum() / (first | second).sum())


def save_rgba(path: Path, rgb: Uint8) -> None:
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    Image.fromarray(np.dstack([rgb, alpha])).save(path)


def save_palette(path: Path, rgb: Uint8) -> None:
    Image.fromarray(rgb).quantize(256).save(path)


def save_cmyk(path: Path, rgb: Uint8) -> None:
    Image.fromarray(rgb).convert("CMYK").save(path)


def save_jpeg(path: Path, rgb: Uint8) -> None:
    Image.fromarray(rgb).save(path, quality=92)


def save_sixteen_bit(path: Path, rgb: Uint8) -> None:
    """Reflectances as Sentinel-2 has them, four bands, in a GeoTIFF."""
    rasterio = pytest.importorskip("rasterio")
    bands = np.concatenate([rgb, rgb[..., :1]], axis=2).astype(np.uint16) * 40 + 100
    profile = {"driver": "GTiff", "width": rgb.shape[1], "height": rgb.shape[0], "count": 4, "dtype": "uint16"}
    with rasterio.open(
        path, "w", **profile, crs="EPSG:32633", transform=rasterio.Affine(10, 0, 500000, 0, -10, 5000000)
    ) as file:
        file.write(bands.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("scene.png", save_rgba),
        ("palette.png", save_palette),
        ("cmyk.tif", save_cmyk),
        ("scene.jpg", save_jpeg),
        ("scene.tif", save_sixteen_bit),
    ],
)
def test_every_kind_of_file_is_answered_right(
    pipeline: Pipeline, asked: Question, tmp_path: Path, name: str, save: Callable[[Path, Uint8], None]
) -> None:
    save(tmp_path / name, asked.scene.image)
    result = pipeline.ground(tmp_path / name, asked.expression.text)
    assert asked.truth
    assert iou(result.mask, asked.truth.mask) > 0.5  # a stretched picture has another contrast, CMYK other colours


def test_a_picture_that_says_it_is_turned_is_answered_upright(
    pipeline: Pipeline, asked: Question, tmp_path: Path
) -> None:
    turned = Image.fromarray(asked.scene.image).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    result = pipeline.ground(tmp_path / "turned.png", asked.expression.text)
    assert asked.truth
    assert iou(result.mask, asked.truth.mask) > 0.8


def test_a_grey_scene_still_has_the_right_kind(pipeline: Pipeline, tmp_path: Path) -> None:
    """Colours are gone, so the question is one by kind alone, and the answer needs shape."""
    scores = []
    for question in questions(24):
        if question.truth and question.expression.form == "category":
            Image.fromarray(question.scene.image).convert("L").save(tmp_path / "grey.png")
            result = pipeline.ground(tmp_path / "grey.png", question.expression.text)
            scores.append(iou(result.mask, question.truth.mask))
    assert len(scores) >= 3
    assert max(scores) > 0.6
