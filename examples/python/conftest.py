"""Fixtures that give each test a dhow store of its own.

One server runs for the whole session, in memory. A bearer token that it has not seen opens a fresh store, loaded from the same file;
so a test that makes up a token shares nothing with any other.
"""

import os
import pathlib
import subprocess
import sys
import time
import uuid

import grpc
import pytest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, os.environ.get("DHOW_PYTHON_CLIENT", str(HERE / "generated")))


@pytest.fixture(scope="session")
def dhow_address(tmp_path_factory):
    """Starts `dhow serve --ephemeral` and gives its address."""
    port_file = tmp_path_factory.mktemp("dhow") / "address"
    server = subprocess.Popen(
        [
            os.environ.get("DHOW_BIN", "dhow"),
            "serve",
            "--ephemeral",
            "--load",
            str(HERE.parent / "documents.yaml"),
            "--port-file",
            str(port_file),
        ]
    )
    try:
        deadline = time.monotonic() + 10
        while not (port_file.exists() and port_file.read_text().strip()):
            assert server.poll() is None, f"dhow ended with exit code {server.returncode}"
            assert time.monotonic() < deadline, "dhow wrote no address within 10 s"
            time.sleep(0.01)
        yield port_file.read_text().strip()
    finally:
        server.terminate()
        server.wait(timeout=10)


class Dhow:
    """The services of one store."""

    def __init__(self, channel, key):
        from dhow.v1 import authorization_pb2_grpc, relationships_pb2_grpc, stores_pb2_grpc

        self.metadata = [("authorization", f"Bearer {key}")]
        self.authorization = authorization_pb2_grpc.AuthorizationServiceStub(channel)
        self.relationships = relationships_pb2_grpc.RelationshipServiceStub(channel)
        self.test = stores_pb2_grpc.TestServiceStub(channel)

    def check(self, object_type, object_id, permission, user, token=None):
        """Whether `user` has `permission`; at or after the revision of `token`."""
        from dhow.v1 import authorization_pb2, core_pb2

        consistency = core_pb2.Consistency(at_least_as_fresh=token) if token else core_pb2.Consistency(fully_consistent=True)
        request = authorization_pb2.CheckRequest(
            consistency=consistency,
            check=authorization_pb2.CheckItem(
                object=core_pb2.ObjectRef(type=object_type, id=object_id),
                permission=permission,
                subject=core_pb2.SubjectRef(type="user", id=user),
            ),
        )
        answer = self.authorization.Check(request, metadata=self.metadata, timeout=5)
        return answer.decision == core_pb2.DECISION_ALLOWED

    def touch(self, object_type, object_id, relation, user, expires_at=None):
        """Writes one tuple and returns the token of its revision."""
        from dhow.v1 import core_pb2, relationships_pb2

        written = core_pb2.Tuple(
            object=core_pb2.ObjectRef(type=object_type, id=object_id),
            relation=relation,
            subject=core_pb2.SubjectRef(type="user", id=user),
            expires_at=expires_at,
        )
        change = relationships_pb2.Change(operation=relationships_pb2.Change.OPERATION_TOUCH, tuple=written)
        answer = self.relationships.Write(relationships_pb2.WriteRequest(changes=[change]), metadata=self.metadata, timeout=5)
        return answer.answered_at.token


@pytest.fixture
def dhow(dhow_address):
    """A store that this test alone sees."""
    with grpc.insecure_channel(dhow_address) as channel:
        yield Dhow(channel, f"test-{uuid.uuid4()}")
