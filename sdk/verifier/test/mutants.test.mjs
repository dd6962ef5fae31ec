// The module judges damaged files as the library does: the same code, and by the digest over all answers the same message and
// the same report. `QUORATE_MUTANTS` names another file of mutants.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';

import init, * as verifier from '../node.js';
import { answered, mutants } from './files.mjs';

await init();
const { lines, digest } = await mutants(process.env.QUORATE_MUTANTS);

test(`${lines.length} damaged files are judged as the library judges them`, () => {
  const hash = createHash('sha256');
  for (const { line, call, args, code } of lines) {
    const answer = answered(verifier, call, args);
    assert.equal(answer.error?.code ?? 'accepted', code, line);
    hash.update(JSON.stringify(answer));
  }
  assert.equal(hash.digest('hex'), digest, 'a message or a report differs');
});
