"""A Flask application under load: served by wsgiref on loopback, asked by a client in a process of its own that ends with
it. To be interrupted by the timer. Runs on Python 2.7 and 3.
"""

import os
import socket
from wsgiref.simple_server import WSGIRequestHandler, make_server

from flask import Flask, jsonify, render_template_string, request

TEMPLATE = """{% macro row(item) %}<tr><td>{{ item.name|upper }}</td><td>{{ item.price * 2 }}</td></tr>{% endmacro %}
<table>{% for item in items %}{{ row(item) }}{% endfor %}</table>"""

app = Flask("truth")


@app.before_request
def count():
    app.config["COUNT"] = app.config.get("COUNT", 0) + 1


@app.route("/")
def index():
    return render_template_string(TEMPLATE, items=[{"name": "n%d" % n, "price": n} for n in range(50)])


@app.route("/sum")
def total():
    numbers = [int(number) for number in request.args["numbers"].split(",")]
    return jsonify(total=sum(sorted(numbers, key=lambda number: -number)))


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def client(port):
    """Asks, one question after the other, until nobody answers."""
    paths = [b"/", b"/sum?numbers=3,1,2"]
    while True:
        for path in paths:
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            connection.sendall(b"GET " + path + b" HTTP/1.0\r\n\r\n")
            answer = b""
            while True:
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
            connection.close()
            if b" 200 OK" not in answer and answer:
                raise RuntimeError(answer)


def main():
    server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    pid = os.fork()
    if pid == 0:
        # It has no timer of its own: those are not inherited.
        server.socket.close()
        try:
            client(server.server_port)
        except BaseException:
            os._exit(1)
    server.serve_forever()


main()
