"""Processes that are forked, and fork: from the main thread, from a thread, and with code made after the fork.

Runs on Python 2.7 and 3.
"""

import os
import sys
import threading
import traceback
import warnings

from witness import note, running

# To fork from a thread is what is tested here.
warnings.simplefilter("ignore", DeprecationWarning)


def child(work):
    """Runs `work` in a process of its own, to its end."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if status:
        sys.exit("a child ended with %d" % status)


def simple():
    note()
    note()


def grandchild():
    child(simple)
    note()


def with_thread():
    thread = threading.Thread(target=simple)
    thread.start()
    thread.join()
    note()


def makes_code():
    scope = {"note": note}
    exec(compile("def made(): note()\n\n\nmade()\nmade()", "made-%d.py" % os.getpid(), "exec"), scope)


def from_thread():
    thread = threading.Thread(target=child, args=(simple,))
    thread.start()
    thread.join()


while running():
    for work in (simple, grandchild, with_thread, makes_code):
        child(work)
    from_thread()
    note()
