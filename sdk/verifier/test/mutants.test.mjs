// The module judges damaged files as the library does: the same code, and by a digest of the answer the same message and the
// same report. `QUORATE_MUTANTS` names another file of mutants.

import assert from 'node:assert/strict';
import test from 'node:test';

import init, * as verifier from '../node.js';
import { answered, digestOf, mutants } from './files.mjs';

await init();
const damaged = await mutants(process.env.QUORATE_MUTANTS);

test(`${damaged.length} damaged files are judged as the library judges them`, () => {
  for (const { line, call, args, code, digest } of damaged) {
    const answer = answered(verifier, call, args);
    const text = JSON.stringify(answer);
    assert.equal(answer.error?.code ?? 'accepted', code, line);
    assert.equal(digestOf(text), digest, `${line}\n${text}`);
  }
});
