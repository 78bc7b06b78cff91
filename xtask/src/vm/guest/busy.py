# What firetower must see in the guest: `leaf`, 980 deep in `middle`, as xtask/src/vm/verdict.rs says. Runs on Python 2.7 too.
import sys


def leaf():
    open(sys.argv[1], "wb").close()  # From here on the stack is as expected.
    while True:
        pass


def middle(depth):
    if depth > 1:
        middle(depth - 1)
    else:
        leaf()


def outer():
    middle(980)


outer()
