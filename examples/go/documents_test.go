// Package documents shows how an application's Go tests get a dhow store each.
package documents

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	dhow "dhow.example/documents/dhow/v1"
)

var address string

// TestMain starts one server, in memory, for all tests of the package.
func TestMain(m *testing.M) {
	code, err := withDhow(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func withDhow(run func() int) (int, error) {
	dir, err := os.MkdirTemp("", "dhow-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	portFile := filepath.Join(dir, "address")
	binary := os.Getenv("DHOW_BIN")
	if binary == "" {
		binary = "dhow"
	}
	server := exec.Command(binary, "serve", "--ephemeral", "--load", "../documents.yaml", "--port-file", portFile)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	}()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(portFile)
		if address = strings.TrimSpace(string(text)); err == nil && address != "" {
			return run(), nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("dhow wrote no address within 10 s")
		}
	}
}

// store is a dhow store that one test alone sees: a key that the server has not seen opens a fresh one.
type store struct {
	key           string
	authorization dhow.AuthorizationServiceClient
	relationships dhow.RelationshipServiceClient
}

func freshStore(t *testing.T) store {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return store{"test-" + rand.Text(), dhow.NewAuthorizationServiceClient(connection), dhow.NewRelationshipServiceClient(connection)}
}

func (s store) context(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	t.Cleanup(cancel)
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.key)
}

// check tells whether user has permission on document readme, at or after the revision of token.
func (s store) check(t *testing.T, permission, user, token string) bool {
	t.Helper()
	consistency := &dhow.Consistency{Requirement: &dhow.Consistency_FullyConsistent{FullyConsistent: true}}
	if token != "" {
		consistency.Requirement = &dhow.Consistency_AtLeastAsFresh{AtLeastAsFresh: token}
	}
	answer, err := s.authorization.Check(s.context(t), &dhow.CheckRequest{
		Consistency: consistency,
		Check: &dhow.CheckItem{
			Object:     &dhow.ObjectRef{Type: "document", Id: "readme"},
			Permission: permission,
			Subject:    &dhow.SubjectRef{Type: "user", Id: user},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Decision == dhow.Decision_DECISION_ALLOWED
}

// touch writes one tuple of document readme and returns the token of its revision.
func (s store) touch(t *testing.T, relation, user string) string {
	t.Helper()
	answer, err := s.relationships.Write(s.context(t), &dhow.WriteRequest{Changes: []*dhow.Change{{
		Operation: dhow.Change_OPERATION_TOUCH,
		Tuple: &dhow.Tuple{
			Object:   &dhow.ObjectRef{Type: "document", Id: "readme"},
			Relation: relation,
			Subject:  &dhow.SubjectRef{Type: "user", Id: user},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return answer.AnsweredAt.Token
}

func TestOwnerMayEditAndViewerMayNot(t *testing.T) {
	s := freshStore(t)
	if !s.check(t, "edit", "ada", "") || !s.check(t, "view", "ben", "") {
		t.Error("ada may edit and ben may view")
	}
	if s.check(t, "edit", "ben", "") {
		t.Error("ben may not edit")
	}
}

func TestAWriteIsSeenAtItsTokenAndByNoOtherTest(t *testing.T) {
	s := freshStore(t)
	token := s.touch(t, "viewer", "cyd")
	if !s.check(t, "view", "cyd", token) {
		t.Error("cyd may view once it is written")
	}
	if freshStore(t).check(t, "view", "cyd", "") {
		t.Error("another store does not see it")
	}
}
