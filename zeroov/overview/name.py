"""Ask the language model, without a picture, what kind of thing an expression speaks of."""

from __future__ import annotations

import re
from dataclasses import replace

from zeroov.overview.answer import what_counts
from zeroov.overview.decode import decode, text_of
from zeroov.overview.families import Family
from zeroov.overview.load import OverviewModels
from zeroov.overview.prefix import NOTHING, ask
from zeroov.overview.prompt import text_alone

QUESTION = 'What kind of object does this description speak of: "{expression}"? Answer with the noun alone.'
LONGEST = 5  # words: more is a sentence, not a noun
LONGEST_NAME = 16  # tokens


def name_category(models: OverviewModels, expression: str) -> str | None:
    """Return the category in the model's words, lower case, or `None` where its answer is no noun."""
    words = text_alone(models, QUESTION.replace("{expression}", expression))
    [answered] = decode(models, ask(models, [NOTHING], [words]), LONGEST_NAME)
    return noun_in(text_of(models, answered), models.family)


def noun_in(text: str, family: Family) -> str | None:
    """Return the noun of what counts of an answer, thoughts left out; `None` where that is none."""
    return noun_of(text[what_counts(text, replace(family, marks=None))[0] :])


def noun_of(answer: str) -> str | None:
    """Return the noun of an answer: its first line without article and punctuation; `None` where that is none."""
    line = answer.strip().splitlines()[0] if answer.strip() else ""
    words = re.sub(r"^(?:the|a|an)\s+", "", line.strip(" .\"'*`").lower()).split()
    if not 0 < len(words) <= LONGEST or not all(re.fullmatch(r"[^\W\d_]+(?:[-'][^\W\d_]+)*", word) for word in words):
        return None
    return " ".join(words)
