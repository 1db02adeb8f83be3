// A dhow server for tests: one process, in memory; a key that it has not seen opens a fresh store, loaded from the same file.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { AuthorizationService } from "./generated/dhow/v1/authorization_pb.js";
import { Decision } from "./generated/dhow/v1/core_pb.js";
import { Change_Operation, RelationshipService } from "./generated/dhow/v1/relationships_pb.js";

/** Starts `dhow serve --ephemeral`; gives its address and a function that stops it. */
export async function startDhow() {
  const portFile = join(await mkdtemp(join(tmpdir(), "dhow-")), "address");
  const documents = new URL("../documents.yaml", import.meta.url).pathname;
  const server = spawn(process.env.DHOW_BIN ?? "dhow", ["serve", "--ephemeral", "--load", documents, "--port-file", portFile], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const deadline = Date.now() + 10_000;
  for (;;) {
    const address = await readFile(portFile, "utf8").catch(() => "");
    if (address.trim()) return { address: address.trim(), stop: () => server.kill("SIGTERM") };
    if (server.exitCode !== null) throw new Error(`dhow ended with exit code ${server.exitCode}`);
    if (Date.now() > deadline) throw new Error("dhow wrote no address within 10 s");
    await delay(10);
  }
}

/** The services of a store that nobody else sees. */
export function freshStore(address) {
  const key = `test-${randomUUID()}`;
  const authorize = (next) => (request) => {
    request.header.set("authorization", `Bearer ${key}`);
    return next(request);
  };
  const transport = createGrpcTransport({ baseUrl: `http://${address}`, interceptors: [authorize] });
  const authorization = createClient(AuthorizationService, transport);
  const relationships = createClient(RelationshipService, transport);
  return {
    /** Whether `user` has `permission`; at or after the revision of `token`. */
    async check(object, permission, user, token) {
      const requirement = token ? { case: "atLeastAsFresh", value: token } : { case: "fullyConsistent", value: true };
      const answer = await authorization.check({
        consistency: { requirement },
        check: { object, permission, subject: { type: "user", id: user } },
      });
      return answer.decision === Decision.ALLOWED;
    },
    /** Writes one tuple; gives the token of its revision. */
    async touch(object, relation, user) {
      const tuple = { object, relation, subject: { type: "user", id: user } };
      const answer = await relationships.write({ changes: [{ operation: Change_Operation.TOUCH, tuple }] });
      return answer.answeredAt.token;
    },
  };
}
