"""Every form of Python code, with a hold in each: functions, closures, classes, generators, comprehensions, blocks.

Runs on Python 2.7 and 3.
"""

import contextlib
import functools

from witness import note, running


def plain():
    note()


def arguments(first, *rest, **named):
    note()
    return first, rest, named


def closure(depth):
    def inner():
        if depth:
            closure(depth - 1)
        note()
    inner()


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        result = function(*args, **kwargs)
        return result
    return wrapper


@decorated
@decorated
def twice_decorated():
    return note()


class Base(object):
    def method(self):
        note()

    @classmethod
    def of_class(cls):
        note()

    @staticmethod
    def of_none():
        note()

    @property
    def value(self):
        return note()

    def __call__(self):
        note()

    def __enter__(self):
        note()

    def __exit__(self, *what):
        note()


class Derived(Base):
    def method(self):
        super(Derived, self).method()

    class Inner(object):
        def method(self):
            (lambda: note())()


def class_bodies():
    class Outer(object):
        class Body(object):
            note()
        note()
    return Outer


def generator(count):
    for _ in range(count):
        note()
        yield count


def outer_generator(count):
    for value in generator(count):
        yield value


def generators():
    for _ in outer_generator(2):
        pass
    sent = receiver()
    next(sent)
    sent.send(1)
    sent.close()


def receiver():
    try:
        while True:
            yield
            note()
    finally:
        note()


def comprehensions():
    [note() for _ in range(1)]
    list(note() for _ in range(1))
    {note(): 1 for _ in range(1)}
    {note() for _ in range(1)}
    [[note() for _ in range(1)] for _ in range(1)]
    [inner for inner in (note() for _ in range(1))]


def blocks():
    try:
        raise ValueError()
    except ValueError:
        note()
    else:
        plain()
    finally:
        note()
    with Base():
        note()
    with managed():
        note()
    while True:
        note()
        break
    for _ in [1]:
        if not (1 and
                note()):
            note(
            )


@contextlib.contextmanager
def managed():
    note()
    yield
    note()


def lambdas():
    (lambda function: function())(lambda: note())
    functools.partial(lambda x: (
        note()
    ), 1)()


GENERATED = """


def made(x):
    class Made(object):
        def method(self):
            return note()
    return [Made().method() for _ in range(x)]


made(1)
note()
"""


def executed():
    exec(compile(GENERATED, "generated.py", "exec"), {"note": note, "__name__": "generated"})
    eval("note() or note()")
    exec("note()\n\nnote()", {"note": note})


def round_of_all():
    plain()
    arguments(*[1, 2], **{"named": 3})
    closure(3)
    twice_decorated()
    derived = Derived()
    derived.method()
    Derived.of_class()
    derived.of_none()
    derived.value
    derived()
    Derived.Inner().method()
    class_bodies()
    generators()
    comprehensions()
    blocks()
    lambdas()
    executed()


while running():
    round_of_all()
