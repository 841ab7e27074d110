"""The models that a recipe names: found, loaded when first needed, freed on request."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, cast

from zeroov import hardware
from zeroov.progress import SILENT, Progress
from zeroov.recipe import Recipe
from zeroov.spans import span
from zeroov.tiny.builtin import locate_builtin
from zeroov.weights.find import Located, is_builtin, locate
from zeroov.weights.needs import model_of, model_stages

if TYPE_CHECKING:
    import torch

    from zeroov.candidates.detector import Detector
    from zeroov.focus.load import FocusModels
    from zeroov.overview.load import OverviewModels
    from zeroov.refine.segmenter import Segmenter

log = logging.getLogger("zeroov")
ModelStage = Literal["overview", "focus", "detector", "refine"]
MODEL_STAGES: tuple[ModelStage, ...] = ("overview", "focus", "detector", "refine")
SLOW_ON_CPU = 500_000_000  # parameters


class NeedsModel(Exception):
    """Work needs the model of another stage than the one that may be loaded now."""

    def __init__(self, stage: ModelStage):
        super().__init__(stage)
        self.stage = stage


class LoadedModels:
    """Loads each stage's model once. With `runtime.keep_loaded = false` one model is in memory at a time."""

    def __init__(self, recipe: Recipe, device: torch.device):
        self.recipe = recipe
        self.device = device
        self._located: dict[ModelStage, Located] = {}
        self._models: dict[ModelStage, Any] = {}
        self._only: tuple[ModelStage, ...] = MODEL_STAGES
        self._took: dict[ModelStage, float] = {}  # seconds of the last load

    def reference(self, stage: ModelStage) -> str:
        """Return what the recipe calls a stage's model."""
        return model_of(self.recipe, stage)[1]

    def locate(self, stage: ModelStage) -> Located:
        """Return where a stage's model is and what identifies it, without loading it."""
        if stage not in self._located:
            kind, reference, revision = model_of(self.recipe, stage)
            if is_builtin(reference):
                self._located[stage] = locate_builtin(reference, "sam.pth" if kind == "sam" else kind)
            else:
                self._located[stage] = locate(kind, reference, revision)
        return self._located[stage]

    @property
    def stages(self) -> tuple[ModelStage, ...]:
        """The recipe's stages that have a model."""
        return tuple(stage for stage in MODEL_STAGES if stage in model_stages(self.recipe))

    def locate_all(self) -> None:
        """Locate the model of every stage that the recipe has."""
        for stage in self.stages:
            self.locate(stage)

    def load_all(self) -> None:
        """Load the model of every stage that the recipe has, in a block of `only` of those that it names."""
        for stage in self.stages:
            if stage in self._only:
                self.load(stage)

    @contextlib.contextmanager
    def only(self, *stages: ModelStage) -> Iterator[None]:
        """Load no other stages' models in the block: a work that needs one raises `NeedsModel` instead."""
        if not any(map(self.holds, stages)):
            self.drop_all()
        self._only = stages
        try:
            yield
        finally:
            self._only = MODEL_STAGES

    @property
    def limited(self) -> bool:
        """Whether the models of some of the recipe's stages may not be loaded now."""
        return not set(self.stages) <= set(self._only)

    def overview(self) -> OverviewModels:
        """Return the vision-language model, loading it when needed."""
        return cast("OverviewModels", self._get("overview"))

    def focus(self) -> FocusModels:
        """Return the diffusion model, loading it when needed."""
        return cast("FocusModels", self._get("focus"))

    def detector(self) -> Detector:
        """Return the open-vocabulary detector, loading it when needed."""
        return cast("Detector", self._get("detector"))

    def refine(self) -> Segmenter:
        """Return the model of masks, loading it when needed."""
        return cast("Segmenter", self._get("refine"))

    def dtype_name(self, stage: ModelStage) -> str:
        """Return the dtype in which a stage's model runs here, e.g. `bfloat16`."""
        wanted = getattr(self.recipe, stage).dtype
        return str(hardware.pick_dtype(wanted, self.device)).removeprefix("torch.")

    def identities(self) -> dict[str, dict[str, str]]:
        """Return what identifies the models of the recipe's stages: name, revision and dtype by stage."""
        found: dict[str, dict[str, str]] = {}
        for stage in self.stages:
            located = self.locate(stage)
            found[stage] = {"model": located.reference, "revision": located.revision, "dtype": self.dtype_name(stage)}
        return found

    def holds(self, stage: ModelStage) -> bool:
        """Return whether a stage's model is in memory."""
        return stage in self._models

    def drop(self, stage: ModelStage) -> None:
        """Free a stage's model."""
        if self._models.pop(stage, None) is not None:
            hardware.release(self.device)

    def drop_all(self) -> None:
        """Free every model; garbage is looked for once, which takes as long as loading a small one."""
        if self._models:
            with span("loading"):
                self._models.clear()
                hardware.release(self.device)

    def load(self, stage: ModelStage, progress: Progress = SILENT) -> float:
        """Load a stage's model unless it is loaded; return the seconds it took, 0 when it already was."""
        if stage in self._models:
            return 0.0
        if stage not in self._only:
            raise NeedsModel(stage)
        found = self.locate(stage)
        if not self.recipe.runtime.keep_loaded:
            self.drop_all()
        progress.made("loading", (stage, self._took.get(stage)))
        start = time.perf_counter()
        guard = hardware.memory_guard(f"loading the {stage} model", REMEDY)
        with span("loading"), guard, hardware.no_garbage():
            self._models[stage] = self._load(stage, found)
        self._took[stage] = time.perf_counter() - start
        progress.made("loaded", (stage, self._took[stage]))
        return self._took[stage]

    def _get(self, stage: ModelStage) -> Any:
        self.load(stage)
        return self._models[stage]

    def _load(self, stage: ModelStage, found: Located) -> Any:
        recipe, offload = self.recipe, self.recipe.runtime.offload
        signed = {"name": found.reference, "revision": found.revision}
        if stage == "overview":
            from zeroov.overview.load import load_overview

            models = load_overview(found.path, recipe.overview, self.device, offload=offload, **signed)
            self._warn_when_slow("Overview", models.model)
            return models
        if stage == "focus":
            from zeroov.focus.load import load_focus

            diffusion = load_focus(found.path, recipe.focus, self.device, offload=offload, **signed)
            self._warn_when_slow(f"Focus ({recipe.focus.method})", diffusion.unet)
            return diffusion
        if stage == "detector":
            from zeroov.candidates.detector import load_detector

            return load_detector(found.path, recipe.detector, self.device, **signed)
        from zeroov.refine.load import load_sam, load_segmenter
        from zeroov.weights import official

        if recipe.refine.model:
            return load_segmenter(found.path, recipe.refine, self.device, name=found.reference)
        official.check(found.path)
        return load_sam(found.path, recipe.refine, self.device)

    def _warn_when_slow(self, what: str, model: Any) -> None:
        parameters = sum(p.numel() for p in model.parameters())
        if self.device.type == "cpu" and parameters > SLOW_ON_CPU:
            log.warning(
                "%s runs a model of %.1f billion parameters on the CPU: expect minutes per picture; "
                "--device cuda is far faster, --recipe fast cheaper than paper",
                what,
                parameters / 1e9,
            )


REMEDY = (
    "try --set runtime.keep_loaded=false (one model in memory at a time), --set runtime.offload=true, "
    "--set overview.max_pixels=602112, or --device cpu"
)
