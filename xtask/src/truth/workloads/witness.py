"""What a program knows of its own stack at a moment, and holds still for: the truth that a profiler is compared with.

A hold burns CPU in one C call, so that no frame of its thread changes meanwhile, and then notes the thread's stack with
the CLOCK_MONOTONIC nanoseconds at which the hold began and ended. Every sample of the thread in between must be exactly
that stack. A program either calls `note()` at chosen points, or has its main thread interrupted by a timer at points
that nobody chose (`start_timer`), never both: an interruption would change a stack that is held.

Notes are lines of JSON in the file given to `open_notes`. Runs on Python 2.7 and 3.
"""

import codecs
import functools
import gc
import hashlib
import os
import random
import signal
import sys
import threading
import time

try:
    import ctypes
except ImportError:  # Not every new Python has it, and only old ones need it.
    ctypes = None

HOLD = 0.003  # seconds, about
LIBC = ctypes and ctypes.CDLL(None)
CLOCK_MONOTONIC = 1
SYS_GETTID = 186  # x86-64


class State(object):
    notes = None  # file descriptor
    seconds = None  # that the program has
    end = None  # of those, by `now`
    timer = False
    burns = ()


# The clock and the thread, as the kernel has them.

def stopwatch():
    """A C function without arguments that tells the time, and one that gives its answer in nanoseconds."""
    if hasattr(time, "monotonic_ns"):
        return time.monotonic_ns, lambda answer: answer
    timespec = (ctypes.c_long * 2)()
    read = functools.partial(LIBC.clock_gettime, CLOCK_MONOTONIC, timespec)
    return read, lambda answer: timespec[0] * 1000000000 + timespec[1]


def now():
    read, answer = stopwatch()
    return answer(read()) / 1e9


def thread_id():
    native = getattr(threading, "get_native_id", None)
    return native() if native else LIBC.syscall(SYS_GETTID)


# What burns CPU: with and without the interpreter's lock, and in the kernel.

def burns(seconds):
    numbers = range if sys.version_info[0] > 2 else xrange  # noqa: F821
    kinds = [
        (sum, lambda size: numbers(size)),
        (hashlib.sha256, lambda size: b"\0" * size),
        (os.urandom, lambda size: size),
    ]
    return [(burn, argument(size_for(burn, argument, seconds))) for burn, argument in kinds]


def size_for(burn, argument, seconds):
    """The size with which `burn` takes so long."""
    size = 4096
    while True:
        prepared = argument(size)
        # The least of some: whoever must wait for a CPU takes longer.
        took = min(timed(burn, prepared) for _ in range(4))
        if took >= seconds / 4:
            return max(1, int(size * seconds / took))
        size *= 2


def timed(burn, argument):
    begin = now()
    burn(argument)
    return now() - begin


# Notes.

def backslash_bytes(error):
    """For bytes that are no text: each one as Python itself would write it."""
    return u"\\x%02x" % ord(error.object[error.start:error.start + 1]), error.start + 1


codecs.register_error("backslash_bytes", backslash_bytes)


def text(of):
    """As JSON, in ASCII; what is no text as `backslashreplace` has it."""
    if isinstance(of, bytes):
        of = of.decode("utf-8", "backslash_bytes")
    else:
        of = of.encode("utf-8", "backslashreplace").decode("utf-8")
    units = bytearray(of.encode("utf-16-be"))
    codes = [units[at] << 8 | units[at + 1] for at in range(0, len(units), 2)]
    return '"%s"' % "".join(chr(c) if 32 <= c < 127 and c not in (34, 92) else "\\u%04x" % c for c in codes)


def described(frame, texts={}):
    """Name, file and line of a frame, as JSON."""
    code = frame.f_code
    key = (getattr(code, "co_qualname", code.co_name), code.co_filename)
    if key not in texts:
        if len(texts) > 10000:
            texts.clear()
        texts[key] = "%s,%s" % tuple(text(part) for part in key)
    return "[%s,%d]" % (texts[key], frame.f_lineno or 0)


def write(begin, end, frames):
    values = os.getpid(), thread_id(), begin, end, ",".join(reversed(frames))
    line = ('{"pid":%d,"tid":%d,"begin":%d,"end":%d,"stack":[%s]}\n' % values).encode("ascii")
    if os.write(State.notes, line) != len(line):
        raise OSError("a note was not written whole")


def hold():
    """Holds the stack still for a while, and notes it. The frames are walked afterwards: while it is held, nobody has
    looked at them yet."""
    burn, argument = random.choice(State.burns)
    (begin, begun), (end, ended) = stopwatch(), stopwatch()
    collects = gc.isenabled()
    gc.disable()  # A finaliser is Python code that might run in the middle.
    # One line, and all of the hold: whichever of its instructions a sample finds, it finds this line.
    first = begin(); burn(argument); last = end(); line = sys._getframe().f_lineno  # noqa: E702
    if collects:
        gc.enable()
    frame = sys._getframe()
    own = frame.f_code
    frames = ["[%s,%s,%d]" % (text(getattr(own, "co_qualname", own.co_name)), text(own.co_filename), line)]
    frame = frame.f_back
    while frame is not None:
        frames.append(described(frame))
        frame = frame.f_back
    write(begun(first), ended(last), frames)


def note():
    """A hold at a point that the program chose."""
    if State.timer:
        raise RuntimeError("a hold must not be interrupted by the timer")
    hold()


# The program's life.

def open_notes(path, seconds):
    """Notes go to this file, and `running` says no after so many seconds, which begin when it is first asked."""
    State.notes = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    State.burns = burns(HOLD)
    # Python imports codecs when it first needs them: not in a signal handler, which may be in the middle of an import.
    text(u""), text(b"")
    State.seconds = seconds


def running():
    if State.end is None:
        State.end = now() + State.seconds
    return now() < State.end


def arm(seconds):
    # That of CPU time counts in ticks of the scheduler, which are longer than a hold.
    signal.setitimer(signal.ITIMER_REAL, seconds)


def interrupted(signum, frame):
    if not State.timer:
        return
    if not running():
        # An exception would be caught by programs that catch everything.
        os._exit(0)
    hold()
    # Only now: there is no second interruption in a hold.
    arm(random.uniform(0.001, 0.005))


def start_timer():
    """Holds the main thread's stack again and again, wherever it is, and ends the process when time is over."""
    State.timer = True
    signal.signal(signal.SIGALRM, interrupted)
    signal.siginterrupt(signal.SIGALRM, False)
    arm(0.002)


def stop_timer():
    State.timer = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
