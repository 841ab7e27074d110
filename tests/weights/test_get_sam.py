from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.weights.servers import FileHandler, serving
from zeroov.errors import ModelError
from zeroov.weights import get, official

NAME = "sam_vit_b_01ec64.pth"
CONTENT = np.random.default_rng(0).bytes(3_000_000)


class Server(FileHandler):
    pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a small file under an official name, and allow the network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("no_proxy", "*")
    known = official.OfficialFile(len(CONTENT), hashlib.md5(CONTENT).hexdigest())
    monkeypatch.setitem(official.SAM_FILES, NAME, known)
    Server.content, Server.knows_ranges, Server.cut_after, Server.asked = CONTENT, True, None, []
    with serving(Server) as address:
        yield address


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / NAME


def part_of(target: Path) -> Path:
    return target.with_name(f"{NAME}.part")


def failure(target: Path, url: str) -> str:
    with pytest.raises(ModelError) as error:
        get.download_checkpoint(NAME, target, url)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_download_is_whole_and_silent(url: str, target: Path, capfd: pytest.CaptureFixture[str]) -> None:
    get.download_checkpoint(NAME, target, url)
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()
    assert Server.asked == [None]
    assert capfd.readouterr() == ("", "")  # stderr is no terminal here


def test_a_cut_download_goes_on_where_it_stopped(url: str, target: Path) -> None:
    Server.cut_after = 1_200_000
    message = failure(target, url)
    assert "goes on where it stopped" in message
    assert not target.exists()
    kept = part_of(target).stat().st_size
    assert 0 < kept <= 1_200_000
    Server.cut_after = None
    get.download_checkpoint(NAME, target, url)
    assert Server.asked[1] == f"bytes={kept}-"
    assert target.read_bytes() == CONTENT


def test_a_server_without_ranges_starts_anew(url: str, target: Path) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(CONTENT[:1000])
    Server.knows_ranges = False
    get.download_checkpoint(NAME, target, url)
    assert Server.asked == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


def test_a_whole_part_is_only_checked(url: str, target: Path) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(CONTENT)
    get.download_checkpoint(NAME, target, url)
    assert Server.asked == []
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_anew(url: str, target: Path) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(CONTENT + b"more")
    get.download_checkpoint(NAME, target, url)
    assert Server.asked == [None]
    assert target.read_bytes() == CONTENT


def test_a_wrong_md5_is_refused_and_removed(url: str, target: Path) -> None:
    Server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    assert "md5" in failure(target, url)
    assert not target.exists()
    assert not part_of(target).exists()


def test_a_wrong_beginning_does_not_survive_resuming(url: str, target: Path) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(b"x" * 1000)
    assert "md5" in failure(target, url)
    get.download_checkpoint(NAME, target, url)
    assert target.read_bytes() == CONTENT


def test_no_server_at_all(url: str, target: Path) -> None:
    assert "refused" in failure(target, "http://127.0.0.1:9")


def test_a_file_that_the_server_does_not_have(url: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "do_GET", lambda self: self.send_error(404))
    assert "404" in failure(target, url)


def test_a_part_longer_than_the_servers_file_is_dropped(
    url: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(CONTENT[:1000])
    monkeypatch.setattr(Server, "do_GET", lambda self: self.send_error(416))
    assert "416" in failure(target, url)
    assert not part_of(target).exists()


def test_offline_nothing_is_asked(url: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in failure(target, url)
    assert Server.asked == []


def test_an_own_checkpoint_has_no_download(url: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no download is known.*did you mean"):
        get.download_checkpoint("sam_vit_b.pth", tmp_path / "sam_vit_b.pth", url)


def test_a_full_disk_is_told_before(url: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = official.OfficialFile(1 << 60, "0" * 32)
    monkeypatch.setitem(official.SAM_FILES, NAME, known)
    assert "GB free" in failure(target, url)
    assert Server.asked == []


def test_where_a_download_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(get, "PACKAGE", tmp_path / "site-packages" / "zeroov")
    monkeypatch.setenv("ZEROOV_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZEROOV_SAM_DIR", raising=False)
    assert get.checkpoint_target(NAME) == tmp_path / "cache" / "sam" / NAME
    (tmp_path / "sam_checkpoint").mkdir()
    assert get.checkpoint_target(NAME) == tmp_path / "sam_checkpoint" / NAME
    monkeypatch.setenv("ZEROOV_SAM_DIR", str(tmp_path / "mine"))
    assert get.checkpoint_target(NAME) == tmp_path / "mine" / NAME
    assert get.checkpoint_target(f"/data/{NAME}") == Path("/data") / NAME
