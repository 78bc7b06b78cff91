"""The standard library's own Python at work: json, re, copy, logging, collections, xml, difflib. To be interrupted by the
timer. Runs on Python 2.7 and 3.
"""

import collections
import copy
import difflib
import io
import json
import logging
import re
import string
import tokenize
from xml.dom import minidom

DATA = {"key-%d" % number: [number, str(number), {"nested": [None, True, 1.5]}] for number in range(40)}
PATTERNS = [r"(?P<year>\d{4})-(\d\d)", r"(a|b)*?c{2,5}[^x-z]", r"\bword\b(?=\s+next)", r"((((((((x))))))))"]


class Encoder(json.JSONEncoder):
    def default(self, value):
        return sorted(value)


def jsons():
    text = json.dumps({"data": DATA, "set": {3, 1}}, indent=2, cls=Encoder, sort_keys=True)
    json.loads(text, object_hook=lambda found: dict(found))


def expressions():
    re.purge()
    for pattern in PATTERNS:
        re.compile(pattern)
    re.sub(r"\d+", lambda match: str(int(match.group()) + 1), "1 22 333 " * 50)


def copies():
    copy.deepcopy(DATA)


def logs(logger=logging.getLogger("truth")):
    logger.propagate = False
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler(io.StringIO() if str is not bytes else io.BytesIO()))
    for number in range(100):
        logger.info("number %d", number)


def types():
    point = collections.namedtuple("Point", "x y z")
    sum(point(number, 1, 2).x for number in range(100))
    string.Template("$a and ${b}" * 20).substitute(a=1, b=2)


def documents():
    document = minidom.parseString("<a>" + "<b c='d'>text</b>" * 50 + "</a>")
    document.toprettyxml()
    document.unlink()


def differences():
    old = ["line %d" % number for number in range(60)]
    new = ["line %d" % (number * 7 % 60) for number in range(60)]
    list(difflib.unified_diff(old, new))


def tokens():
    source = u"def f(x):\n    return [x for x in range(10) if x]\n" * 20
    list(tokenize.generate_tokens(io.StringIO(source).readline))


while True:
    for work in (jsons, expressions, copies, logs, types, documents, differences, tokens):
        work()
