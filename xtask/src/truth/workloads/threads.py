"""Threads that note their own stacks, several at a time: some live long, some end at once, some work in C without the
interpreter's lock. Runs on Python 2.7 and 3.
"""

import threading

from witness import note, running


class Worker(threading.Thread):
    """Lives as long as the program."""

    def __init__(self, depth):
        threading.Thread.__init__(self, name="worker-%d" % depth)
        self.depth = depth

    def run(self):
        while running():
            self.step(self.depth)

    def step(self, depth):
        if depth:
            return self.step(depth - 1)
        for _ in (note() for _ in range(1)):
            pass


def brief(number):
    if number % 2:
        note()
    else:
        (lambda: note())()


def main():
    workers = [Worker(depth) for depth in (0, 3, 40)]
    for worker in workers:
        worker.start()
    number = 0
    while running():
        number += 1
        thread = threading.Thread(target=brief, args=(number,))
        thread.start()
        note()
        thread.join()
    for worker in workers:
        worker.join()


main()
