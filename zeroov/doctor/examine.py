"""All checks in their order. Each is given as soon as it is made, and none stops the others."""

from __future__ import annotations

import functools
import importlib
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from zeroov import hardware
from zeroov.doctor import machine
from zeroov.doctor.check import Check, checked
from zeroov.errors import Failed, HardwareError, ModelError, attempt
from zeroov.recipe import Recipe

if TYPE_CHECKING:
    from zeroov.doctor.cases import Case
    from zeroov.ground import Pipeline
    from zeroov.pipeline.models import ModelStage

RANDOM = "builtin:tiny"
CLOSER = "see the line above it; where that is ok, attach this report to an issue"


def examine(recipe: Recipe, device: str, options: str) -> Iterator[Check]:
    """Yield what is found. `options` are the command's own, e.g. `--recipe fast`, for what to type next."""
    yield machine.packages()
    rooms = ("zeroov.ground", "zeroov.doctor.cases", "zeroov.doctor.stages")
    broken = attempt(lambda: [importlib.import_module(room) for room in rooms], fatal=())
    if isinstance(broken, Failed):
        yield Check("all else", "skipped", f"zeroov cannot be imported ({broken.reason})", machine.REINSTALL)
        return
    from zeroov.ground import Pipeline

    with tempfile.TemporaryDirectory() as maps:  # kept between the lines, so that no stage runs twice
        opened = attempt(lambda: Pipeline(recipe, device, maps), fatal=())
        if isinstance(opened, Failed):
            yield Check("device", "failed", opened.reason, f"--device auto, or {machine.NO_GPU}")
            return
        with opened as pipeline:
            yield from _examine(pipeline, options)


def _examine(pipeline: Pipeline, options: str) -> Iterator[Check]:
    from zeroov.doctor import stages
    from zeroov.doctor.cases import cases
    from zeroov.doctor.lists import lists

    models, device = pipeline.models, pipeline.device
    dtypes = {stage: models.dtype_name(stage) for stage in models.stages}
    yield machine.device_line(device, dtypes, real=machine.is_real(models))
    missing = {stage: _missing(pipeline, stage, options) for stage in models.stages}
    needs: dict[ModelStage, machine.Need] = {}
    for stage in (stage for stage, line in missing.items() if line is None):
        need = attempt(functools.partial(machine.estimate, models, stage), fatal=())
        if not isinstance(need, Failed):  # of an odd file its own line says what is wrong
            needs[stage] = need
    free, runtime = hardware.free_bytes(device), pipeline.recipe.runtime
    offload = runtime.offload and device.type == "cuda"
    memory = machine.memory(list(needs.values()), free, together=runtime.keep_loaded, offload=offload)
    yield memory
    if device.type == "cuda":
        yield machine.host_memory(list(needs.values()), hardware.free_bytes(hardware.pick_device("cpu")))

    asked, random = cases(pipeline.recipe), {stage: models.reference(stage) == RANDOM for stage in models.stages}
    lines: dict[ModelStage, dict[str, Callable[[Case], Check]]] = {
        "overview": {
            "overview rows": lambda case: stages.rows(pipeline, case),
            "overview answer": lambda case: stages.answer(pipeline, case, random=random["overview"]),
        },
        "focus": {"focus affinity": lambda case: stages.affinity(pipeline, case)},
        "detector": {"detector boxes": lambda case: lists(pipeline, case, "detector", random=random["detector"])},
        "refine": {"refine masks": lambda case: stages.masks(pipeline, case, random=random["refine"])},
    }
    if "select" in pipeline.recipe.stages and "vlm" in pipeline.recipe.candidates.sources:
        lines["overview"]["overview list"] = lambda case: lists(pipeline, case, "vlm", random=random["overview"])
    works = True
    for stage in models.stages:
        too_large = device.type == "cpu" and stage in needs and free is not None and needs[stage].weights_bytes > free
        found = missing[stage] or (_too_large(stage) if too_large else _model(pipeline, stage, options))
        yield found
        if found.verdict != "ok":
            works = False
            yield Check(f"{stage} on pictures", "skipped", "its model is not there", f"first mend `{found.name}`")
            continue
        for case in asked:
            for name, line in lines[stage].items():
                check = checked(f"{name}, {case.name}", functools.partial(line, case), CLOSER)
                works = works and check.verdict != "failed"
                yield check
        if memory.verdict in ("warning", "failed"):  # one model at a time: the system would end a program too large
            models.drop(stage)
    for case in asked:
        yield _together(pipeline, case, works=works, random=any(random.values()))


def _missing(pipeline: Pipeline, stage: ModelStage, options: str) -> Check | None:
    """Return the failed line of a stage whose model is not on this machine, or not whole; `None` where it is."""
    located = attempt(lambda: pipeline.models.locate(stage), fatal=())
    return _failed_model(stage, located, options) if isinstance(located, Failed) else None


def _model(pipeline: Pipeline, stage: ModelStage, options: str) -> Check:
    """Load a stage's model, which refuses damaged weights and those of another model."""
    seconds = attempt(lambda: pipeline.models.load(stage), fatal=())
    if isinstance(seconds, Failed):
        return _failed_model(stage, seconds, options)
    located = pipeline.models.locate(stage)
    measured = f"{located.reference} ({located.revision[:12]}) found and whole, loaded in {seconds:.1f} s"
    return Check(f"{stage} model", "ok", measured)


def _failed_model(stage: ModelStage, failed: Failed, options: str) -> Check:
    reason = failed.reason.replace("--recipe NAME", options)
    advice = "see `packages`" if isinstance(failed.error, ImportError) else CLOSER
    if isinstance(failed.error, HardwareError):
        advice = "see `memory`"
    elif isinstance(failed.error, ModelError):
        advice = f"`zeroov models {options}` lists what is needed, `zeroov models get {options}` fetches it"
    return Check(f"{stage} model", "failed", reason, advice)


def _too_large(stage: ModelStage) -> Check:
    return Check(f"{stage} model", "skipped", "not loaded: its weights do not fit into free memory", "see `memory`")


def _together(pipeline: Pipeline, case: Case, *, works: bool, random: bool) -> Check:
    from zeroov.doctor import stages

    name = f"together, {case.name}"
    if random:
        return Check(name, "skipped", "random weights: where attention, box and mask lie means nothing")
    if not works:
        return Check(name, "skipped", "a stage failed", "first mend the lines above")
    return checked(name, lambda: stages.together(pipeline, case), CLOSER)
