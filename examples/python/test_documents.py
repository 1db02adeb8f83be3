"""An application's tests: each begins with the tuples of documents.yaml."""

import datetime

import grpc
import pytest
from google.protobuf import duration_pb2, timestamp_pb2


def test_owner_may_edit_and_viewer_may_not(dhow):
    assert dhow.check("document", "readme", "edit", "ada")
    assert dhow.check("document", "readme", "view", "ben")
    assert not dhow.check("document", "readme", "edit", "ben")


def test_a_write_is_seen_at_its_token(dhow):
    assert not dhow.check("document", "readme", "view", "cyd")
    token = dhow.touch("document", "readme", "viewer", "cyd")
    assert dhow.check("document", "readme", "view", "cyd", token=token)


def test_another_test_sees_nothing_of_it(dhow):
    assert not dhow.check("document", "readme", "view", "cyd")


def test_a_guest_pass_ends_when_its_time_has_come(dhow):
    from dhow.v1 import stores_pb2

    now = datetime.datetime.now(datetime.timezone.utc)
    ends = timestamp_pb2.Timestamp()
    ends.FromDatetime(now + datetime.timedelta(hours=1))
    dhow.touch("document", "readme", "guest", "dan", expires_at=ends)
    assert dhow.check("document", "readme", "view", "dan")
    dhow.test.AdvanceClock(stores_pb2.AdvanceClockRequest(by=duration_pb2.Duration(seconds=7200)), metadata=dhow.metadata, timeout=5)
    assert not dhow.check("document", "readme", "view", "dan")


def test_a_wrong_name_is_an_error_that_says_so(dhow):
    with pytest.raises(grpc.RpcError) as failure:
        dhow.check("document", "readme", "veiw", "ada")
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "view" in failure.value.details()
