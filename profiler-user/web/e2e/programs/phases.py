"""Three seconds in one function, then three in another, by the clock: of each moment it is known what ran. A third of a CPU."""

import time


def burn():
    end = time.thread_time() + 0.01
    while time.thread_time() < end:
        sum(range(200))


def first_phase(end):
    while time.time() < end:
        burn()
        time.sleep(0.02)


def second_phase(end):
    while time.time() < end:
        burn()
        time.sleep(0.02)


def run():
    while True:
        number = int(time.time() // 3)
        phase = second_phase if number % 2 else first_phase
        phase(3 * (number + 1))


if __name__ == "__main__":
    run()
