"""The small real files of the maintainers' reference material."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zeroov import frames
from zeroov.bench.data import find
from zeroov.bench.data.check import check, look_at
from zeroov.bench.data.masks import read_mask
from zeroov.errors import DatasetError


def test_the_genuine_annotation_of_dior_rsvg(shared: Path, tmp_path: Path) -> None:
    real = shared / "data/dior_rsvg"
    for folder in ("Annotations", "JPEGImages"):
        shutil.copytree(real / folder, tmp_path / folder)
    (tmp_path / "test.txt").write_text("0\n")
    split = find("dior-rsvg").read(tmp_path, "test")
    [sample] = split.samples
    [remark] = split.remarks
    assert "1 object, 38320 published, and no list of train and val" in remark.what
    assert (sample.id, sample.expression, sample.category) == ("0", "A green and brown golf field", "golffield")
    assert sample.box
    assert sample.box.xyxy == (133, 237, 684, 672)
    assert not look_at(split, sample).problem
    # The official lists count 38,320 objects, of which one file holds the first.
    with pytest.raises(DatasetError, match="hold 1 object and the lists count 38320"):
        find("dior-rsvg").read(real, "test")


def test_the_official_lists_of_dior_rsvg_share_out_all_objects(shared: Path) -> None:
    benchmark, listed = find("dior-rsvg"), []
    for split, published in benchmark.splits.items():
        numbers = (shared / f"data/dior_rsvg/{split}.txt").read_text().split()
        assert len(numbers) == published
        listed += map(int, numbers)
    assert sorted(listed) == list(range(38320))


def test_the_whole_test_split_of_rsvg_hr(shared: Path) -> None:
    split = find("rsvg-hr").read(shared / "data/rsvg_hr", "test")
    assert len(split.samples) == find("rsvg-hr").splits["test"] == 499
    assert [(remark.file, remark.what) for remark in split.remarks] == [("images", "no such folder")]
    assert len({sample.image for sample in split.samples}) == 371
    first = split.samples[0]
    assert first.box
    assert first.box.xyxy == (409.0, 450.0, 447.0, 467.0)
    assert first.expression.startswith("find a swimming pool in the middle part")
    assert Counter(sample.expression.split()[0] for sample in split.samples)["search"] == 185
    assert len({sample.category for sample in split.samples}) == 7
    beyond = [sample.id for sample in split.samples if sample.box and sample.box.x1 > 1024]
    assert len(beyond) == 1


def test_the_genuine_record_of_vrsbench(shared: Path, tmp_path: Path) -> None:
    shutil.copy(shared / "data/vrsbench/eval_referring_sample.json", tmp_path / "VRSBench_EVAL_referring.json")
    [sample] = find("vrsbench").read(tmp_path, "val").samples
    assert (sample.id, sample.image, sample.category, sample.kind) == (
        "0",
        "Images_val/P0003_0002.png",
        "vehicle",
        "non-unique",
    )
    assert sample.box
    assert sample.box.xyxy == (131.0, 205.0, 171.0, 309.0)
    assert [int(100 * side / 512) for side in sample.box.xyxy] == [25, 40, 33, 60]  # its ground_truth


def test_real_pictures_and_masks_in_risbenchs_layout(shared: Path, tmp_path: Path) -> None:
    real = shared / "data/risbench"
    cases = json.loads((real / "cases.json").read_text())
    (tmp_path / "img_rgb").mkdir()
    (tmp_path / "mask").mkdir()
    lines = []
    for case in cases:
        name = f"test_{case['test_index']}_0.png"
        Image.open(real / case["image"]).save(tmp_path / "img_rgb" / name)
        shutil.copy(real / case["mask"], tmp_path / "mask" / name)
        lines.append(f"{name} {case['sentence']}\r\n")
    (tmp_path / "output_phrase_test.txt").write_text("".join(lines), newline="")
    [report] = check(find("risbench"), tmp_path, "test", 8)
    assert report.complete
    assert report.split
    for sample, case, look in zip(report.split.samples, cases, report.looks, strict=True):
        assert sample.expression == case["sentence"]
        assert sample.mask
        tight = frames.mask_to_box(read_mask(sample.mask, tmp_path, (512, 512)))
        assert tight
        assert tight == look.box
        assert tight.xyxy == pytest.approx(case["derived_box_xyxy_512"], abs=1)


def test_real_boxes_xywh_and_run_lengths_in_a_file_of_ones_own(shared: Path, tmp_path: Path) -> None:
    real = json.loads((shared / "data/dior_images/dior_mini_ann.json").read_text())
    kinds = {category["id"]: category["name"] for category in real["categories"]}
    files = {image["id"]: image["file_name"] for image in real["images"]}
    rows = [
        {
            "image": files[a["image_id"]],
            "expression": f"a {kinds[a['category_id']]}",
            "box_xywh": a["bbox"],
            "mask": a["segmentation"],
        }
        for a in real["annotations"]
    ]
    for file in files.values():
        shutil.copy(shared / "data/dior_images" / file, tmp_path)
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    [report] = check(find("file"), tmp_path, "test", len(rows))
    assert report.split
    assert len(report.split.samples) == len(report.looks) == 34
    ious = []
    for look in report.looks:
        assert look.mask is not None
        tight = frames.mask_to_box(look.mask)
        assert look.sample.box
        assert tight
        ious.append(frames.box_iou(look.sample.box, tight))
    assert np.mean(ious) > 0.9  # read as xyxy it would be near 0


def test_the_tree_crowns_as_a_table(shared: Path, tmp_path: Path) -> None:
    real = shared / "data/tree_crowns"
    text = (real / "2019_BLAN_3_751000_4330000_image_crop_bbox.csv").read_text()
    (tmp_path / "all.csv").write_text(text.replace("label", "expression", 1))
    shutil.copy(real / "2019_BLAN_3_751000_4330000_image_crop.jpg", tmp_path)
    [report] = check(find("file"), tmp_path, None, 4)
    assert report.complete
    assert report.split
    assert [sample.expression for sample in report.split.samples] == ["Tree"] * 4
    assert report.split.samples[0].box
    assert report.split.samples[0].box.xyxy == (737, 630, 817, 714)
