"""Runs every example against a gateway of its own: python3 -m unittest, in this folder.

`VITALGATE_BINARIES` names the folder of the gateway, `VITALGATE_PYTHON` an interpreter with paho-mqtt,
`VITALGATE_NODE_MODULES` a folder with MQTT.js.
"""

import contextlib
import json
import os
import queue
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = os.environ.get("VITALGATE_PYTHON", sys.executable)
PATIENCE_S = 60
COUNT = 5
CONNACK_BYTES = 4
CONFIG = """
[store]
dir = "{folder}/store"
[http]
listen = "127.0.0.1:0"
[mqtt]
listen = "127.0.0.1:0"
[devices]
unknown = "admit"
"""


def eventually(what, found):
    """Looks until there is something."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        result = found()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"no {what} in {PATIENCE_S} s")


class Gateway:
    """A gateway on a store of its own."""

    def __init__(self, folder):
        folder.mkdir()
        (folder / "gateway.toml").write_text(CONFIG.format(folder=folder), encoding="utf-8")
        binary = Path(os.environ["VITALGATE_BINARIES"]) / "vitalgate"
        addresses = folder / "addresses.json"
        command = [binary, "run", "--open", "--config", folder / "gateway.toml", "--addresses", addresses]
        with (folder / "gateway.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        found = eventually("address", lambda: addresses.exists() and json.loads(addresses.read_text() or "null"))
        self.http, self.mqtt = address(found["http"]), address(found["mqtt"])

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        url = f"http://{self.http[0]}:{self.http[1]}/api/v1/{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)

    def stored(self, device):
        """How many readings the gateway has of a device."""
        try:
            window = "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"
            return len(self.request("GET", f"devices/{device}/series?signal=heart_rate&{window}")["items"])
        except urllib.error.HTTPError:
            return 0

    def is_open(self, patient):
        """Whether an alarm of the patient is open."""
        return bool(self.request("GET", f"alarms?patient={patient}")["items"])


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


class Link:
    """A link to a gateway that a test can cut.

    With `answer_bytes` the first connection passes only so many bytes of the gateway's answer, and is cut when
    there are more, or goes on without them where `cut` is false: the gateway has the message, and its sender does
    not know.
    """

    def __init__(self, target, answer_bytes=None, cut=True):
        self.target = target
        self.answer_bytes = answer_bytes
        self.cut = cut
        self.connections = 0
        self.ends = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.target is None:
                near.close()
                continue
            far = socket.create_connection(self.target)
            self.ends += [near, far]
            limit = self.answer_bytes if self.connections == 0 else None
            self.connections += 1
            threading.Thread(target=self.carry, args=(near, far, None), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, limit), daemon=True).start()

    def carry(self, source, sink, limit):
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                passed += len(data)
                if limit is None or passed <= limit:
                    sink.sendall(data)
                elif self.cut:
                    break
        hang_up(source, sink)

    def down(self):
        """Cuts every connection, and refuses new ones."""
        self.target = None
        hang_up(*self.ends)

    def up(self, target):
        self.target = target

    def close(self):
        self.down()
        self.listener.close()


def hang_up(*ends):
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Consumer:
    """The stream consumer, with the lines it prints."""

    def __init__(self, link):
        command = [PYTHON, HERE / "stream-consumer/consumer.py", "--url", f"http://127.0.0.1:{link.port}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def wait(self, part):
        """The next line that holds `part`."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.seen.append(self.lines.get(timeout=max(0, until - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"no {part!r} in {self.seen}") from None
            if part in self.seen[-1]:
                return self.seen[-1]

    def stop(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.gateway = Gateway(cls.folder / "gateway")
        cls.addClassCleanup(cls.gateway.stop)
        cls.c_device = cls.folder / "device"
        flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
        run("cc", *flags, "-o", cls.c_device, HERE / "device-c/device.c")

    def link(self, target, **how):
        link = Link(target, **how)
        self.addCleanup(link.close)
        return link

    def python_device(self, device, port, *more):
        outbox = self.folder / f"{device}.sqlite"
        program = HERE / "device-python/device.py"
        return [str(word) for word in (PYTHON, program, "--port", port, "--device", device, "--outbox", outbox, *more)]

    def check_device(self, device, command, **environment):
        """Runs a device over a whole link, then over one that is cut when the first reading is acknowledged."""
        for name, link in [
            (device, self.link(self.gateway.mqtt)),
            (f"{device}-cut", self.link(self.gateway.mqtt, answer_bytes=CONNACK_BYTES)),
        ]:
            with self.subTest(name):
                said = run(*command(name, link.port), **environment)
                self.assertIn(f"{COUNT} readings acknowledged", said)
                self.assertEqual(self.gateway.stored(name), COUNT, "each once")
                self.assertEqual(link.connections, 1 if link.answer_bytes is None else 2)

    def test_a_device_in_python(self):
        self.check_device("dev-py", lambda name, port: self.python_device(name, port, "--count", COUNT))

    def test_a_device_in_c(self):
        self.check_device("dev-c", lambda name, port: [self.c_device, "127.0.0.1", port, name, COUNT])

    def test_a_device_in_javascript(self):
        program = HERE / "device-javascript/device.cjs"
        modules = os.environ["VITALGATE_NODE_MODULES"]
        self.check_device("dev-js", lambda name, port: ["node", program, port, name, COUNT], NODE_PATH=modules)

    def test_a_device_in_python_loses_its_power(self):
        link = self.link(self.gateway.mqtt, answer_bytes=CONNACK_BYTES, cut=False)
        first = subprocess.Popen(self.python_device("dev-power", link.port, "--count", COUNT))
        eventually("stored readings", lambda: self.gateway.stored("dev-power") == COUNT)
        first.kill()
        first.wait(PATIENCE_S)
        said = run(*self.python_device("dev-power", self.gateway.mqtt[1], "--count", 1))
        self.assertIn(f"{COUNT + 1} readings acknowledged", said)
        self.assertEqual(self.gateway.stored("dev-power"), COUNT + 1, "each once")
        with contextlib.closing(sqlite3.connect(self.folder / "dev-power.sqlite")) as outbox:
            self.assertEqual(outbox.execute("SELECT count(*) FROM outbox").fetchone(), (0,))

    def raise_alarm(self, gateway, patient):
        """A new patient whose oxygen saturation is too low; returns when the alarm is open."""
        device = f"dev-{patient}"
        gateway.request("POST", "patients", {"id": patient, "age_class": "adult"})
        gateway.request("POST", "devices", {"id": device, "class": "bedside", "signals": [{"signal": "spo2"}]})
        gateway.request("PUT", f"devices/{device}/binding", {"patient": patient})
        low = ["--signal", "spo2", "--value", "70", "--unit", "%", "--count", "1"]
        run(*self.python_device(device, gateway.mqtt[1], *low))
        eventually("open alarm", lambda: gateway.is_open(patient))

    def test_a_consumer_goes_on_after_a_cut(self):
        self.raise_alarm(self.gateway, "open-before")
        link = self.link(self.gateway.http)
        consumer = Consumer(link)
        self.addCleanup(consumer.stop)
        self.assertRegex(consumer.wait("open-before"), "^(high|medium|low): .*SpO2.* \\(alarming, present\\)$")
        self.raise_alarm(self.gateway, "while-connected")
        consumer.wait("while-connected")
        link.down()
        consumer.wait("CONNECTION LOST")
        self.raise_alarm(self.gateway, "while-away")
        link.up(self.gateway.http)
        consumer.wait("while-away")
        lines = [line for line in consumer.seen if not line.startswith("CONNECTION LOST")]
        self.assertEqual(len(lines), len(set(lines)), f"each transition once: {lines}")
        self.assertEqual(sum("reading the open alarms" in line for line in lines), 1, "the stream was resumed")

    def test_a_consumer_reads_the_open_alarms_anew_on_resync(self):
        other = Gateway(self.folder / "other")
        self.addCleanup(other.stop)
        self.raise_alarm(other, "patient-b")
        link = self.link(self.gateway.http)
        consumer = Consumer(link)
        self.addCleanup(consumer.stop)
        consumer.wait("reading the open alarms: start")
        self.raise_alarm(self.gateway, "patient-a")
        consumer.wait("patient-a")
        link.down()
        consumer.wait("CONNECTION LOST")
        link.up(other.http)
        consumer.wait("reading the open alarms: the event is of another store")
        consumer.wait("patient-b")
        self.assertRegex("".join(consumer.seen), r"patient-a: .* \(not open any more\)")


def run(*command, **environment):
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
    )
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    unittest.main()
