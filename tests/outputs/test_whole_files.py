"""What is said to be written is there, whole, below the folder that was asked for; else the old file stays."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.outputs.found_objects import PROVENANCE, SCENE, WRITABLE, airport, pond
from tests.outputs.test_formats import names, needs_posix
from zeroov.errors import OutputError
from zeroov.outputs.write import open_writers, write

rasterio = pytest.importorskip("rasterio")
pyogrio = pytest.importorskip("pyogrio")
needs_bytes = pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")

# A file that may not grow further behaves as on a full disk, and needs no rights: every write fails with EFBIG.
FULL_DISK = """
import json, pathlib, resource, signal, sys
from tests.outputs.found_objects import PROVENANCE, SCENE, WRITABLE, airport, pond
from zeroov.errors import OutputError
from zeroov.outputs.write import write

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
free = resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1]

def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

results = {}
for name in WRITABLE:
    folder = pathlib.Path(sys.argv[1]) / name
    write(folder, [name], SCENE, [airport()], PROVENANCE)
    before = contents(folder)
    largest = max(map(len, before.values()))
    for limit in (0, 100, largest // 2, max(largest - 5000, 0), largest - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, free[1]))
        try:
            write(folder, [name], SCENE, [airport()], {**PROVENANCE, "revision": "longer than before"})
            outcome = "written"
        except OutputError as error:
            outcome = str(error)
        except Exception as error:
            outcome = f"a traceback: {type(error).__name__}: {error}"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, free)
        results.setdefault(name, []).append((limit, outcome, contents(folder) == before))
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path_factory.mktemp("full"))]
    root = Path(__file__).parents[2]  # where `tests` is imported from
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_posix
@pytest.mark.parametrize("name", [name for name in WRITABLE if name not in ("yolo", "yolo-seg", "labelme", "stac")])
def test_a_full_disk_is_an_error_and_the_old_file_stays(full_disk, name):
    for limit, outcome, is_untouched in full_disk[name]:
        assert "cannot be written" in outcome, (limit, outcome)
        assert is_untouched, (limit, outcome)


@needs_posix
@pytest.mark.parametrize("name", ["yolo", "yolo-seg", "labelme", "stac"])
def test_a_full_disk_is_an_error_for_a_folder_of_labels(full_disk, name):
    (_, outcome, is_untouched), *_ = full_disk[name]
    assert "cannot be written" in outcome
    assert is_untouched


@needs_posix
@pytest.mark.parametrize("odd", ["x!y", "a;b", "a\tb", "a\nb", "a.zip!b"])
@pytest.mark.parametrize("where", ["image", "out", "subfolder"])
def test_a_geopackage_is_written_where_it_was_asked_for(tmp_path, monkeypatch, odd, where):
    monkeypatch.chdir(tmp_path)
    out = odd if where == "out" else "out"
    sources = {
        "image": [f"in/{odd}.tif", "in/z.tif"],
        "out": ["in/z.tif"],
        "subfolder": [f"in/{odd}/z.tif", "in/z.tif"],
    }
    images = sources[where]
    writers = open_writers(out, ["gpkg"], images=images)
    for image in images:
        writers.add(replace(SCENE, source=image), [airport(), pond()], PROVENANCE)
    (path,) = writers.finish()
    assert path.as_posix() == f"{out}/objects.gpkg"
    assert names(tmp_path) == {f"{out}/objects.gpkg"}
    plain = Path("plain.gpkg")  # for pyogrio would not open it by its own name
    plain.write_bytes(path.read_bytes())
    expected = 2 * len(images)
    assert [len(pyogrio.raw.read(plain, layer=layer)[2]) for layer in ("masks", "boxes")] == [expected, expected]


@needs_posix
def test_a_geopackage_in_a_folder_that_begins_with_two_slashes(tmp_path):
    (path,) = write(f"/{tmp_path}/out", ["gpkg"], SCENE, [airport()], {})
    assert names(tmp_path) == {"out/objects.gpkg"}
    assert path.stat().st_size


def test_a_geopackage_that_is_not_whole_is_refused(tmp_path, monkeypatch):
    original = pyogrio.raw.write

    def losing(path, *, geometry, field_data, field_mask=None, **rest):
        if geometry is None:  # the styles
            return original(path, geometry=None, field_data=field_data, **rest)
        fields = {"field_data": [each[:-1] for each in field_data], "field_mask": [each[:-1] for each in field_mask]}
        return original(path, geometry=geometry[:-1], **fields, **rest)

    (path,) = write(tmp_path / "a.gpkg", ["gpkg"], SCENE, [airport()], {})
    before = path.read_bytes()
    monkeypatch.setattr(pyogrio.raw, "write", losing)
    with pytest.raises(OutputError, match=r"a\.gpkg` cannot be written \(1 of 2 features of its layer masks"):
        write(tmp_path / "a.gpkg", ["gpkg"], SCENE, [airport(), pond()], {})
    assert path.read_bytes() == before


@pytest.mark.parametrize(("folder", "reason"), [("t!mp", "takes the name of"), ("none", "No such file")])
def test_a_temporary_folder_that_does_not_fit_is_refused(tmp_path, monkeypatch, folder, reason):
    (tmp_path / "t!mp").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / folder))
    with pytest.raises(OutputError, match=rf"{reason}.*{folder}.*set TMPDIR"):
        write(tmp_path / "a.gpkg", ["gpkg"], SCENE, [airport()], {})
    assert names(tmp_path) == set()


def test_an_interrupted_edit_of_the_old_geopackage_does_not_spoil_the_new_one(tmp_path):
    """SQLite would roll the journal of the old file back into the new one."""
    (path,) = write(tmp_path / "a.gpkg", ["gpkg"], SCENE, [airport()] * 400, PROVENANCE)
    edit = f"""
import os, sqlite3
edited = sqlite3.connect({str(path)!r})
edited.execute("pragma cache_size = 2")
edited.execute("begin")
edited.execute("update gpkg_contents set min_x = 7")
edited.execute("create table other (word)")
edited.executemany("insert into other values (?)", [("y" * 500,)] * 2000)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", edit], check=True)
    assert (tmp_path / "a.gpkg-journal").exists()
    write(tmp_path / "a.gpkg", ["gpkg"], SCENE, [pond()], {})
    with sqlite3.connect(path) as package:
        assert package.execute("select expression from masks").fetchall() == [(pond().expression,)]
    assert names(tmp_path) == {"a.gpkg"}


def test_a_mask_that_is_not_whole_is_refused(tmp_path, monkeypatch):
    (path,) = write(tmp_path / "a.tif", ["geotiff"], SCENE, [airport()], {})
    before = path.read_bytes()
    monkeypatch.setattr(rasterio.io.DatasetWriter, "write", lambda *_, **__: None)
    with pytest.raises(OutputError, match=r"a\.tif` cannot be written \(.*not what was drawn"):
        write(tmp_path / "a.tif", ["geotiff"], SCENE, [airport()], {})
    assert path.read_bytes() == before


@needs_bytes
@pytest.mark.parametrize("name", WRITABLE)
def test_a_name_that_is_not_utf_8(tmp_path, name):
    odd = os.fsdecode(b"b\xe9")
    info = replace(SCENE, source=f"/data/{odd}.tif")
    for written in write(tmp_path / odd, [name], info, [airport()], {}):
        assert written.stat().st_size
    assert {path.parts[0] for path in (path.relative_to(tmp_path) for path in tmp_path.rglob("*"))} == {odd}
