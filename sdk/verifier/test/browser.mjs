// The cases and the damaged files in Chromium: `npm run test:browser`.

import assert from 'node:assert/strict';

import { inChromium } from './chromium.mjs';
import { digestOf, mutants, vectors } from './files.mjs';

const damaged = await mutants();
const cases = vectors.filter(({ name }) => name !== 'no time' && name !== 'no object');

/** Runs in the page. */
async function judge(asked) {
  const verifier = await import('/index.js');
  await verifier.default();
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return asked.map(({ call, args }) => {
    const given = args.map(bytes);
    if (call === 'verifyBundle' || call === 'steps') given.push(JSON.parse(new TextDecoder().decode(given.pop())));
    try {
      return JSON.stringify({ ok: verifier[call](...given) });
    } catch ({ code, message }) {
      return JSON.stringify({ error: { code, message } });
    }
  });
}

const asked = [...cases, ...damaged].map(({ call, args }) => ({ call, args: args.map((arg) => arg.toString('base64')) }));
const answers = await inChromium((page) => page.evaluate(`(${judge})(${JSON.stringify(asked)})`));
for (const [n, { name, answer }] of cases.entries()) assert.deepEqual(JSON.parse(answers[n]), answer, name);
for (const [n, { line, digest }] of damaged.entries()) assert.equal(digestOf(answers[cases.length + n]), digest, line);
console.log(`Chromium: ${cases.length} cases and ${damaged.length} damaged files are judged as the library judges them`);
