// The page's parts, without a browser.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

import init, { VerifierError, verifyBundle } from '../node.js';
import { pageOf, present } from '../page/build.mjs';
import { at, placed, spliced } from '../page/json.js';
import { ancestors, lanesOf } from '../page/lanes.js';
import { TAMPERS, applicable } from '../page/tamper.js';
import { headline, reason, visible } from '../page/words.js';
import { demo, TAMPERED, vector, vectors } from './files.mjs';

await init();
const [bundle, anchor] = demo;

const code = (...files) => {
  try {
    verifyBundle(...files);
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof VerifierError);
    return error.code;
  }
};

test('the committed page is what its parts make', async () => {
  const page = await present();
  assert.ok((await pageOf(page)) === page, 'node sdk/verifier/page/build.mjs writes it anew');
});

test('its policy allows one script and one style, by their hashes, and no request', async () => {
  const page = await present();
  const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page);
  const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const [script] = page.match(/(?<=<script>)[^]*?(?=<\/script>)/g);
  const [style] = page.match(/(?<=<style>)[^]*?(?=<\/style>)/g);
  assert.deepEqual(policy.split('; '), [
    "default-src 'none'",
    `script-src ${hashOf(script)} 'wasm-unsafe-eval'`,
    `style-src ${hashOf(style)}`,
    'worker-src blob:',
    'img-src data:',
    "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ]);
  // Before it nothing is loaded that it would not judge.
  assert.ok(page.indexOf('Content-Security-Policy') < page.search(/<(script|style|link)/));
  assert.doesNotMatch(page.replace(/<script[^]*?<\/script>/g, ''), / (src|srcset|action|on\w+)=| href="(?!#|data:)/);
});

test('the page and its parts read no markup and ask for nothing', async () => {
  const names = ['dom', 'graph', 'json', 'lanes', 'main', 'report', 'tamper', 'words', 'worker'];
  for (const name of names) {
    const text = await readFile(new URL(`../page/${name}.js`, import.meta.url), 'utf8');
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function/, name);
    assert.equal((text.match(/fetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon/g) ?? []).length, name === 'main' ? 1 : 0, name);
  }
});

test('the example holds, and each change of it is refused with its code', () => {
  assert.equal(code(bundle, anchor), 'accepted');
  const found = Object.fromEntries(
    applicable(bundle, anchor).map(({ id, change: { file, text } }) => {
      const files = { bundle, anchor, [file]: text };
      return [id, code(files.bundle, files.anchor)];
    }),
  );
  assert.deepEqual(found, TAMPERED);
});

test('a change is offered where there is something to change, also in a presentation, and is always refused', () => {
  for (const name of ['closed', 'guide', 'presented', 'sealed content shown', 'bare jwk set', 'attested']) {
    const [one, by, options] = vector(name).args.map(String);
    const { now } = JSON.parse(options);
    const offered = applicable(one, by).filter(({ change }) => change !== undefined);
    assert.ok(offered.length > 0, name);
    // Without a log in the anchor nobody looks at a co-signature.
    for (const { id, change } of offered.filter(({ id }) => name !== 'bare jwk set' || id !== 'cosignature')) {
      const files = { bundle: one, anchor: by, [change.file]: change.text };
      assert.notEqual(code(files.bundle, files.anchor, { now }), 'accepted', `${name}: ${id}`);
    }
  }
  for (const nothing of ['', '{}', '[]', 'null', '{"steps":[{}],"checkpoint":""}', '"', '{"bundle":7}']) {
    for (const { id, change } of applicable(nothing, nothing)) assert.equal(change, undefined, `${nothing}: ${id}`);
  }
  assert.equal(TAMPERS.length, Object.keys(TAMPERED).length);
});

test('a log that signs with two keys is no witness of itself', () => {
  const parsed = JSON.parse(bundle);
  const [origin, size, root, , own] = parsed.checkpoint.split('\n');
  assert.equal(own.split(' ')[1], origin);
  const offered = (checkpoint) => {
    const changes = applicable(JSON.stringify({ ...parsed, checkpoint }), anchor);
    return changes.find(({ id }) => id === 'cosignature').change !== undefined;
  };
  assert.equal(offered(parsed.checkpoint), true);
  assert.equal(offered([origin, size, root, '', own, own, ''].join('\n')), false);
});

test('values are found where they stand', () => {
  const text = ' {"a" : [1, {"b\\"":"x\\u0041"}], "c":-1.5e3}';
  const root = placed(text);
  const inner = at(root, 'a', 1, 'b"');
  assert.equal(text.slice(inner.start, inner.end), '"x\\u0041"');
  assert.equal(spliced(text, at(root, 'c'), '2'), ' {"a" : [1, {"b\\"":"x\\u0041"}], "c":2}');
  for (const bad of ['', '{', '[1', '{"a"}', '[1,]', '{"a":1}x', '['.repeat(100)]) assert.equal(placed(bad), undefined, bad);
});

test('no line runs through a step that it does not touch, and ancestors are found', () => {
  const steps = Array.from({ length: 200 }, (_, n) => ({
    hash: `h${n}`,
    parents: [n - 1, n - (n % 7) - 1, n - 13].filter((m, k, all) => m >= 0 && (n * 31 + k * 17) % 3 > 0 && all.indexOf(m) === k).map((m) => `h${m}`),
  }));
  const { rows, edges, lanes } = lanesOf(steps);
  for (const { from, to } of edges) {
    assert.ok(from < to);
    for (let row = from + 1; row < to; row += 1) assert.notEqual(rows[row].lane, rows[from].lane, `${from} to ${to} at ${row}`);
  }
  assert.ok(rows.every(({ lane }) => lane >= 0 && lane < lanes));
  const reached = (row) => new Set([row, ...rows[row].parents.flatMap((parent) => [...reached(parent)])]);
  for (const row of [0, 20, 40]) assert.deepEqual(ancestors(rows, row), reached(row));
});

test('characters that cannot be seen are written out', () => {
  assert.equal(visible('a\u202eb\u0000\n\u200b\ud800é👍'), 'a\\u{202e}b\\u{0}\\u{a}\\u{200b}\\u{d800}é👍');
  assert.equal(visible('a\nb\r', { lines: true }), 'a\nb\\u{d}');
});

test('only a head under a quorum or trusted witnesses of a named log is told as verified', () => {
  const told = (name) => {
    const [one, by, options] = vector(name).args.map(String);
    const { kind, title } = headline(verifyBundle(one, by, JSON.parse(options)));
    return [kind, title];
  };
  assert.deepEqual(told('closed'), ['verified', 'Verified: 2 of 3 witnesses co-signed']);
  assert.deepEqual(told('guide, with a log'), ['verified', 'Verified: 2 trusted witnesses co-signed']);
  assert.deepEqual(told('guide'), ['caution', 'Signed, and 2 trusted witnesses co-signed; no particular log was asked for']);
  assert.deepEqual(told('logs alone'), ['caution', 'Signed and logged; no quorum of witnesses was required']);
  assert.deepEqual(told('bare jwk set'), ['unjudged', 'Signed by its key only: no log was asked for']);
  assert.equal(headline({ log: { verdict: 'of a later version' } }).kind, 'unjudged');
  const group = (required, satisfied, members) => ({ required, satisfied, members });
  const quorate = (...quorum) => headline({ log: { verdict: 'quorate', quorum } }).title;
  assert.equal(quorate({ depth: 0, name: 'w1', satisfied: true }), 'Verified: the witness “w1” co-signed');
  const nested = [{ name: 'q', group: group(2, 2, 3) }, { name: 'eu', group: group(1, 1, 2) }, { name: 'w1' }];
  assert.equal(quorate(...nested), 'Verified: the quorum “q” co-signed, 2 of its 3 parts');
});

test('every code of a bundle has words of its own', () => {
  const other = reason('none');
  const codes = vectors.filter(({ call }) => call === 'verifyBundle' || call === 'steps').flatMap(({ answer }) => answer.error?.code ?? []);
  assert.ok(codes.length > 30);
  for (const one of codes.filter((one) => one !== 'options-invalid')) assert.notDeepEqual(reason(one), other, one);
});
