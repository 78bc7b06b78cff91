"""A small Keystone and a small Gnocchi on loopback: what Ceilometer's publisher asks of them, and nothing else.

    servers.py REGIONS

Prints one line when both listen, `{"keystone": PORT, "gnocchi": PORT}`, and serves until standard input ends. Keystone gives a token with
a catalog of 20 services in as many regions as are asked for, answers what versions it has, and knows projects by name.
Gnocchi takes measures and updates of resources, and keeps nothing. For Python 2.7 and later, with no packages.
"""

import json
import sys
import threading

try:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from socketserver import ThreadingMixIn
    from urllib.parse import parse_qs, urlsplit
except ImportError:  # 2.7
    from BaseHTTPServer import BaseHTTPRequestHandler, HTTPServer
    from SocketServer import ThreadingMixIn
    from urlparse import parse_qs, urlsplit

# What a middling OpenStack has: type, name, port, path. Those without a port are here.
SERVICES = [
    ("identity", "keystone", None, "/v3"),
    ("compute", "nova", 8774, "/v2.1"),
    ("placement", "placement", 8778, ""),
    ("image", "glance", 9292, ""),
    ("network", "neutron", 9696, ""),
    ("volumev2", "cinderv2", 8776, "/v2/%(project)s"),
    ("volumev3", "cinderv3", 8776, "/v3/%(project)s"),
    ("object-store", "swift", 8080, "/v1/AUTH_%(project)s"),
    ("orchestration", "heat", 8004, "/v1/%(project)s"),
    ("cloudformation", "heat-cfn", 8000, "/v1"),
    ("dns", "designate", 9001, ""),
    ("key-manager", "barbican", 9311, ""),
    ("load-balancer", "octavia", 9876, ""),
    ("sharev2", "manilav2", 8786, "/v2/%(project)s"),
    ("container-infra", "magnum", 9511, "/v1"),
    ("baremetal", "ironic", 6385, ""),
    ("alarming", "aodh", 8042, ""),
    ("messaging", "zaqar", 8888, ""),
    ("database", "trove", 8779, "/v1.0/%(project)s"),
    ("metric", "gnocchi", None, ""),
]
INTERFACES = ["public", "internal", "admin"]
REGIONS = ["RegionOne", "RegionTwo", "RegionThree", "RegionFour", "RegionFive"]
PROJECT = {"id": "6f70656e737461636b7365727669636573"[:32], "name": "service", "domain_id": "default", "enabled": True}
DOMAIN = {"id": "default", "name": "Default"}


def catalog(ports, regions):
    """The catalog of a token: each service with an endpoint for each interface in each region."""
    services = []
    for number, (kind, name, port, path) in enumerate(SERVICES):
        url = "http://127.0.0.1:%d%s" % (port or ports[name], path % {"project": PROJECT["id"]})
        endpoints = [
            {
                "id": "%032x" % (number * 1000 + place * 10 + index),
                "interface": interface,
                "region": region,
                "region_id": region,
                "url": url,
            }
            for place, region in enumerate(REGIONS[:regions])
            for index, interface in enumerate(INTERFACES)
        ]
        services.append({"id": "%032x" % number, "type": kind, "name": name, "endpoints": endpoints})
    return services


class Handler(BaseHTTPRequestHandler):
    """One connection, kept open from request to request as real servers do."""

    protocol_version = "HTTP/1.1"
    # An answer's head and body go out in two writes: without this the second waits for the first one's receipt.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, value=None, headers=()):
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers:
            self.send_header(name, text)
        if data:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def url(self, path):
        return "http://127.0.0.1:%d%s" % (self.server.server_port, path)

    def version(self, path, name):
        return {"id": name, "status": "stable", "links": [{"rel": "self", "href": self.url(path)}]}


class Keystone(Handler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/v3/projects":
            names = parse_qs(url.query).get("name", [PROJECT["name"]])
            projects = [PROJECT] if PROJECT["name"] in names else []
            self.answer(200, {"projects": projects, "links": {"self": self.url(self.path), "next": None, "previous": None}})
        elif url.path.rstrip("/") == "/v3":
            self.answer(200, {"version": self.version("/v3/", "v3.10")})
        elif url.path == "/":
            self.answer(300, {"versions": {"values": [self.version("/v3/", "v3.10")]}})
        else:
            self.answer(404, {"error": {"code": 404, "title": "Not Found", "message": self.path}})

    def do_POST(self):
        self.body()
        if self.path != "/v3/auth/tokens":
            self.answer(404, {"error": {"code": 404, "title": "Not Found", "message": self.path}})
            return
        token = {
            "methods": ["password"],
            "user": {"id": "ceilometer", "name": "ceilometer", "domain": DOMAIN},
            "project": {"id": PROJECT["id"], "name": PROJECT["name"], "domain": DOMAIN},
            "roles": [{"id": "admin", "name": "admin"}],
            "catalog": self.server.catalog,
            "issued_at": "2018-10-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "audit_ids": ["c2NlbmFyaW8"],
        }
        self.answer(201, {"token": token}, [("X-Subject-Token", "a-token")])


class Gnocchi(Handler):
    def do_GET(self):
        if self.path == "/":
            self.answer(200, {"build": "4.3.2", "versions": [dict(self.version("/v1/", "v1.0"), status="CURRENT")]})
        elif self.path.startswith("/v1/archive_policy/"):
            self.answer(200, {"name": self.path.rsplit("/", 1)[1], "definition": [], "aggregation_methods": []})
        else:
            self.answer(404, {"code": 404, "description": self.path, "title": "Not Found"})

    def do_POST(self):
        self.body()
        is_measures = self.path.split("?")[0] == "/v1/batch/resources/metrics/measures"
        self.answer(202 if is_measures else 404)

    def do_PATCH(self):
        changes = json.loads(self.body().decode())
        self.answer(200, dict(changes, id=self.path.rsplit("/", 1)[1], type="instance", metrics={}))


class Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True
    request_queue_size = 128


def start(handler):
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.daemon = True
    thread.start()
    return server


def main():
    regions = int(sys.argv[1])
    if not 1 <= regions <= len(REGIONS):
        sys.exit("servers.py: 1 to %d regions, not %d" % (len(REGIONS), regions))
    keystone, gnocchi = start(Keystone), start(Gnocchi)
    ports = {"keystone": keystone.server_port, "gnocchi": gnocchi.server_port}
    keystone.catalog = catalog(ports, regions)
    print(json.dumps(ports))
    sys.stdout.flush()
    sys.stdin.read()


main()
