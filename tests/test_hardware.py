"""Garbage is not looked for while libraries and models are loaded, nor when the command ends."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> list[str]:
    """Return the words that code prints in a process of its own: the tests' own objects are frozen."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_what_is_loaded_is_old_and_nothing_is_left_switched_off() -> None:
    code = (
        "import gc\n"
        "from zeroov.hardware import no_garbage\n"
        "with no_garbage():\n"
        "    made = [[] for _ in range(5000)]\n"
        "    print(gc.isenabled())\n"
        "old = {id(each) for each in gc.get_objects(generation=2)}\n"
        "print(gc.isenabled(), all(id(each) in old for each in made), gc.get_freeze_count())\n"
    )
    assert run(code) == ["False", "True", "True", "0"]


def test_a_program_keeps_its_own_settings() -> None:
    code = (
        "import gc\n"
        "from zeroov.hardware import no_garbage\n"
        "gc.freeze()\n"
        "frozen = gc.get_freeze_count()\n"
        "with no_garbage():\n"
        "    made = [[] for _ in range(5000)]\n"
        "print(gc.get_freeze_count() == frozen)\n"
        "gc.disable()\n"
        "with no_garbage():\n"
        "    pass\n"
        "print(gc.isenabled())\n"
    )
    assert run(code) == ["True", "False"]


def test_a_command_that_ends_leaves_its_objects_alone() -> None:
    code = (
        "import atexit, gc, sys\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 10_000))\n"
        "from zeroov.__main__ import main\n"
        "sys.argv = ['zeroov', '--version']\n"
        "main()\n"
    )
    assert run(code)[-1] == "True"
