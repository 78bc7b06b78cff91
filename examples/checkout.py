"""A web shop's checkout, as slow as such code really gets: runs for ten seconds, or as many as the first argument says.

Profile it with `./run demo`. About a fifth of its time goes to `tax_rate`, which reads a whole table to look up something
that never changes; the flame graph shows it as a plateau under `Cart.total`. Runs on Python 2.7 and 3.
"""

from __future__ import print_function

import hashlib
import json
import random
import sys
import time

TAX_TABLE = "\n".join("%s;%s;%d.%d" % (country, kind, 4 + index, index % 2 * 5)
                      for index, country in enumerate(["AT", "BE", "DE", "DK", "ES", "FI", "FR", "IT", "NL", "SE"])
                      for kind in ["book", "food", "other"])


def tax_rate(country, kind):
    """The percentage for this kind of goods: reads the table anew each time, though it never changes."""
    for row in TAX_TABLE.splitlines():
        row_country, row_kind, percent = row.split(";")
        if (row_country, row_kind) == (country, kind):
            return float(percent)
    raise KeyError((country, kind))


class Catalogue(object):
    """What the shop sells."""

    def __init__(self, size, generator):
        self.articles = {}
        for number in range(size):
            kind = generator.choice(["book", "food", "other"])
            self.articles["A%05d" % number] = {"kind": kind, "cents": generator.randint(99, 9999), "stock": 10 ** 9}

    def reserve(self, article, count):
        """Takes articles out of stock and answers what they are."""
        entry = self.articles[article]
        if entry["stock"] < count:
            raise ValueError("only %d of %s left" % (entry["stock"], article))
        entry["stock"] -= count
        return entry


class Cart(object):
    """What one customer buys."""

    def __init__(self, country, lines):
        self.country = country
        self.lines = lines

    def total(self, catalogue):
        """Cents to pay, with tax and discount."""
        cents = 0
        for article, count in self.lines:
            entry = catalogue.reserve(article, count)
            net = entry["cents"] * count
            cents += discounted(net, count) * (100 + tax_rate(self.country, entry["kind"])) / 100
        return int(round(cents))


def discounted(cents, count):
    """One percent less for each article of a kind after the first, at most ten."""
    for _ in range(min(count - 1, 10)):
        cents -= cents // 100
    return cents


def orders(catalogue, generator):
    """Orders as they come in from the network: JSON texts, without end."""
    names = sorted(catalogue.articles)
    while True:
        lines = [[generator.choice(names), generator.randint(1, 12)] for _ in range(generator.randint(1, 6))]
        yield json.dumps({"country": generator.choice(["AT", "DE", "FR", "SE"]), "lines": lines})


def parse(text):
    """The cart that an order is about."""
    order = json.loads(text)
    return Cart(order["country"], [(article, int(count)) for article, count in order["lines"]])


def receipt(number, cart, cents):
    """The receipt's text and its signature."""
    rows = ["%-10s %3d" % (article, count) for article, count in sorted(cart.lines)]
    text = "\n".join(["order %d" % number] + rows + ["%d.%02d EUR" % divmod(cents, 100)])
    return text, sign(text)


def sign(text):
    """A signature that takes some work, as it should."""
    digest = text.encode("utf-8")
    for _ in range(80):
        digest = hashlib.sha256(digest).digest()
    return digest


def main():
    """Checks out orders until the time is over."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    end = time.time() + seconds
    generator = random.Random(7)
    catalogue = Catalogue(2000, generator)
    for number, text in enumerate(orders(catalogue, generator)):
        cart = parse(text)
        receipt(number, cart, cart.total(catalogue))
        if time.time() >= end:
            break
    print("%d orders checked out" % (number + 1))


if __name__ == "__main__":
    main()
