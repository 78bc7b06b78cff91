"""Real programs that never rest: `busy.py NAME [SEED]` does over and over what the name says, with Python's own library as
its input, in another order each time. Ends with a signal. Needs Python 3.8 to 3.12 (lib2to3)."""
import argparse
import ast
import configparser
import difflib
import email
import email.policy
import glob
import html.parser
import io
import json
import logging
import os
import pickle
import random
import shlex
import string
import sys
import sysconfig
import tokenize
import unittest
import warnings
import xml.dom.minidom

LIBRARY = sysconfig.get_paths()["stdlib"]
# Not the tests: some of these files are no Python, on purpose.
FILES = sorted(path for folder in ["", "asyncio", "concurrent/futures", "email", "http", "json", "logging", "multiprocessing",
                                   "unittest", "urllib", "xml/dom"]
               for path in glob.glob(os.path.join(LIBRARY, folder, "*.py")))


def text_of(path):
    with tokenize.open(path) as file:
        return file.read()


def refactor(chance):
    """2to3: a parser written in Python, and fifty fixers."""
    from lib2to3 import refactor as refactoring
    tool = refactoring.RefactoringTool(refactoring.get_fixers_from_package("lib2to3.fixes"))
    while True:
        try:
            tool.refactor_string(text_of(chance.choice(FILES)) + "\n", "input")
        except Exception:  # Not every file is Python 2 as well.
            pass


class Names(ast.NodeVisitor):
    def __init__(self):
        self.found = {}

    def visit_Name(self, node):
        self.found.setdefault(node.id, []).append(node.lineno)

    def visit_FunctionDef(self, node):
        self.found.setdefault(node.name, []).append(ast.get_docstring(node))
        self.generic_visit(node)


def unparse(chance):
    """The syntax trees of files, visited and written as text again."""
    while True:
        tree = ast.parse(text_of(chance.choice(FILES)))
        Names().visit(tree)
        ast.unparse(ast.fix_missing_locations(tree))


def compare(chance):
    """Differences of files, as text and as HTML."""
    while True:
        left, right = (text_of(path).splitlines(True)[:400] for path in chance.sample(FILES, 2))
        "".join(difflib.unified_diff(left, right))
        difflib.HtmlDiff(wrapcolumn=80).make_table(left[:80], right[:80])


def document(chance):
    """pydoc of modules, as HTML and as text."""
    import importlib
    import pydoc
    names = "argparse ast asyncio.events base64 calendar collections configparser csv datetime decimal difflib email.message " \
        "enum fractions ftplib functools http.client imaplib inspect json logging mailbox optparse os pathlib pickle " \
        "random re shutil smtplib socket ssl statistics string subprocess tarfile textwrap threading turtle typing " \
        "unittest.mock urllib.request uuid xml.dom.minidom zipfile".split()
    modules = []
    for name in names:
        try:
            modules.append(importlib.import_module(name))
        except ImportError:
            pass
    while True:
        module = chance.choice(modules)
        pydoc.html.document(module)
        pydoc.plaintext.document(module)


class Outline(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.depth, self.seen = 0, []

    def handle_starttag(self, tag, attrs):
        self.depth += 1
        self.seen.append((self.depth, tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.depth -= 1

    def handle_data(self, data):
        self.seen.append((self.depth, data.strip()))


def messages(chance):
    """Mails with parts, HTML and XML, written and read again."""
    from email.message import EmailMessage
    while True:
        message = EmailMessage(policy=email.policy.default)
        message["Subject"] = " ".join(chance.choices(string.ascii_letters.split("m"), k=9)) + " é" * chance.randrange(20)
        message["To"] = ", ".join("Somebody %d <user%d@example.org>" % (at, at) for at in range(chance.randrange(1, 9)))
        message.set_content(text_of(chance.choice(FILES))[:20000])
        rows = "".join("<tr class='r%d'><td>%d</td><td>&amp;%s</td></tr>" % (at % 3, at, "x" * at) for at in range(60))
        message.add_alternative("<html><body><table>%s</table></body></html>" % rows, subtype="html")
        message.add_attachment(os.urandom(3000), maintype="application", subtype="octet-stream", filename="data.bin")
        again = email.message_from_bytes(bytes(message), policy=email.policy.default)
        for part in again.walk():
            str(part["subject"]), part.get_content_type(), part.get_filename()
        page = again.get_body(("html",)).get_content()
        Outline().feed(page)
        document = xml.dom.minidom.parseString(page)
        for node in document.getElementsByTagName("td"):
            node.setAttribute("width", str(len(node.toxml())))
        document.toprettyxml()


def settings(chance):
    """Command lines, configuration files, JSON, pickles and logs."""
    logger = logging.getLogger("settings")
    logger.addHandler(logging.StreamHandler(io.StringIO()))
    logger.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(funcName)s %(message)s"))
    logger.propagate = False
    encoder = json.encoder.JSONEncoder(indent=2, sort_keys=True)
    while True:
        parser = argparse.ArgumentParser(prog="demo", epilog="words " * 30)
        for at in range(chance.randrange(3, 30)):
            group = chance.choice([parser, parser.add_argument_group("group %d" % at)])
            group.add_argument("--option-%d" % at, type=chance.choice([int, float, str]), default=at, help="text " * at)
        parser.format_help()
        found = vars(parser.parse_args(shlex.split("--option-0 7 --option-1=8 --option-2 '9'")))
        config = configparser.ConfigParser()
        for section in range(10):
            config["section %d" % section] = {key: "%s" % value for key, value in found.items()}
        kept = io.StringIO()
        config.write(kept)
        config.read_string(kept.getvalue())
        data = {"sections": [dict(config[name]) for name in config.sections()], "found": found}
        text = encoder.encode(data)
        json.JSONDecoder().raw_decode(text)
        pickle._loads(pickle._dumps(data))
        for at in range(30):
            logger.warning("setting %d of %s", at, sorted(found))
        logger.handlers[0].setStream(io.StringIO())


def tests(chance):
    """Python's own tests of what is written in Python."""
    names = "test_argparse test_ast test_base64 test_bisect test_calendar test_collections test_configparser test_contextlib " \
        "test_copy test_csv test_dataclasses test_datetime test_decimal test_difflib test_enum test_fractions test_functools " \
        "test_heapq test_html test_htmlparser test_inspect test_json test_numeric_tower test_optparse test_pickle " \
        "test_pprint test_random test_reprlib test_sched test_shlex test_statistics test_string test_textwrap test_typing " \
        "test_unittest test_urlparse test_uuid test_zipfile".split()
    warnings.simplefilter("ignore")
    while True:
        try:
            suite = unittest.defaultTestLoader.loadTestsFromName("test." + chance.choice(names))
            unittest.TextTestRunner(stream=io.StringIO()).run(suite)
        except Exception:  # Some tests need what is not there.
            pass


PROGRAMS = {each.__name__: each for each in (refactor, unparse, compare, document, messages, settings, tests)}

if __name__ == "__main__":
    sys.stdout = io.StringIO()
    PROGRAMS[sys.argv[1]](random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1))
