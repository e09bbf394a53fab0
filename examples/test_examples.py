"""Runs every example against a gateway of its own: python3 -m unittest, in this folder.

`VITALGATE_BINARIES` names the folder of the gateway, `VITALGATE_PYTHON` an interpreter with paho-mqtt,
`VITALGATE_NODE_MODULES` a folder with MQTT.js.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATIENCE_S = 60
COUNT = 5
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


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        folder = Path(cls.folder.name)
        (folder / "gateway.toml").write_text(CONFIG.format(folder=folder), encoding="utf-8")
        binary = Path(os.environ["VITALGATE_BINARIES"]) / "vitalgate"
        addresses = folder / "addresses.json"
        log = cls.enterClassContext((folder / "gateway.log").open("wb"))
        command = [binary, "run", "--config", folder / "gateway.toml", "--addresses", addresses]
        cls.gateway = subprocess.Popen(command, stdout=log, stderr=log)
        cls.addClassCleanup(cls.stop)
        where = eventually("address", lambda: addresses.exists() and json.loads(addresses.read_text() or "null"))
        cls.http, cls.mqtt = where["http"], where["mqtt"].rsplit(":", 1)

    @classmethod
    def stop(cls):
        cls.gateway.terminate()
        cls.gateway.wait(PATIENCE_S)

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.http}/api/v1/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)

    def run_example(self, *command, **environment):
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env={**os.environ, **environment},
        )
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def stored(self, device):
        """How many readings the gateway has of a device."""
        try:
            window = "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"
            return len(self.request("GET", f"devices/{device}/series?signal=heart_rate&{window}")["items"])
        except urllib.error.HTTPError:
            return 0

    def check_device(self, device, *command, **environment):
        self.assertIn("5 readings acknowledged", self.run_example(*command, **environment))
        self.assertEqual(self.stored(device), COUNT)

    def test_a_device_in_python(self):
        python = os.environ.get("VITALGATE_PYTHON", sys.executable)
        self.check_device(
            "dev-py", python, HERE / "device-python/device.py", "--port", self.mqtt[1], "--device", "dev-py"
        )

    def test_a_device_in_c(self):
        program = Path(self.folder.name) / "device"
        flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
        self.run_example("cc", *flags, "-o", program, HERE / "device-c/device.c")
        self.check_device("dev-c", program, *self.mqtt, "dev-c", COUNT)

    def test_a_device_in_javascript(self):
        modules = os.environ["VITALGATE_NODE_MODULES"]
        program = HERE / "device-javascript/device.cjs"
        self.check_device("dev-js", "node", program, self.mqtt[1], "dev-js", COUNT, NODE_PATH=modules)

    def test_a_consumer_sees_an_alarm(self):
        self.request("POST", "patients", {"id": "p1", "age_class": "adult"})
        self.request("POST", "devices", {"id": "dev-low", "class": "bedside", "signals": [{"signal": "spo2"}]})
        self.request("PUT", "devices/dev-low/binding", {"patient": "p1"})
        consumer = subprocess.Popen(
            [sys.executable, HERE / "stream-consumer/consumer.py", "--url", f"http://{self.http}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        python = os.environ.get("VITALGATE_PYTHON", sys.executable)
        low = ["--signal", "spo2", "--value", "70", "--unit", "%", "--count", "1"]
        device = [python, HERE / "device-python/device.py", "--port", self.mqtt[1], "--device", "dev-low", *low]
        self.run_example(*device)
        said, _ = consumer.communicate(timeout=2 * PATIENCE_S)
        self.assertEqual(consumer.returncode, 0, said)
        self.assertRegex(said, "^(high|medium|low)")


if __name__ == "__main__":
    unittest.main()
