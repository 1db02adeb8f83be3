"""The consumer against a real Kafka and a real server: write through dhow, read from the topic."""

import json
import os
import subprocess
import time
import uuid

import pytest
from changelog import Changelog, Fork, Gap, Store, changelog_pb2, lines

SCHEMA = """definition user {}
definition document {
  relation viewer: user
  permission view = viewer
}
"""


@pytest.fixture
def brokers():
    found = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    assert found, "start a Kafka by scripts/rig/kafka, or set KAFKA_BOOTSTRAP_SERVERS"
    return found


@pytest.fixture
def topic():
    return f"dhow.example.{uuid.uuid4()}"


@pytest.fixture
def server(tmp_path, brokers, topic):
    """A server that publishes to a topic of this test's own."""
    (tmp_path / "dhow.toml").write_text(
        f'address = "127.0.0.1:0"\ndata = "dhow.db"\n[changelog]\nbrokers = "{brokers}"\ntopic = "{topic}"\npartitions = 2\n'
    )
    port_file = tmp_path / "address"
    server = subprocess.Popen(
        [os.environ.get("DHOW_BIN", "dhow"), "serve", "--config", str(tmp_path / "dhow.toml"), "--port-file", str(port_file)]
    )
    try:
        deadline = time.monotonic() + 10
        while not (port_file.exists() and port_file.read_text().strip()):
            assert server.poll() is None, f"dhow ended with exit code {server.returncode}"
            assert time.monotonic() < deadline, "dhow wrote no address within 10 s"
            time.sleep(0.01)
        address = port_file.read_text().strip()

        def run(*words):
            command = [os.environ.get("DHOW_BIN", "dhow"), *words, "--endpoint", address, "--output", "json"]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            return [json.loads(line) for line in told.splitlines()]

        run.folder = tmp_path
        yield run
    finally:
        server.terminate()
        server.wait(timeout=20)


def opened(brokers, topic):
    """A consumer, once the server has made the topic."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return Changelog(brokers, topic)
        except LookupError:
            pass
        assert time.monotonic() < deadline, "the server made no topic within 30 s"
        time.sleep(0.05)


def test_what_is_written_arrives_and_folds_to_what_is_there(server, brokers, topic):
    server("store", "create", "shop")
    schema = server.folder / "shop.zed"
    schema.write_text(SCHEMA)
    server("schema", "write", str(schema))
    server("write", "document:readme#viewer@user:ada", "document:readme#viewer@user:ben")
    server("delete", "document:readme#viewer@user:ben", "--yes")
    changelog = opened(brokers, topic)
    entries = []
    deadline = time.monotonic() + 30
    while len(entries) < 3:
        assert time.monotonic() < deadline, f"only {len(entries)} entries came within 30 s"
        entry = changelog.next(timeout=1.0)
        if entry is not None:
            entries.append(entry)
    assert [entry.revision for entry in entries] == [1, 2, 3]
    assert list(lines(entries[2])) == ["shop revision 3 by anonymous", "  - document:readme#viewer@user:ben"]
    [store] = changelog.stores.values()
    assert store.schema == SCHEMA
    there = [row["tuple"] for row in server("read") if "tuple" in row]
    assert list(store.tuples) == there == ["document:readme#viewer@user:ada"]
    # Marks come once a second, in every partition; nothing else comes meanwhile.
    while len(changelog.marks) < 2:
        assert time.monotonic() < deadline + 30, "no marks came"
        assert changelog.next(timeout=1.0) is None
    # A store that is removed goes.
    server("store", "delete", "shop", "--yes")
    while changelog.stores:
        assert time.monotonic() < deadline + 60, "the removal did not come"
        assert changelog.next(timeout=1.0) is None


def test_gaps_forks_and_repetitions_are_told_apart():
    def entry(revision, chain, previous):
        return changelog_pb2.ChangelogEntry(store_name="shop", revision=revision, chain=chain, previous_chain=previous)

    store = Store("shop")
    assert store.fold(entry(1, b"a", b"0")) and store.fold(entry(2, b"b", b"a"))
    assert not store.fold(entry(1, b"a", b"0")) and not store.fold(entry(2, b"b", b"a"))
    with pytest.raises(Gap):
        store.fold(entry(4, b"d", b"c"))
    with pytest.raises(Fork):
        store.fold(entry(3, b"x", b"y"))
    with pytest.raises(Fork):
        store.fold(entry(2, b"x", b"a"))
    assert store.fold(entry(3, b"c", b"b"))
