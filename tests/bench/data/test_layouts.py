"""The miniature world in every benchmark's layout, read back: what the readers say is what was drawn."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.layouts import LAYOUTS, Drawn, write_layout
from zeroov.bench.data import find, names
from zeroov.bench.data.masks import read_mask
from zeroov.bench.data.sample import Split
from zeroov.bench.data.sets import dior_rsvg
from zeroov.errors import DatasetError, UsageError
from zeroov.mini.scenes import SPLIT_SEEDS

HW = (160, 224)  # not square: a box or mask read the wrong way round cannot pass
COUNT = 7


def splits_of(name: str) -> list[str]:
    splits = list(find(name.partition("/")[0]).splits)
    return [split for split in splits if (name, split) != ("referit", "trainval")]  # no file of its own in REFER


def written(name: str, folder: Path) -> dict[str, tuple[Drawn, ...]]:
    return write_layout(name, folder, {split: COUNT + at for at, split in enumerate(splits_of(name))}, HW)


def assert_true(split: Split, drawn: tuple[Drawn, ...], masks: bool) -> None:
    assert not split.remarks
    assert len(split.samples) == len(drawn) > 0
    assert len({sample.id for sample in split.samples}) == len(drawn)
    for sample, truth in zip(split.samples, drawn, strict=True):
        assert sample.expression.removeprefix("find ") == truth.expression
        assert sample.category in ("", truth.kind, truth.kind.replace(" ", "_"))
        scene = truth.scene()
        pixels = np.asarray(Image.open(split.root / sample.image))
        assert np.abs(pixels.astype(int) - scene.image).mean() < 4  # JPEG
        assert sample.box is None or sample.box.xyxy == pytest.approx(truth.box_xyxy, abs=1e-9)
        assert (sample.mask is not None) == masks
        assert sample.box is not None or masks
        if sample.mask:
            assert np.array_equal(read_mask(sample.mask, split.root, HW), scene.objects[truth.target].mask)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_read_back_as_it_was_drawn(name: str, tmp_path: Path) -> None:
    drawn = written(name, tmp_path)
    benchmark = find(name.partition("/")[0])
    for split, truth in drawn.items():
        read = benchmark.read(tmp_path, split)
        assert (read.benchmark, read.name, read.root) == (benchmark.name, split, tmp_path)
        assert_true(read, truth, masks=benchmark.has_masks and not name.endswith("/lists"))


def test_every_benchmark_has_a_layout() -> None:
    assert {name.partition("/")[0] for name in LAYOUTS} == set(names())


@pytest.mark.parametrize("name", ["rrsisd", "refcoco/lists", "dior-rsvg", "vrsbench"])
def test_the_same_call_writes_the_same_bytes(name: str, tmp_path: Path) -> None:
    digests = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_layout(name, folder, {splits_of(name)[-1]: 3}, HW)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        digests.append([(path.relative_to(folder), hashlib.sha256(path.read_bytes()).digest()) for path in files])
    assert digests[0] == digests[1]
    assert len(digests[0]) > 1


def test_scenes_come_from_the_seeds_of_their_split(tmp_path: Path) -> None:
    for name, seeds in (("refcoco", {"val": "val", "testA": "test", "testB": "test"}), ("vrsbench", {"val": "test"})):
        drawn = write_layout(name, tmp_path / name, dict.fromkeys(seeds, 5))
        for split, own in seeds.items():
            first, end = SPLIT_SEEDS[own]
            assert all(first <= question.seed < end for question in drawn[split])
            assert drawn[split][0].height_width == (224, 224)
    assert not {q.seed for q in drawn["val"]} & {q.seed for q in write_layout("rrsisd", tmp_path, {"val": 5})["val"]}


def test_layouts_refuse_what_they_do_not_know(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean `rrsisd`"):
        write_layout("rrsis", tmp_path, {"test": 1})
    with pytest.raises(UsageError, match="no seeds for a split `tset`; did you mean `test`"):
        write_layout("rrsisd", tmp_path, {"tset": 1})
    with pytest.raises(UsageError, match="train and val together"):
        write_layout("referit", tmp_path, {"trainval": 1})


# Where the files of a benchmark also lie in downloads and in other code bases.
LISTS = ("train.txt", "val.txt", "test.txt")
MOVES: list[tuple[str, str, Mapping[str, str]]] = [
    ("rrsisd", "val", {"rrsisd": "RRSIS-D/rrsisd", "images": "RRSIS-D/images"}),
    ("rrsisd", "val", {"rrsisd/refs(unc).p": "refs(unc).p", "rrsisd/instances.json": "instances.json"}),
    ("rrsisd", "val", {"images/rrsisd/JPEGImages": "JPEGImages"}),
    ("risbench", "val", {name: f"RISBench/{name}" for name in ("img_rgb", "mask", "output_phrase_val.txt")}),
    ("dior-rsvg", "val", {f"DIOR_RSVG/{name}": name for name in (*LISTS, "Annotations", "JPEGImages")}),
    ("opt-rsvg", "test", {f"opt_rsvg/{name}": f"opt_rsvg/split/{name}" for name in LISTS}),
    ("opt-rsvg", "test", {"opt_rsvg/JPEGImages": "opt_rsvg/Image/Image"}),
    ("rsvg-hr", "test", {"RSVG-HR/Annotations/rsvg_hr_test.txt": "rsvg_mm/rsvg_mm_test_v2.txt"}),
    ("vrsbench", "val", {"Images_val": "Images/Images_val"}),
    ("refcoco", "testA", {"refcoco": "refer/data/refcoco", "images": "refer/data/images"}),
    ("refcoco", "testA", {"images/mscoco/images/train2014": "train2014"}),
    ("refcoco/lists", "testB", {"unc": "data/unc"}),
    ("referit/lists", "trainval", {"referit/images": "ln_data/referit/images"}),
]


@pytest.mark.parametrize(("name", "split", "moves"), MOVES)
def test_layouts_in_circulation(name: str, split: str, moves: Mapping[str, str], tmp_path: Path) -> None:
    # Of DIOR-RSVG and OPT-RSVG all lists are needed, for what they count together.
    splits = ("train", "val", "test") if name in ("dior-rsvg", "opt-rsvg") else (split,)
    drawn = write_layout(name, tmp_path, dict.fromkeys(splits, COUNT), HW)
    benchmark = find(name.partition("/")[0])
    for old, new in moves.items():
        (tmp_path / new).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / old).rename(tmp_path / new)
    assert_true(benchmark.read(tmp_path, split), drawn[split], benchmark.has_masks and not name.endswith("/lists"))


def test_refsegrs_with_pictures_of_another_kind(tmp_path: Path) -> None:
    drawn = write_layout("refsegrs", tmp_path, {"test": COUNT}, HW)
    for folder in ("images", "masks"):
        for path in (tmp_path / folder).iterdir():
            Image.open(path).save(path.with_suffix(".png"))
            path.unlink()
    assert_true(find("refsegrs").read(tmp_path, "test"), drawn["test"], masks=True)


def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    drawn = write_layout("risbench", tmp_path / "disk", {"test": COUNT}, HW)
    root = tmp_path / "root"
    root.mkdir()
    for name in ("img_rgb", "mask"):
        (root / name).symlink_to(tmp_path / "disk" / name)
    shutil.copy(tmp_path / "disk/output_phrase_test.txt", root)
    assert_true(find("risbench").read(root, "test"), drawn["test"], masks=True)


def test_both_forms_of_vrsbench_give_the_same_samples(tmp_path: Path) -> None:
    for name in ("vrsbench", "vrsbench/images"):
        write_layout(name, tmp_path / name, {"val": 12}, HW)
    flat, per_image = (find("vrsbench").read(tmp_path / name, "test") for name in ("vrsbench", "vrsbench/images"))
    assert flat.samples == per_image.samples
    assert {sample.kind for sample in flat.samples} == {"unique", "non-unique"}
    assert [sample.id for sample in flat.samples] == [str(number) for number in range(12)]


def test_referit_trainval_of_refer_is_train_and_val(tmp_path: Path) -> None:
    drawn = write_layout("referit", tmp_path, {"train": 4, "val": 3, "test": 2}, HW)
    both = find("referit").read(tmp_path, "trainval")
    assert [sample.expression for sample in both.samples] == [q.expression for q in drawn["train"] + drawn["val"]]


def test_ids_and_order_are_the_official_ones(tmp_path: Path) -> None:
    written("dior-rsvg", tmp_path / "dior")
    listed = (tmp_path / "dior/DIOR_RSVG/test.txt").read_text().split()
    assert [sample.id for sample in find("dior").read(tmp_path / "dior", "test").samples] == listed
    assert listed != [str(number) for number in range(len(listed))]

    written("refcoco", tmp_path / "coco")
    refs = pickle.loads((tmp_path / "coco/refcoco/refs(unc).p").read_bytes())
    sent_ids = [str(s) for ref in refs if ref["split"] == "testB" for s in ref["sent_ids"]]
    assert [sample.id for sample in find("refcoco").read(tmp_path / "coco", "testB").samples] == sent_ids
    assert any(len(ref["sentences"]) > 1 for ref in refs)

    written("risbench", tmp_path / "ris")
    val = find("risbench").read(tmp_path / "ris", "val").samples
    assert all(sample.id.startswith("train_") and sample.image == f"img_rgb/{sample.id}" for sample in val)


def test_an_xml_file_less_or_more_is_refused_because_every_later_number_would_mean_another_object(
    tmp_path: Path,
) -> None:
    written("dior-rsvg", tmp_path)
    (tmp_path / "DIOR_RSVG/Annotations/00002.xml").unlink()
    for split in ("train", "val", "test"):
        with pytest.raises(DatasetError, match=r"objects and the lists count \d+"):
            find("dior-rsvg").read(tmp_path, split)
    shutil.copy(tmp_path / "DIOR_RSVG/Annotations/00001.xml", tmp_path / "DIOR_RSVG/Annotations/00002.xml")
    shutil.copy(tmp_path / "DIOR_RSVG/Annotations/00001.xml", tmp_path / "DIOR_RSVG/Annotations/00000.xml")
    with pytest.raises(DatasetError, match=r"objects and the lists count \d+"):
        find("dior-rsvg").read(tmp_path, "test")
    (tmp_path / "DIOR_RSVG/Annotations/00002.xml").write_text("<annotation><object>")
    with pytest.raises(DatasetError, match=r"00002\.xml` is no XML, or truncated"):
        find("dior-rsvg").read(tmp_path, "test")


def test_the_division_of_2022_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written("dior-rsvg", tmp_path)
    assert not find("dior-rsvg").read(tmp_path, "test").remarks
    monkeypatch.setitem(dior_rsvg.OLD_SPLIT, "test", COUNT + 2)
    [remark] = find("dior-rsvg").read(tmp_path, "test").remarks
    assert "2022" in remark.what
