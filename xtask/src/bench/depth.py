"""Busy on a stack of so many Python frames, the module's own included: `depth.py FRAMES SECONDS`.

Each frame is of another function, as in real programs: recursion would have the profiler read one code object again and
again. Says READY once the stack stands. Runs on Python 2.7 and 3.
"""

import sys
import time


def leaf(end):
    """Works without a call of any Python function."""
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    total = 0
    while time.time() < end:
        for number in range(10000):
            total += number & 7
    return total


def chain(links):
    """A function that calls `leaf` through so many others."""
    lines = ["def link_%d(end): return link_%d(end)" % (number, number + 1) for number in range(links)]
    names = {"link_%d" % links: leaf}
    exec(compile("\n".join(lines), "<chain>", "exec"), names)
    return names["link_0"]


chain(int(sys.argv[1]) - 2)(time.time() + float(sys.argv[2]))
