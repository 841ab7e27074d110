"""What a served model is asked, and what its words mean: an answer, a list of objects, the name of a kind.

The model here is the same family's: it says how a picture and a text are shown, and in which unit boxes are written.
"""

from __future__ import annotations

import base64
import io
from typing import Any

from zeroov.overview.answer import what_counts
from zeroov.overview.listing import boxes_of
from zeroov.overview.load import OverviewModels
from zeroov.overview.name import LONGEST_NAME, QUESTION, noun_in
from zeroov.overview.prompt import as_letters, shown_image
from zeroov.overview.server import Completion
from zeroov.overview.stage import Given
from zeroov.recipe import CandidatesRecipe, OverviewRecipe
from zeroov.types import Listing, Picture

Asked = dict[str, Any]
"""The body of a request for a chat completion, without the model's name."""


def ask_answer(models: OverviewModels, picture: Picture, expression: str, recipe: OverviewRecipe) -> Asked:
    """Ask where the object is that an expression describes."""
    text = recipe.prompt.replace("{expression}", expression)
    return _chat(models, text, recipe.max_new_tokens, picture, recipe)


def answer_of(said: Completion) -> Given:
    """Return the answer, as one that is given."""
    return Given(said.text, said.whole, said.confidence)


def ask_list(
    models: OverviewModels, picture: Picture, kind: str, recipe: OverviewRecipe, listing: CandidatesRecipe
) -> Asked:
    """Ask for every object of a kind."""
    asked = _chat(models, listing.prompt.replace("{kind}", kind), listing.max_new_tokens, picture, recipe)
    return asked | ({"repetition_penalty": listing.repetition_penalty} if listing.repetition_penalty else {})


def list_of(
    said: Completion, models: OverviewModels, picture: Picture, recipe: OverviewRecipe, listing: CandidatesRecipe
) -> Listing:
    """Return the objects that an answer lists; each one's score is 1 where the server gives no probabilities."""
    pieces, sure = (said.pieces, said.sure) if said.pieces else ((said.text,), (1.0,))
    frame = models.family.answer_frame_hw(shown_image(models, picture, recipe)[1])
    counts = what_counts(said.text, models.family)
    boxes, scores = boxes_of(pieces, sure, frame, picture.hw, listing.most, counts)
    return Listing(boxes, scores, said.text[slice(*counts)].strip(), recipe.served_model, "")


def ask_name(models: OverviewModels, expression: str) -> Asked:
    """Ask what kind of thing an expression speaks of."""
    return _chat(models, QUESTION.replace("{expression}", expression), LONGEST_NAME)


def name_of(said: Completion, models: OverviewModels) -> str | None:
    """Return the noun of an answer; `None` where it is none."""
    return noun_in(said.text, models.family)


def _chat(
    models: OverviewModels,
    text: str,
    max_tokens: int,
    picture: Picture | None = None,
    recipe: OverviewRecipe | None = None,
) -> Asked:
    """Return a user's turn: a picture, where there is one, then the text, in which special tokens are only letters."""
    content: list[dict[str, Any]] = [{"type": "text", "text": as_letters(models, text)}]
    if picture and recipe:
        content.insert(0, {"type": "image_url", "image_url": {"url": _data_url(models, picture, recipe)}})
    family = models.family
    asked: Asked = {"messages": [{"role": "user", "content": content}], "max_tokens": max_tokens}
    asked |= {"chat_template_kwargs": family.chat} if family.chat else {}
    return asked | ({"skip_special_tokens": False} if family.marks else {})  # the marks are such tokens


def _data_url(models: OverviewModels, picture: Picture, recipe: OverviewRecipe) -> str:
    """Return a picture, without loss and of the size in which the model here reads it, as an address that holds it."""
    image, _ = shown_image(models, picture, recipe)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
