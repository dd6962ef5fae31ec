// A page in Chromium that has this package and nothing else.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

import { withChromium } from './chrome.mjs';

const root = new URL('../', import.meta.url);
const types = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' };
// As strict as a page can be that runs a module at all.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

async function answer(request, response) {
  const name = request.url === '/' ? 'page.html' : request.url.slice(1);
  try {
    const body = name === 'page.html' ? '<!doctype html><title>verifier</title>' : await readFile(new URL(name, root));
    const type = types[name.split('.').at(-1)] ?? 'application/octet-stream';
    response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': policy }).end(body);
  } catch {
    response.writeHead(404).end();
  }
}

/** Calls `use` with a page; what the page complains about is an error. */
export async function inChromium(use) {
  const server = createServer(answer);
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const base = `http://127.0.0.1:${server.address().port}/`;
  try {
    return await withChromium(async (browser) => {
      const page = await browser.newPage();
      const wrong = [];
      page.on('console', (message) => ['error', 'warning'].includes(message.type()) && wrong.push(message.text()));
      page.on('pageerror', (error) => wrong.push(String(error)));
      page.on('request', (request) => request.url().startsWith(base) || wrong.push(`elsewhere: ${request.url()}`));
      await page.goto(base);
      const result = await use(page);
      if (wrong.length > 0) throw new Error(wrong.join('\n'));
      return result;
    });
  } finally {
    server.close();
  }
}
