"""Calls a function that nobody has called before every now and then, and says when its first instruction was."""

import sys
import time


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(50))


def main(pause, busy):
    number = 0
    while True:
        time.sleep(pause)
        began = []
        names = {"began": began, "now": time.time, "burn": burn}
        exec(f"def f{number}():\n    began.append(now())\n    burn({busy})\n", names)
        names[f"f{number}"]()
        print(number, began[0], flush=True)
        number += 1


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
