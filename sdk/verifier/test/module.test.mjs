// What the module is.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

const bytes = await readFile(new URL('../wasm/quorate_verifier_bg.wasm', import.meta.url));
const module = new WebAssembly.Module(bytes);

// No clock, no randomness, no network: what is not imported cannot be asked for. The one function fills the table of
// references that wasm-bindgen keeps, with four constants.
test('it imports nothing but what loads it', () => {
  assert.deepEqual(WebAssembly.Module.imports(module), [
    { module: './quorate_verifier_bg.js', name: '__wbindgen_init_externref_table', kind: 'function' },
  ]);
});

test('it exports the four questions', () => {
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  const questions = names.filter((name) => !name.startsWith('__') && name !== 'memory');
  assert.deepEqual(questions.sort(), ['checkPolicy', 'verifyBundle', 'verifyProof', 'verifySteps']);
});

test('it has at most 400 KiB with gzip', () => {
  assert.ok(gzipSync(bytes, { level: 9 }).length <= 400 * 1024);
});

test('it does not tell where it was built', () => {
  assert.doesNotMatch(bytes.toString('latin1'), /\/(root|home|usr|work|builds?|Users|tmp)\//);
});
