"""Deep recursions: of 50, 300 and 900 frames, of more than Python allows unasked, and through C code.

Runs on Python 2.7 and 3.
"""

import sys

from witness import note, running

DEPTHS = [50, 100, 126, 127, 128, 129, 300, 900, 1010, 1500]
sys.setrecursionlimit(2500)


def down(depth):
    if depth:
        return other(depth - 1)
    note()


def other(depth):
    if depth:
        result = down(depth - 1)
        return result
    note()


def through_c(depth):
    if depth == 0:
        return note()
    return list(map(through_c, [depth - 1]))


def generated(depth):
    if depth == 0:
        note()
    else:
        for value in generated(depth - 1):
            yield value
    yield 1


while running():
    for depth in DEPTHS:
        down(depth)
    through_c(60)
    list(generated(80))
