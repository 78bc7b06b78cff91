"""Python that C code calls: sort keys, mapped functions, substitutions, finalisers, special methods, imports, ctypes.

Runs on Python 2.7 and 3.
"""

import functools
import gc
import json
import os
import re
import shutil
import sys
import tempfile
import weakref

from witness import ctypes, note, running


class Thing(object):
    """Its special methods hold."""

    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        note()
        return self.value < other.value

    def __eq__(self, other):
        note()
        return self.value == other.value

    def __hash__(self):
        note()
        return 1

    def __getattr__(self, name):
        note()
        return name

    def __repr__(self):
        note()
        return "Thing"

    def __format__(self, spec):
        note()
        return spec

    def __len__(self):
        note()
        return 1

    def __iter__(self):
        note()
        return iter([1])

    def __add__(self, other):
        return note()

    def __getitem__(self, index):
        note()
        return index


class Finalised(object):
    def __del__(self):
        note()


class Missing(dict):
    def __missing__(self, key):
        return note()


class Descriptor(object):
    def __get__(self, instance, owner):
        return note()

    def __set__(self, instance, value):
        note()


class Described(object):
    field = Descriptor()


class Meta(type):
    def __new__(mcs, name, bases, members):
        note()
        return type.__new__(mcs, name, bases, members)

    def __call__(cls, *args):
        note()
        return type.__call__(cls, *args)


def key(value):
    note()
    return -value


def collected(reference):
    note()


def sorting():
    sorted([1, 2], key=key)
    sorted([Thing(2), Thing(1)])
    max([1, 2], key=lambda value: note() or value)


def mapping():
    list(map(key, [1]))
    list(filter(key, [1]))
    functools.reduce(lambda left, right: note(), [1, 2])
    list(iter(functools.partial(key, 0), 0))
    list(map(lambda value: list(map(key, [value])), [1]))


def substitution():
    re.sub("b+", lambda match: note() or "c", "abba")
    json.dumps([object()], default=lambda value: note())
    json.loads('{"a": [1.5]}', parse_float=lambda number: note())


def finalisers():
    Finalised()
    first, second = Finalised(), Finalised()
    first.other, second.other = second, first
    del first, second
    gc.collect()
    thing = Thing(1)
    reference = weakref.ref(thing, collected)
    del thing
    return reference


def special_methods():
    thing = Thing(1)
    {thing: 1}[Thing(1)]
    thing.absent
    repr([thing])
    "{0:x}".format(thing)
    len(thing)
    list(thing)
    thing + 1
    thing[1]
    Missing()["absent"]
    described = Described()
    described.field
    described.field = 1
    made = Meta("Made", (object,), {})
    made()


def native():
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))

    def compare(left, right):
        note()
        return left[0] - right[0]

    numbers = (ctypes.c_int * 2)(2, 1)
    ctypes.CDLL(None).qsort(numbers, 2, ctypes.sizeof(ctypes.c_int), prototype(compare))


def importing():
    folder = tempfile.mkdtemp()
    try:
        with open(os.path.join(folder, "imported_by_callbacks.py"), "w") as module:
            module.write("from witness import note\n\n\ndef f():\n    note()\n\n\nnote()\nf()\n")
        sys.path.insert(0, folder)
        import imported_by_callbacks  # noqa: F401
        del sys.modules["imported_by_callbacks"]
    finally:
        sys.path.remove(folder)
        shutil.rmtree(folder)


GROUPS = [sorting, mapping, substitution, finalisers, special_methods, importing] + ([native] if ctypes else [])

while running():
    for group in GROUPS:
        group()
