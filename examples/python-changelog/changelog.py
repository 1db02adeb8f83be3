"""Follows dhow's changelog: who may see what, kept up to date from Kafka alone.

    python changelog.py BROKERS [TOPIC]

prints every change from the beginning of the topic on. What makes a consumer right is in `Changelog`: partitions assigned by hand, terms
that are over dropped, every entry verified against the chain, repetitions skipped, gaps and forks told.
"""

import os
import pathlib
import sys
import time
from dataclasses import dataclass, field

import blake3
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, os.environ.get("DHOW_PYTHON_CLIENT", str(HERE / "generated")))

from dhow.changelog.v1 import changelog_pb2  # noqa: E402

FORMAT = 1


class Gap(Exception):
    """Entries are missing: read the store anew (Read or Export with a token), then go on from there."""


class Fork(Exception):
    """The store has another history than the one that was read: a backup was restored. Read the store anew."""


def subject_text(subject):
    return f"{subject.type}:{subject.id}" + (f"#{subject.relation}" if subject.relation else "")


def tuple_text(tuple_):
    return f"{tuple_.object.type}:{tuple_.object.id}#{tuple_.relation}@{subject_text(tuple_.subject)}"


@dataclass
class Store:
    """The fold of one store's entries."""

    name: str
    revision: int = 0
    chain: bytes = b""
    tuples: dict = field(default_factory=dict)
    schema: str = ""

    def fold(self, entry):
        """Takes in the next entry; says whether it was new."""
        if entry.revision <= self.revision:
            if entry.revision == self.revision and entry.chain != self.chain:
                raise Fork(f"{self.name}: revision {entry.revision} is another one than before")
            return False
        if entry.revision != self.revision + 1:
            raise Gap(f"{self.name}: revision {self.revision + 1} is missing, {entry.revision} came")
        if self.revision and entry.previous_chain != self.chain:
            raise Fork(f"{self.name}: revision {entry.revision} does not continue revision {self.revision}")
        self.name, self.revision, self.chain = entry.store_name, entry.revision, entry.chain
        for change in entry.changes.changes:
            if change.HasField("before"):
                self.tuples.pop(tuple_text(change.before), None)
            if change.HasField("after"):
                self.tuples[tuple_text(change.after)] = change.after
        if entry.WhichOneof("body") == "schema":
            self.schema = entry.schema.text
        return True


class Changelog:
    """Reads a topic from its beginning."""

    def __init__(self, brokers, topic="dhow.changelog", **properties):
        self.consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                # Named because the client wants one; no group is joined, and no place is kept at the broker.
                "group.id": "dhow-changelog-example",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 5,
                "fetch.message.max.bytes": 4 * 1024 * 1024,
                **properties,
            }
        )
        # A topic that is not there is listed all the same, without partitions.
        partitions = self.consumer.list_topics(topic, timeout=10).topics[topic].partitions
        if not partitions:
            raise LookupError(f"Kafka has no topic {topic}")
        self.consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        self.epochs = {}
        self.marks = {}
        self.stores = {}

    def next(self, timeout):
        """The next entry that is new, folded into its store; None after `timeout` seconds without any."""
        deadline = time.monotonic() + timeout
        while (message := self.consumer.poll(max(0.0, deadline - time.monotonic()))) is not None:
            if message.error():
                raise KafkaException(message.error())
            entry = self.read(message)
            if entry is not None and self.take(message.partition(), entry):
                return entry
        return None

    def take(self, partition, entry):
        """Folds an entry into its store, and takes note of notices; says whether it was a new entry."""
        if entry.HasField("caught_up_at"):
            # Everything that was written before this time has been read from this partition.
            self.marks[partition] = entry.caught_up_at.ToDatetime()
            return False
        if entry.HasField("removed_at") or entry.anew:
            # The store is gone; or another history takes the place of its old one, of which this is the first entry.
            self.stores.pop(entry.store_id, None)
        # A message without an entry is a notice, perhaps one that came later than this program.
        return bool(entry.entry) and self.stores.setdefault(entry.store_id, Store(entry.store_name)).fold(entry)

    def read(self, message):
        """The entry of a message, verified; None if it is to be skipped."""
        entry = changelog_pb2.ChangelogEntry()
        try:
            entry.ParseFromString(message.value() or b"")
        except Exception:
            entry.format = 0
        place = f"partition {message.partition()} offset {message.offset()}"
        if entry.format != FORMAT:
            print(f"skipped {place}: no entry of format {FORMAT}", file=sys.stderr)
            return None
        if entry.previous_chain and blake3.blake3(entry.previous_chain + entry.entry).digest() != entry.chain:
            print(f"skipped {place}: its chain does not fit its bytes", file=sys.stderr)
            return None
        if entry.epoch < self.epochs.get(message.partition(), 0):
            return None
        self.epochs[message.partition()] = entry.epoch
        return entry


def lines(entry):
    """An entry as text."""
    yield f"{entry.store_name} revision {entry.revision} by {entry.actor}"
    if entry.WhichOneof("body") == "schema":
        yield f"  schema version {entry.schema.version}"
    for change in entry.changes.changes:
        sign = "~" if change.HasField("before") and change.HasField("after") else "+" if change.HasField("after") else "-"
        yield f"  {sign} {tuple_text(change.after if change.HasField('after') else change.before)}"


if __name__ == "__main__":
    changelog = Changelog(*sys.argv[1:3])
    while True:
        found = changelog.next(timeout=1.0)
        if found is not None:
            print("\n".join(lines(found)), flush=True)
