"""Which gRPC clients `sr-tf serve` answers."""

import asyncio
from types import SimpleNamespace

import grpc
import pytest

from sr_tf.serving.ray_app import Generator, is_loopback


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:127.0.0.1:50123", True),
        ("ipv6:[::1]:50123", True),
        ("ipv6:%5B::1%5D:50123", True),
        ("ipv6:%5B::ffff:127.0.0.1%5D:50123", True),
        ("unix:/tmp/socket", True),
        ("ipv4:10.0.0.7:50123", False),
        ("ipv6:%5B::ffff:10.0.0.7%5D:50123", False),
        ("ipv6:%5Bfe80::1%25eth0%5D:50123", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_a_peer_is_on_this_machine_or_not(peer, expected):
    assert is_loopback(peer) is expected


@pytest.mark.parametrize(("expose", "peer", "answered"), [
    (False, "ipv4:127.0.0.1:1", True), (False, "ipv4:10.0.0.7:1", False), (True, "ipv4:10.0.0.7:1", True),
])  # fmt: skip
def test_other_machines_are_answered_only_if_exposed(expose, peer, answered):
    generator = Generator.__new__(Generator)
    generator._servable, generator._expose = SimpleNamespace(predict=lambda request: "answer"), expose
    codes = []
    context = SimpleNamespace(peer=lambda: peer, set_code=codes.append, set_details=lambda text: None)
    result = asyncio.run(generator.Predict(None, context))
    assert (result == "answer") is answered
    assert codes == ([] if answered else [grpc.StatusCode.PERMISSION_DENIED])
