"""The hard split of the miniature world: every scene is placed for its expression, with near misses of every part."""

from zeroov.mini.hard.question import HardQuestion, HardSplit, count_of, draw_question, hard_question

__all__ = ["HardQuestion", "HardSplit", "count_of", "draw_question", "hard_question"]
