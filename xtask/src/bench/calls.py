"""Calls, as frequent as Python can, whose pairs of caller and callee are known: `calls.py COUNTER_FILE SECONDS`.

Says every call that there is as `CALL caller line callee`, then READY. Eight chains of functions, three to ten deep,
run one after the other; no function is in two chains, so a stack with frames of two moments has a pair that was not
said. The first eight bytes of the counter file are the number of rounds so far, little-endian. Runs on Python 2.7 and 3.
"""

import mmap
import struct
import sys
import time

CHAINS = 8


def source():
    """The chains and `run`, which calls them in turn, with the calls in it."""
    lines, calls = [], []
    for chain in range(CHAINS):
        last = chain + 2
        for depth in range(last):
            lines += ["def c%d_%d(x):" % (chain, depth), "    x += 1", "    return c%d_%d(x)" % (chain, depth + 1)]
            calls.append(("c%d_%d" % (chain, depth), len(lines), "c%d_%d" % (chain, depth + 1)))
        lines += ["def c%d_%d(x):" % (chain, last), "    return x * 3"]
    lines += ["def run(counter, end):", "    rounds = 0", "    while time() < end:"]
    for chain in range(CHAINS):
        lines.append("        c%d_0(rounds)" % chain)
        calls.append(("run", len(lines), "c%d_0" % chain))
    lines += ["        rounds += 1", "        pack_into('<Q', counter, 0, rounds)"]
    return "\n".join(lines), calls


def say(calls):
    """Tells which calls there are."""
    for call in calls:
        sys.stdout.write("CALL %s %d %s\n" % call)
    sys.stdout.write("READY\n")
    sys.stdout.flush()


TEXT, CALLS = source()
NAMES = {"time": time.time, "pack_into": struct.pack_into}
exec(compile(TEXT, "<calls>", "exec"), NAMES)
with open(sys.argv[1], "r+b") as counter_file:
    COUNTER = mmap.mmap(counter_file.fileno(), 8)
END = time.time() + float(sys.argv[2])
say(CALLS + [("<module>", sys._getframe().f_lineno + 1, "run")])
NAMES["run"](COUNTER, END)
