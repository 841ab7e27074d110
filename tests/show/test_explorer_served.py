"""The Explorer on a server: what it sends, and what it draws, as a pipeline of this process would be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zeroov
from tests.serve.running import running
from tests.show.test_explorer import SCENE, explorer_of, say
from zeroov.client import Client
from zeroov.errors import UsageError
from zeroov.outputs.images import write_rgb_png
from zeroov.serve.service import Limits

pytestmark = pytest.mark.far


def test_a_server_is_explored_like_a_pipeline(tmp_path: Path) -> None:
    image = tmp_path / "scene.png"
    write_rgb_png(image, SCENE)
    with zeroov.load("mini", device="cpu") as pipeline, running(pipeline, Limits()) as server:
        client = Client(server.url)
        there, here = explorer_of(image, client), explorer_of(image, pipeline)
        for explorer in (there, here):
            say(explorer, expression="the stadium", bbox="")
            say(explorer, expression="it", bbox="20, 30, 90, 100")
            say(explorer, expression="the ship", bbox="")
        assert (there.problem, here.problem) == ("", "")
        pairs: list[tuple[dict[str, Any], dict[str, Any]]] = list(zip(there.results, here.results, strict=True))
        assert len(pairs) == 3
        for served, own in pairs:
            for name in ("expression", "status", "score", "why_empty", "doubtful"):
                assert served[name] == own[name], name
            assert served["found"] == own["found"]
            assert served["evolve"] == own["evolve"]
        assert there.results[0]["evolve"]
        assert there.tune == here.tune
        with pytest.raises(UsageError, match="give its path, got a ndarray"):
            explorer_of(SCENE, client)
