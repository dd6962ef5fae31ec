import assert from 'node:assert/strict';
import test from 'node:test';

import init, * as verifier from '../node.js';
import { answered, vectors } from './files.mjs';

await init();

// The package asks for the options' form before the module does, and adds the time.
const differs = new Set(['no time', 'no object']);

for (const { name, call, args, answer } of vectors.filter((one) => !differs.has(one.name))) {
  test(`${call}: ${name}`, () => {
    assert.deepEqual(answered(verifier, call, args), answer);
  });
}

test('a text is judged as its bytes are', () => {
  const texts = vectors.filter(({ name }) => !differs.has(name));
  for (const { name, call, args, answer } of texts) {
    // A byte order mark is part of the file: `Buffer.toString` keeps it.
    assert.deepEqual(answered(verifier, call, args.map(String)), answer, name);
  }
});
