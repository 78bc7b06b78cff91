# Starts processes that live 50 ms, one after the other: forks of this one, or executions of its interpreter.
# short.py fork|exec COUNT; short.py until TIME is one that is executed.
import os
import sys
import time

LIFE = 0.05


def work(end):
    total = 0
    while time.time() < end:
        for step in range(500):
            total += step
    return total


def fork():
    child = os.fork()
    if child == 0:
        work(time.time() + LIFE)
        os._exit(0)
    os.waitpid(child, 0)


def execute():
    program = [sys.executable, "-S", "-E", __file__, "until", repr(time.time() + LIFE)]
    os.waitpid(os.spawnv(os.P_NOWAIT, sys.executable, program), 0)


if sys.argv[1] == "until":
    work(float(sys.argv[2]))
else:
    for _ in range(int(sys.argv[2])):
        {"fork": fork, "exec": execute}[sys.argv[1]]()
