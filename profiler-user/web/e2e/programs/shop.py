"""A shop that is always busy: known functions with known shares of the CPU, in two threads, one of them bursty."""

import sys
import threading
import time


def burn(seconds):
    end = time.thread_time() + seconds
    number = 0
    while time.thread_time() < end:
        number += sum(range(50))
    return number


def price_order():
    # As after a bad release: prices take twice as long.
    burn(0.012 if "--dear" in sys.argv else 0.006)


def find_endpoint():
    burn(0.002)


def render_page():
    burn(0.002)


def recurse(depth):
    if depth == 0:
        burn(0.002)
    else:
        recurse(depth - 1)


def handle_request():
    price_order()
    find_endpoint()
    render_page()
    recurse(5)


def serve():
    while True:
        handle_request()
        time.sleep(0.004)


def collect_garbage():
    """A burst of 100 ms at the beginning of each second."""
    while True:
        time.sleep(1 - time.time() % 1)
        burn(0.1)


if __name__ == "__main__":
    if "--no-bursts" not in sys.argv:
        threading.Thread(target=collect_garbage, name="collector", daemon=True).start()
    serve()
