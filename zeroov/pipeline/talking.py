"""Let a served model talk in place of the one here: answers, lists of objects, names of kinds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zeroov.errors import Failed
from zeroov.look import Question
from zeroov.spans import span
from zeroov.types import Listing

if TYPE_CHECKING:
    from zeroov.overview.server import Completion
    from zeroov.overview.stage import Given
    from zeroov.pipeline.run import Stages


def served_answers(stages: Stages, questions: Sequence[Question]) -> list[Given]:
    """Return what the served model answers to each question."""
    from zeroov.overview.served import answer_of, ask_answer

    models, recipe = stages.models.overview(), stages.recipe.overview
    asked = [ask_answer(models, each.picture, each.expression, recipe) for each in questions]
    return [answer_of(each) for each in said(stages, asked)]


def served_lists(stages: Stages, questions: Sequence[Question]) -> list[Listing]:
    """Return every object of each question's kind, its expression, that the served model names."""
    from zeroov.overview.served import ask_list, list_of

    models, recipe, listing = stages.models.overview(), stages.recipe.overview, stages.recipe.candidates
    asked = [ask_list(models, each.picture, each.expression, recipe, listing) for each in questions]
    answers = zip(said(stages, asked), questions, strict=True)
    return [list_of(answer, models, each.picture, recipe, listing) for answer, each in answers]


def served_name(stages: Stages, expression: str) -> str:
    """Return the kind of thing that an expression speaks of, in the served model's words; "" where that is no noun."""
    from zeroov.overview.served import ask_name, name_of

    models = stages.models.overview()
    [answer] = said(stages, [ask_name(models, expression)])
    return name_of(answer, models) or ""


def said(stages: Stages, asked: Sequence[Mapping[str, Any]]) -> list[Completion]:
    """Return the completions that are asked for, all at once; those that came are kept, also where another one failed.

    So of a batch that fails, and whose questions then are asked one by one, nothing is asked twice.
    """
    from zeroov.overview.server import Server, complete_all

    server = Server.of(stages.recipe.overview)
    keys = ["said " + hashlib.sha256(json.dumps(each).encode()).hexdigest() for each in asked]
    found: dict[str, Completion | Failed] = {key: known for key in keys if (known := stages.kept.find(key))}
    new = {key: each for key, each in zip(keys, asked, strict=True) if key not in found}
    with span("server"):
        came = complete_all(server, list(new.values()))
    for key, completion in zip(new, came, strict=True):
        found[key] = completion
        if not isinstance(completion, Failed):
            stages.kept.keep(key, completion, 32 * len(completion.pieces) + 4 * len(completion.text))
    answers = []
    for key in keys:
        answer = found[key]
        if isinstance(answer, Failed):
            raise answer.error
        answers.append(answer)
    return answers
