// How long a bundle takes: `node test/bench.mjs FOLDER [chromium]`, where
// `cargo run --release -p quorate-verifier-wasm --example session -- 1000 FOLDER` wrote one.

import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { inChromium } from './chromium.mjs';

const [folder, where] = process.argv.slice(2);
const read = (name) => readFile(path.join(folder, `session.${name}.json`), 'utf8');
const files = [await read('bundle'), await read('anchor')];

/** Milliseconds of the first judgement, and of later ones. Runs in a page too, so it uses nothing from outside. */
async function measure(entry, [bundle, anchor]) {
  const verifier = await import(entry);
  const began = performance.now();
  await verifier.default();
  const loaded = performance.now() - began;
  const times = [];
  let report;
  for (let n = 0; n < 21; n += 1) {
    const start = performance.now();
    report = verifier.verifyBundle(bundle, anchor);
    times.push(performance.now() - start);
  }
  const [first, ...later] = times;
  later.sort((a, b) => a - b);
  const { steps, log } = report;
  return { steps, witnesses: log.witnesses.length, loaded, first, median: later[10], slowest: later.at(-1) };
}

const measured =
  where === 'chromium'
    ? await inChromium((page) => page.evaluate(`(${measure})('/index.js', ${JSON.stringify(files)})`))
    : await measure('../node.js', files);
const ms = (time) => `${time.toFixed(1)} ms`;
const { steps, witnesses, loaded, first, median, slowest } = measured;
console.log(
  `${where ?? `node ${process.versions.node}`}: ${steps} steps, ${witnesses} co-signatures, ${files[0].length} bytes: ` +
    `loading ${ms(loaded)}, first ${ms(first)}, then median ${ms(median)} (of 20, slowest ${ms(slowest)})`,
);
