// Makes `verify.html` of its parts: `node sdk/verifier/page/build.mjs [FILE]`. Needs nothing but Node.js.
//
// The page is one file, so that it works from a disk. Its policy allows one script and one style, by their hashes, and the
// worker; no request can be made at all.

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

const here = new URL('./', import.meta.url);
const read = (name) => readFile(new URL(name, here), 'utf8');

/** The modules that `entry` imports and itself, as one script: each in a function of its own that gives its exports. */
async function bundled(entry) {
  const made = new Map();
  const add = async (address) => {
    if (made.has(address.href)) return made.get(address.href).name;
    const name = `m${made.size}`;
    made.set(address.href, { name });
    let text = await readFile(address, 'utf8');
    const order = [];
    const imports = [...text.matchAll(/^import (?:(\w+)(?:, )?)?(?:(\{[^}]*\}))? ?from '(\.[^']+)';$/gm)];
    for (const [whole, standard, named, from] of imports) {
      const module = await add(new URL(from, address));
      const parts = [standard && `default: ${standard}`, named?.slice(1, -1).replaceAll(' as ', ': ').trim().replace(/,$/, '')];
      text = text.replace(whole, () => `const { ${parts.filter(Boolean).join(', ')} } = ${module};`);
    }
    const exported = (pattern, put) => {
      text = text.replace(pattern, (...found) => put(...found));
    };
    exported(/^export \{ ([^}]*) \};$/gm, (_, list) => {
      for (const one of list.split(', ')) {
        const [name, as = name] = one.split(' as ');
        order.push(`${as}: ${name}`);
      }
      return '';
    });
    exported(/^export default (async function|function) (\w+)/gm, (_, kind, name) => {
      order.push(`default: ${name}`);
      return `${kind} ${name}`;
    });
    exported(/^export (async function|function|class|const) (\w+)/gm, (_, kind, name) => {
      order.push(name);
      return `${kind} ${name}`;
    });
    // Where the module would be loaded from, were its bytes not given; a classic script has no address of its own.
    text = text.replaceAll('import.meta.url', 'undefined');
    if (/^\s*(import|export)\b/m.test(text) || /\bimport\(/.test(text)) throw new Error(`${address}: an import or export of another form`);
    // Of what is imported first, the first is ready first.
    made.delete(address.href);
    made.set(address.href, { name, text: `const ${name} = (() => {\n${text}\nreturn { ${order.join(', ')} };\n})();` });
    return name;
  };
  await add(new URL(entry, here));
  const script = ["'use strict';", ...[...made.values()].map(({ text }) => text)].join('\n');
  if (/<\/script|<!--/i.test(script)) throw new Error(`${entry}: it would end its element`);
  return script;
}

/** The module, packed. Libraries pack differently, so one that is packed already and has not changed stays as it is. */
async function packed(present) {
  const module = await readFile(new URL('../wasm/quorate_verifier_bg.wasm', here));
  const old = /<script type="text\/plain" id="module">([^<]*)</.exec(present)?.[1];
  try {
    if (old !== undefined && gunzipSync(Buffer.from(old, 'base64')).equals(module)) return old;
  } catch {
    // Not packed by this script: it is packed anew.
  }
  return gzipSync(module, { level: 9 }).toString('base64');
}

const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The page's text; `present` is an earlier one. */
export async function pageOf(present = '') {
  const [page, style, script, worker, module] = await Promise.all([
    read('page.html'),
    read('style.css'),
    bundled('main.js'),
    bundled('worker.js'),
    packed(present),
  ]);
  const [bundle, anchor] = await Promise.all(['bundle', 'anchor'].map((name) => read(`../demo/${name}.json`)));
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)} 'wasm-unsafe-eval'`,
    `style-src ${hashOf(style)}`,
    'worker-src blob:',
    'img-src data:',
    "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const demo = JSON.stringify({ bundle, anchor }).replaceAll('<', '\\u003c');
  const parts = { policy, style, script, worker, module, demo };
  return page.replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
}

const committed = new URL('../verify.html', here);

/** The page beside the package. */
export const present = () => readFile(committed, 'utf8').catch(() => '');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = process.argv[2] ?? fileURLToPath(committed);
  const text = await pageOf(await present());
  await writeFile(file, text);
  console.log(`${file}: ${text.length} characters`);
}
