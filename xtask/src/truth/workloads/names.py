# -*- coding: utf-8 -*-
"""Names and files that are long, not ASCII, or no text at all. Runs on Python 2.7 and 3."""

import sys

from witness import note, running

PYTHON_2 = sys.version_info[0] == 2
LONG = 4096
SOURCE = "\n\ndef function():\n    note()\n\nfunction()\n"
IDENTIFIERS = u"def ünïcödé():\n    class Größe:\n        def 長さ(self): note()\n    Größe().長さ()\nünïcödé()\n"


def native(text):
    """A text as this Python has names: bytes in UTF-8 on Python 2."""
    return text.encode("utf-8") if PYTHON_2 else text


NAMES = [u"a" * LONG, u"ä" * (LONG // 2), u"名前", u"a;b", u"a\nb\tc", u'q"\\', u"\u202eabc", u"a (b.py:1)", u"x\x00y",
         u"[truncated]"]
FILES = [u"f" * (LONG - 3) + u".py", u"ü" * (LONG // 2), u"文/件.py", u"<string>", u"a b;c:1.py", u"/tmp/\x7f.py", u"",
         u"~" * 255]
if PYTHON_2:
    RAW = ["\xff\xfe.py", "a\x80b"]
else:
    NAMES += [u"\U0001d518" * 1000, u"名" * LONG, u"\udc80x"]
    FILES += [u"\U0001f600.py", u"\udcff.py"]
    RAW = []


def renamed(code, name):
    """The same code under another name."""
    if hasattr(code, "replace"):
        qualified = {"co_qualname": name} if hasattr(code, "co_qualname") else {}
        return code.replace(co_name=name, **qualified)
    values = [code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, code.co_consts,
              code.co_names, code.co_varnames, code.co_filename, name, code.co_firstlineno, code.co_lnotab,
              code.co_freevars, code.co_cellvars]
    if not PYTHON_2:
        values.insert(1, code.co_kwonlyargcount)
    return type(code)(*values)


def body():
    note()


def main():
    files = [native(name) for name in FILES] + RAW
    # A file's name with a NUL is refused by compile(), so those are names only.
    codes = [compile(SOURCE, name, "exec") for name in files]
    if not PYTHON_2:
        codes.append(compile(IDENTIFIERS, "identifiers.py", "exec"))
    codes += [renamed(body.__code__, name) for name in [native(name) for name in NAMES] + RAW]
    while running():
        for code in codes:
            exec(code, {"note": note})


main()
