import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { freshStore, startDhow } from "./dhow.js";

const readme = { type: "document", id: "readme" };
let dhow;

before(async () => {
  dhow = await startDhow();
});
after(() => dhow?.stop());

test("the owner may edit and the viewer may not", async () => {
  const store = freshStore(dhow.address);
  assert.equal(await store.check(readme, "edit", "ada"), true);
  assert.equal(await store.check(readme, "view", "ben"), true);
  assert.equal(await store.check(readme, "edit", "ben"), false);
});

test("a write is seen at its token, and by no other test", async () => {
  const store = freshStore(dhow.address);
  const token = await store.touch(readme, "viewer", "cyd");
  assert.equal(await store.check(readme, "view", "cyd", token), true);
  assert.equal(await freshStore(dhow.address).check(readme, "view", "cyd"), false);
});
