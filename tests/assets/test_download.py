"""Downloads over HTTP from a server in the test process."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sr_tf.assets.fetch import fetch
from sr_tf.errors import UserError

CONTENT = bytes(i * i % 251 for i in range(3_000_000))


@pytest.fixture
def asset(cache, publish, server):
    server.content = CONTENT
    return publish(CONTENT, source=server.url)


@pytest.fixture
def part(cache):
    """The path of an incomplete download."""
    cache.mkdir()
    return cache / "tiny.pth.part"


def content_of(cache):
    assert [path.name for path in cache.iterdir()] == ["tiny.pth"]
    return (cache / "tiny.pth").read_bytes()


def test_a_whole_file(cache, asset, server):
    assert fetch(asset) == cache / "tiny.pth"
    assert content_of(cache) == CONTENT
    fetch(asset)
    assert server.ranges == [None]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_broken_download_continues(cache, asset, server, knows_ranges):
    server.knows_ranges, server.breaks_at = knows_ranges, 1_200_000
    with pytest.raises(UserError) as error:
        fetch(asset)
    message = str(error.value)
    assert (
        f"the connection broke before all 3,000,000 bytes had arrived; 1,200,000 bytes are kept in {cache}" in message
    )
    assert [path.name for path in cache.iterdir()] == ["tiny.pth.part"]
    server.breaks_at = None
    fetch(asset)
    assert server.ranges == [None, "bytes=1200000-"]
    assert content_of(cache) == CONTENT


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=st.integers(0, len(CONTENT)), knows_ranges=st.booleans())
def test_any_beginning_is_completed(cache, asset, server, held, knows_ranges):
    server.knows_ranges = knows_ranges
    cache.mkdir(exist_ok=True)
    (cache / "tiny.pth").unlink(missing_ok=True)
    (cache / "tiny.pth.part").write_bytes(CONTENT[:held])
    fetch(asset)
    assert content_of(cache) == CONTENT


@pytest.mark.parametrize("wrong", [b"\xff" * 1000, CONTENT + b"more"], ids=["other bytes", "too long"])
def test_a_wrong_beginning_is_refused_and_removed(cache, asset, part, wrong):
    part.write_bytes(wrong)
    with pytest.raises(UserError, match=f"expected 3,000,000 bytes with {asset.digest}.*refused and removed"):
        fetch(asset)
    assert not list(cache.iterdir())
    fetch(asset)
    assert content_of(cache) == CONTENT


@pytest.mark.parametrize("delivered", [b"", b"<html>Sign in</html>", CONTENT[:-1] + b"\0"])
def test_a_response_with_a_wrong_hash_is_refused(cache, asset, server, delivered):
    server.content = delivered
    with pytest.raises(UserError, match=rf"{server.url}: {len(delivered):,} bytes .*expected .*{asset.digest}"):
        fetch(asset)
    assert not list(cache.iterdir())


def test_a_missing_file_on_the_server(cache, asset, server):
    server.content = None
    with pytest.raises(
        UserError, match=rf"{server.url}: the server answers 404 Not Found.*place tiny\.pth .*in {cache}"
    ):
        fetch(asset)
    assert not list(cache.iterdir())


def test_no_server(cache, publish, part):
    part.write_bytes(b"kept")
    asset = publish(CONTENT)  # at a port without a server
    with pytest.raises(UserError) as error:
        fetch(asset)
    message = str(error.value)
    assert "Connection refused; 4 bytes are kept in" in message
    assert f"place tiny.pth (3,000,000 bytes, {asset.digest}; from {asset.source}) in {cache}" in message
    assert "\n" not in message
    assert part.read_bytes() == b"kept"
