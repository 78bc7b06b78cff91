"""Ceilometer's notification worker, on messages that never end, with counters of its own.

    worker.py before|after KEYSTONE-PORT

It runs `NotificationService`, the class that `ceilometer-agent-notification` runs, with the configuration files that Ceilometer
brings. Prints `READY` when it is warm, and for each line on standard input what it has counted so far as an object of JSON:
two of them tell what was between. Ends when standard input does.
"""

import json
import logging
import os
import shutil
import sys
import tempfile
import threading
import time

import oslo_messaging
from oslo_messaging._drivers import impl_fake
from keystoneauth1 import session

import clocks
import fix
import notifications
from ceilometer import messaging, notification, service

# Messages that a worker has at a time, unfinished.
IN_FLIGHT = 4
# Messages until everything that is done once is done.
WARM_UP = 200

CONFIGURATION = """
[DEFAULT]
# Messages pass in memory. The worker listens on the exchange of each service; these are sent to Nova's.
transport_url = fake://
control_exchange = nova
# Standard output is for what was counted.
use_stderr = true

[service_credentials]
auth_type = password
auth_url = http://127.0.0.1:%d/v3
username = ceilometer
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
"""


class Broker(threading.Thread):
    """Sends messages, no more at a time than may be unfinished, as a broker does that waits for acknowledgements."""

    def __init__(self, transport):
        super(Broker, self).__init__(name="broker")
        self.daemon = True
        self.done = 0
        self.cpu = 0.0
        self.stopping = False
        self._room = threading.Semaphore(IN_FLIGHT)
        self._lock = threading.Lock()
        self._notifier = oslo_messaging.Notifier(
            transport, driver="messagingv2", publisher_id="compute.node-1", topics=["notifications"]
        )

    def acknowledge(self):
        with self._lock:
            self.done += 1
        self._room.release()

    def run(self):
        for context, event_type, payload in notifications.forever():
            self._room.acquire()
            if self.stopping:
                return
            self._notifier.info(context, event_type, payload)
            self.cpu = clocks.thread_cpu()

    def stop(self):
        self.stopping = True
        self._room.release()


class Errors(logging.Handler):
    """Counts what is logged as an error. Ceilometer goes on after one, and what is measured then is not what was meant."""

    def __init__(self):
        logging.Handler.__init__(self, logging.ERROR)
        self.seen = 0

    def emit(self, _):
        self.seen += 1


def configuration(folder, port):
    path = os.path.join(folder, "ceilometer.conf")
    with open(path, "w") as file:
        file.write(CONFIGURATION % port)
    return service.prepare_service(["worker"], config_files=[path])


def main():
    way, port = sys.argv[1], int(sys.argv[2])
    if way not in ("before", "after"):
        sys.exit("worker.py: before or after, not %s" % way)
    lookups = clocks.Counter()
    session.Session.get_endpoint = lookups.around(session.Session.get_endpoint)
    if way == "after":
        fix.apply()

    folder = tempfile.mkdtemp()
    try:
        conf = configuration(folder, port)
    finally:
        shutil.rmtree(folder)
    errors = Errors()
    logging.getLogger().addHandler(errors)
    worker = notification.NotificationService(0, conf)
    broker = Broker(messaging.get_transport(conf))
    impl_fake.FakeIncomingMessage.acknowledge = lambda _: broker.acknowledge()
    worker.run()
    broker.start()
    while broker.done < WARM_UP:
        time.sleep(0.01)

    outside, inside = clocks.cost_of_counting()

    def counts():
        return {
            "seconds": time.time(),
            "cpu_seconds": clocks.process_cpu(),
            "messages": broker.done,
            "get_endpoint_calls": lookups.calls,
            "get_endpoint_cpu_seconds": lookups.seconds,
            "counting_cpu_seconds": (outside + inside) * lookups.calls,
            "sending_cpu_seconds": broker.cpu,
        }

    print("READY")
    sys.stdout.flush()
    while sys.stdin.readline():
        print(json.dumps(counts(), sort_keys=True))
        sys.stdout.flush()
    broker.stop()
    worker.terminate()
    if errors.seen:
        sys.exit("worker.py: Ceilometer logged %d errors: see above" % errors.seen)


main()
