"""CPU clocks of a thread and of the process, in seconds, and the time that goes by in one function by them.

For Python 2.7 too, which has neither clock: there the C library is asked.
"""

import functools
import threading
import time

try:
    _clock_gettime = time.clock_gettime
except AttributeError:
    import ctypes

    class _Timespec(ctypes.Structure):
        _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

    _libc = ctypes.CDLL(None, use_errno=True)

    def _clock_gettime(clock):
        now = _Timespec()
        if _libc.clock_gettime(clock, ctypes.byref(now)) != 0:
            raise OSError(ctypes.get_errno(), "clock_gettime")
        return now.seconds + now.nanoseconds * 1e-9


def process_cpu():
    """CPU time of all threads of this process: CLOCK_PROCESS_CPUTIME_ID."""
    return _clock_gettime(2)


def thread_cpu():
    """CPU time of the calling thread: CLOCK_THREAD_CPUTIME_ID."""
    return _clock_gettime(3)


class Counter(object):
    """Counts calls of a function and the CPU time in them, by threads; calls within calls belong to the outermost.

    A thread that waits, for the GIL or a socket, has no CPU time meanwhile, so that the sum compares with the CPU time of
    the process.
    """

    def __init__(self):
        self.calls = 0
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._local = threading.local()

    def around(self, function):
        """The function with the counting around it."""
        local = self._local

        @functools.wraps(function)
        def counted(*args, **kwargs):
            if getattr(local, "inside", False):
                return function(*args, **kwargs)
            local.inside = True
            start = thread_cpu()
            try:
                return function(*args, **kwargs)
            finally:
                seconds = thread_cpu() - start
                local.inside = False
                with self._lock:
                    self.calls += 1
                    self.seconds += seconds

        return counted


def cost_of_counting(calls=5000):
    """CPU seconds that counting one call takes: outside of what is counted, and inside of it."""
    counter = Counter()
    counted = counter.around(lambda: None)
    start = thread_cpu()
    for _ in range(calls):
        counted()
    whole = (thread_cpu() - start) / calls
    inside = counter.seconds / calls
    return whole - inside, inside
