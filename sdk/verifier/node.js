// In Node.js `fetch` does not read files, so the module is read from beside this file.

import { readFile } from 'node:fs/promises';

import load from './index.js';

export * from './index.js';

/** Loads the module; again, it does nothing. */
export default function init(source) {
  return load(source ?? readFile(new URL('./wasm/quorate_verifier_bg.wasm', import.meta.url)));
}
