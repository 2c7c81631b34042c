"""What tests share: drawn scenes, and two devices on one CPU."""

import os
import signal

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs so, and the programs that the tests start and interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Files with slow tests first: of several processes none is left alone with them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish(session):
    """Divides the CPU before any test can have made TensorFlow look at it, if a chosen test asks for two."""
    if any("two_cpus" in item.fixturenames for item in session.items):
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(scope="session")
def two_cpus():
    """Names of two logical devices for the replicas of a strategy."""
    return ["CPU:0", "CPU:1"]


@pytest.fixture(scope="session")
def smear():
    """HR scenes, uint8 [H, W, 3]; the second has a size that real scenes have, no multiple of 4."""
    from sr_tf.data.smear import render_smear

    return [render_smear(1, 160, 160), render_smear(2, 702, 699)]
