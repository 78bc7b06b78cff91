"""Three seconds in one function, then three in another, by the clock: of each moment it is known what ran."""

import time


def burn():
    return sum(range(2000))


def first_phase(end):
    while time.time() < end:
        burn()


def second_phase(end):
    while time.time() < end:
        burn()


def run():
    while True:
        number = int(time.time() // 3)
        phase = second_phase if number % 2 else first_phase
        phase(3 * (number + 1))


if __name__ == "__main__":
    run()
