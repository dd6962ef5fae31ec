// What the fuzzers of the library begin with, and what they have found, is judged here too: the module does not break off, and
// it gives the verdict that the library gives in `fuzz/src/bin/bundle.rs`.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import test from 'node:test';

import init, { VerifierError, steps } from '../node.js';

await init();
const fuzz = new URL('../../../fuzz/', import.meta.url);

async function files(name) {
  const found = [];
  for (const folder of ['seeds', 'corpus']) {
    const here = new URL(`${folder}/${name}/`, fuzz);
    // A package without the repository around it has none.
    const names = await readdir(here).catch(() => []);
    for (const file of names) found.push(await readFile(new URL(file, here)));
  }
  return found;
}

function judged(bundle, anchor) {
  try {
    steps(bundle, anchor, { now: '2026-11-20T00:10:00Z' });
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof VerifierError);
    assert.notEqual(error.code, 'internal');
    return error.code;
  }
}

const [bundles, anchors] = [await files('bundle'), await files('anchor')];

test(`${bundles.length} bundles and ${anchors.length} anchors of the fuzzers are judged`, { skip: bundles.length === 0 }, async () => {
  const anchor = await readFile(new URL('seeds/anchor/anchor', fuzz));
  const honest = await readFile(new URL('seeds/bundle/closed', fuzz));
  const receipts = honest.subarray(honest.indexOf('"steps":'), -1);
  for (const bundle of bundles) {
    const code = judged(bundle, anchor);
    if (code === 'accepted' && !bundle.subarray(0, 11).equals(Buffer.from('{"payload":'))) assert.ok(bundle.includes(receipts));
  }
  assert.equal(judged(honest, anchor), 'accepted');
  for (const found of anchors) judged(honest, found);
});
