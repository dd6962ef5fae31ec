// What the README shows does what it says.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { vector, vectors } from './files.mjs';

const text = (name) => readFile(new URL(name, import.meta.url), 'utf8');
const guide = fileURLToPath(new URL('guide.mjs', import.meta.url));

test('the README shows the program that is run here', async () => {
  assert.ok((await text('../README.md')).includes(`\`\`\`js\n${await text('guide.mjs')}\`\`\``));
});

test('it prints what was proven and what was not, or why nothing was', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'quorate-'));
  try {
    const [bundle, anchor] = vector('closed').args;
    await writeFile(path.join(folder, 'session.bundle.json'), bundle);
    await writeFile(path.join(folder, 'anchor.json'), anchor);
    const printed = execFileSync(process.execPath, [guide], { cwd: folder, encoding: 'utf8' });
    assert.match(printed, /^did:vm:agent:builder: 5 steps, quorate\nnot proven: /);
    await writeFile(path.join(folder, 'session.bundle.json'), `${bundle}\n`);
    const refused = spawnSync(process.execPath, [guide], { cwd: folder, encoding: 'utf8' });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /^bundle-malformed: /);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('every member of an answer is in the types', async () => {
  const types = await text('../index.d.ts');
  const names = new Set();
  const collect = (value) => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (value !== null && typeof value === 'object') {
      for (const [name, inner] of Object.entries(value)) {
        names.add(name);
        // The names in it are the actor's.
        if (name !== 'attributes') collect(inner);
      }
    }
  };
  for (const { answer } of vectors) collect(answer.ok);
  assert.ok(names.size > 50, `${names.size} names`);
  for (const name of names) assert.match(types, new RegExp(`\\b${name}\\??: `), name);
});

test('every code of the package and the module is in the README', async () => {
  const readme = await text('../README.md');
  const codes = new Set(vectors.flatMap(({ answer }) => answer.error?.code ?? []));
  for (const source of ['../index.js', '../../../crates/edge/verifier-wasm/src/answer.rs']) {
    const found = await text(source).catch(() => '');
    for (const [, code] of found.matchAll(/(?:VerifierError|Refusal::new)\(\s*['"]([a-z-]+)['"]/g)) codes.add(code);
  }
  assert.ok(codes.has('input-invalid') && codes.has('not-quorate'));
  for (const code of codes) assert.ok(readme.includes(`\`${code}\``), code);
});
