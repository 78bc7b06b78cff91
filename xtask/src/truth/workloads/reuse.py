"""Code that is made, run once and freed, so that the next code lies at the same addresses: a stack of one must never be
shown with the names of another. Runs on Python 2.7 and 3.
"""

import gc

from witness import note, running

SOURCE = """{newlines}def f{number:07d}(x):
    if x:
        return f{number:07d}(x - 1)
    note()
f{number:07d}(2)
"""


def once(number):
    """Names and files of one length, so that the strings fit where the last ones were."""
    source = SOURCE.format(number=number, newlines="\n" * (number % 5))
    scope = {"note": note}
    exec(compile(source, "made-%07d.py" % number, "exec"), scope)
    # The function is in its own globals.
    scope.clear()


def same_name(number):
    """Only the lines differ."""
    scope = {"note": note}
    exec(compile("\n" * (number % 50) + "def f():\n    note()\nf()", "made.py", "exec"), scope)
    scope.clear()


def lines_only(number):
    """Its code and line table are as long as the last ones: what is there anew lies where the old was."""
    exec(compile("\n" * (1 + number % 20) + "note()", "made.py", "exec"), {"note": note})


number = 0
while running():
    number += 1
    once(number)
    same_name(number)
    lines_only(number)
    if number % 100 == 0:
        gc.collect()
