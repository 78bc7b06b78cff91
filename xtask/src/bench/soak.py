"""Many services that do little each: `soak.py PROCESSES SHARE` forks so many processes, each of which uses that share of a
CPU in short bursts, in some sixty stacks that are like no other process's. Ends with its parent's SIGTERM."""
import os
import random
import signal
import sys
import time


def service(number):
    source = []
    for at in range(12):
        source.append("def leaf%d(n):\n    total = 0\n    for i in range(n): total += i * i\n    return total\n" % at)
    for at in range(12):
        source.append("def middle%d(n):\n    return leaf%d(n) + leaf%d(n // 2)\n" % (at, at, (at * 5 + 1) % 12))
    for at in range(6):
        source.append("def handler%d(n):\n    return middle%d(n) + middle%d(n)\n" % (at, at, at + 6))
    names = {}
    exec(compile("".join(source), "/srv/app%d/service.py" % number, "exec"), names)
    return [names["handler%d" % at] for at in range(6)]


def serve(number, share):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    handlers, chance = service(number), random.Random(number)
    while True:
        begun = time.perf_counter()
        handlers[min(5, int(chance.expovariate(0.8)))](400)
        time.sleep((time.perf_counter() - begun) / share)


def main():
    processes, share = int(sys.argv[1]), float(sys.argv[2])
    children = []

    def end(*_):
        for child in children:
            os.kill(child, signal.SIGKILL)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    for number in range(processes):
        child = os.fork()
        if child == 0:
            serve(number, share)
        children.append(child)
    print("READY", flush=True)
    signal.pause()


main()
