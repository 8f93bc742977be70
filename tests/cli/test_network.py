"""What leaves the machine: nothing, as conftest.py checks after each test of this folder; here is that it would see."""

import json
import os
import socket
import subprocess
import sys

import pytest

from codelm.errors import InputError
from tests import network


def send_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"", ("192.0.2.1", 53))


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=0.1),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.gethostbyname("example.org"),
        send_datagram,
    ],
    ids=["connection", "name", "older name", "datagram"],
)
def test_a_reach_for_another_machine_is_refused_and_seen(reach):
    with pytest.raises(PermissionError, match="reaches for another machine"):
        reach()
    assert len(network.reached) == 1
    network.reached.clear()


def test_the_hub_is_asked_for_a_base_that_is_named_and_for_nothing_else(monkeypatch):
    from codelm.modules.base_model import load_config

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)  # between its tries
    with pytest.raises(InputError, match="base model nobody/nothing cannot be had"):
        load_config("nobody/nothing")
    assert network.reached
    assert all("huggingface.co" in each for each in network.reached)
    network.reached.clear()
    load_config("tiny")


@pytest.mark.parametrize(("given", "used"), [({}, True), ({"HF_HUB_DISABLE_TELEMETRY": "0"}, False)])
def test_downloads_go_without_telemetry_unless_the_user_wants_it(given, used):
    code = (
        "import json, sys; from codelm.cli import main; main(['fit', '--model.lora.r=none']);"
        "from huggingface_hub import constants; print(json.dumps(constants.HF_HUB_DISABLE_TELEMETRY))"
    )
    environment = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name} | given
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert json.loads(done.stdout) is used
