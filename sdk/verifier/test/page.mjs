// `verify.html` in Chromium, from the disk, with no network: `npm run test:browser`. With folders of
// `cargo run --release -p quorate-verifier-wasm --example session -- STEPS FOLDER` it also says how long their bundles take.
// Pictures go to QUORATE_PICTURES, if it is set.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { withChromium } from './chrome.mjs';
import { TAMPERED, demo, vector } from './files.mjs';

const file = fileURLToPath(new URL('../verify.html', import.meta.url));
const address = pathToFileURL(file).href;
const VERIFIED = 'Verified: 2 of 3 witnesses co-signed';
// Of the long sessions, which every witness co-signed.
const ALL_VERIFIED = 'Verified: 3 of 3 witnesses co-signed';
const pictures = process.env.QUORATE_PICTURES;
if (pictures !== undefined) await mkdir(pictures, { recursive: true });

await withChromium(async (browser) => {
  /** Calls `use` with a page; what it complains about, and each request that it makes, is an error. */
  async function open(use, { at = address, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    await context.setOffline(true);
    const page = await context.newPage();
    const wrong = [];
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && wrong.push(message.text()));
    page.on('pageerror', (error) => wrong.push(String(error)));
    const network = await context.newCDPSession(page);
    await network.send('Network.enable');
    const asked = [];
    network.on('Network.requestWillBeSent', ({ request }) => asked.push(request.url));
    await page.goto(at);
    const result = await use(page);
    // The page itself, the worker that it makes of its own text, and its empty icon.
    const elsewhere = asked.filter((url) => !url.startsWith('file:///') && !url.startsWith('blob:null/') && url !== 'data:,');
    assert.deepEqual([wrong, elsewhere], [[], []]);
    assert.equal(asked.filter((url) => url.startsWith('file:')).length, new Set(asked.filter((url) => url.startsWith('file:'))).size);
    await context.close();
    return result;
  }

  const title = (page) => page.locator('#verdict-title');
  const says = async (page, words) => {
    try {
      await page.waitForFunction((words) => document.querySelector('#verdict-title').textContent === words, words, { timeout: 20_000 });
    } catch {
      assert.fail(`the page says ${await title(page).textContent()} (${await page.locator('#verdict-code').textContent()}), not ${words}`);
    }
  };
  const code = (page) => page.locator('#verdict-code code').textContent();
  const give = async (page, which, text) => {
    await page.setInputFiles(`#file-${which}`, { name: `${which}.json`, mimeType: 'application/json', buffer: Buffer.from(text) });
  };
  const fits = async (page, what) => {
    const [width, wide] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
    assert.ok(wide <= width, `${what}: ${wide} pixels in ${width}`);
  };
  const picture = (page, name) => pictures && page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
  const nothingProven = async (page) => {
    assert.equal(await page.locator('#proven').isVisible(), false);
    assert.equal(await page.locator('.row').count(), 0);
    assert.equal(await page.locator('#facts').textContent(), '');
  };

  // Nothing is said before something is judged; and without an anchor nothing is verified.
  await open(async (page) => {
    await says(page, 'Nothing to verify yet');
    await picture(page, 'empty');
    await give(page, 'bundle', demo[0]);
    await says(page, 'Not verified: there is no trust anchor');
    await nothingProven(page);
    await picture(page, 'no-anchor');
    await give(page, 'anchor', demo[1]);
    await says(page, VERIFIED);
    await give(page, 'anchor', '{}');
    await says(page, 'Refused');
    assert.equal(await code(page), 'anchor-invalid');
    await nothingProven(page);
    // Bytes that are no text are judged as bytes.
    await give(page, 'anchor', demo[1]);
    await says(page, VERIFIED);
    await page.setInputFiles('#file-bundle', { name: 'b', mimeType: '', buffer: Buffer.concat([Buffer.from(demo[0]), Buffer.from([0xff])]) });
    await says(page, 'Refused');
    assert.equal(await code(page), 'bundle-malformed');
    assert.equal(await page.locator('#tampering').isVisible(), false);
  });

  // Dropped, both at once, and pasted.
  await open(async (page) => {
    const drop = (files) =>
      page.evaluate((files) => {
        const data = new DataTransfer();
        for (const [name, text] of files) data.items.add(new File([text], name));
        document.querySelector('h1').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
      }, files);
    await drop([['one', demo[1]], ['two', demo[0]]]);
    await says(page, VERIFIED);
    await page.click('#paste-anchor');
    await page.fill('#text-anchor', demo[1].replace('group q 2 ', 'group q 3 '));
    await says(page, 'Refused');
    assert.equal(await code(page), 'not-quorate');
    await page.fill('#text-anchor', '');
    await says(page, 'Not verified: there is no trust anchor');
  });

  // The example: verified and drawn, each change red with its reason, and restored.
  for (const look of [{ name: 'light' }, { name: 'dark', colorScheme: 'dark' }, { name: 'phone', viewport: { width: 360, height: 780 } }]) {
    const { name, ...options } = look;
    await open(
      async (page) => {
        await says(page, VERIFIED);
        assert.equal(await page.locator('.row').count(), 11);
        assert.equal(await page.locator('.lines path:not(.mark)').count(), 14);
        assert.equal(await page.locator('.lines .mark.adversarial').count(), 4);
        assert.match(await page.locator('#facts').textContent(), /did:vm:agent:builder/);
        assert.equal(await page.locator('#open li').count() > 4, true);
        assert.equal(await page.locator('#demo-note').isVisible(), true);
        await fits(page, name);
        // A row that is put in anew while the mouse goes over it gets no click.
        const kept = await page.locator('.row').nth(7).elementHandle();
        await page.locator('.row').nth(2).hover();
        await page.waitForFunction(() => document.querySelectorAll('.row.off').length === 8);
        assert.equal(await kept.evaluate((row) => row.isConnected), true);
        await page.locator('.row').nth(7).click();
        assert.match(await page.locator('#step').textContent(), /sealed and shown.*412 tests, 0 failed/s);
        assert.equal(await page.locator('.row.off').count(), 6);
        await page.locator('.row').nth(3).click();
        assert.match(await page.locator('#step').textContent(), /git log.*exit_code = 0.*14 commits since 1\.2\.2/s);
        await picture(page, name);
        for (const [id, expected] of Object.entries(TAMPERED)) {
          await page.click(`#tamper-${id}`);
          await says(page, 'Refused');
          assert.equal(await code(page), expected, id);
          await nothingProven(page);
          assert.ok((await page.locator('#change-before del').textContent()) !== (await page.locator('#change-after ins').textContent()));
          assert.ok(await page.locator('#change').isVisible());
          await fits(page, `${name}, ${id}`);
          if (id === 'tool') await picture(page, `${name}-red`);
          if (id === 'order' || id === 'anchor-threshold') {
            await page.click('#restore');
            await says(page, VERIFIED);
          }
        }
        await page.click('#leave-demo');
        await says(page, 'Nothing to verify yet');
      },
      { at: `${address}#demo`, ...options },
    );
  }
  await open((page) => says(page, VERIFIED), { at: address.replace('verify.html', 'demo.html') });

  // How far a verdict reaches is seen: by its title, its colour and its mark; and what nobody judged is no fact.
  const states = [
    ['quorate', 'closed', VERIFIED],
    ['no-quorum', 'logs alone', 'Signed and logged; no quorum of witnesses was required'],
    ['no-log', 'bare jwk set', 'Signed by its key only: no log was asked for'],
  ];
  for (const look of [{ name: 'light' }, { name: 'dark', colorScheme: 'dark' }, { name: 'phone', viewport: { width: 360, height: 780 } }]) {
    const { name, ...options } = look;
    const seen = [];
    for (const [state, of, words] of states) {
      await open(async (page) => {
        const [bundle, anchor] = vector(of).args.map(String);
        await give(page, 'bundle', bundle);
        await give(page, 'anchor', anchor);
        await says(page, words);
        await page.waitForFunction(() => document.getAnimations().length === 0);
        seen.push(
          await page.evaluate(() => {
            const style = (selector) => getComputedStyle(document.querySelector(selector));
            const marks = [...document.querySelectorAll('.seal path')].filter((path) => getComputedStyle(path).visibility === 'visible');
            return [style('#verdict-title').color, style('#verdict').backgroundColor, style('#verdict').borderTopColor, marks.map((path) => path.getAttribute('class')).join()];
          }),
        );
        const root = JSON.parse(bundle).checkpoint.split('\n')[2];
        const hex = Buffer.from(root, 'base64').toString('hex');
        const claims = await page.locator('#claimed').textContent();
        const facts = await page.locator('#facts').textContent();
        const origin = JSON.parse(bundle).checkpoint.split('\n')[0];
        assert.equal(claims.includes(hex) && claims.includes(origin), state === 'no-log');
        assert.equal(facts.includes(origin), state !== 'no-log');
        assert.equal(await page.locator('#claimed-part').isVisible(), state === 'no-log');
        await fits(page, `${name}, ${state}`);
        await picture(page, `state-${name}-${state}`);
        await page.click('#tamper-tool');
        await says(page, 'Refused');
        await nothingProven(page);
        assert.equal(await page.locator('#claimed').textContent(), '');
      }, options);
    }
    for (const part of [0, 1, 2, 3]) assert.equal(new Set(seen.map((one) => one[part])).size, states.length, `${name}: ${JSON.stringify(seen)}`);
  }

  // What was asked before something else was loaded is not told of it. The worker answers in order.
  await open(async (page) => {
    await page.evaluate(() => {
      window.titles = [];
      const title = document.querySelector('#verdict-title');
      new MutationObserver(() => window.titles.push(title.textContent)).observe(title, { childList: true });
      document.querySelector('#show-demo').click();
      document.querySelector('#tamper-tool').click();
    });
    await says(page, 'Refused');
    assert.equal(await page.evaluate(() => window.titles.some((title) => title.startsWith('Verified'))), false);
  });

  // With keys alone.
  await open(
    async (page) => {
      const tabTo = async (selector) => {
        for (let presses = 0; presses < 60; presses += 1) {
          await page.keyboard.press('Tab');
          if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
        }
        assert.fail(`the Tab key does not lead to ${selector}`);
      };
      await tabTo('#show-demo');
      await page.keyboard.press('Enter');
      await says(page, VERIFIED);
      await tabTo('#tamper-parent');
      await page.keyboard.press('Space');
      await says(page, 'Refused');
      await tabTo('#restore');
      await page.keyboard.press('Enter');
      await says(page, VERIFIED);
      assert.equal(await page.evaluate(() => document.activeElement.id), 'tamper-parent');
      await tabTo('#graph');
      await page.keyboard.press('Home');
      assert.match(await page.locator('#step').textContent(), /Step 1: Note/);
      await page.keyboard.press('ArrowDown');
      assert.match(await page.locator('#step').textContent(), /Step 2: Note/);
      await page.waitForFunction(() => document.querySelector('#graph').getAttribute('aria-activedescendant') === 'row-1');
      await page.keyboard.press('End');
      await tabTo('#step .chip');
      await page.keyboard.press('Enter');
      assert.match(await page.locator('#step').textContent(), /Step 9: Model response/);
      assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    },
    { reducedMotion: 'reduce' },
  );

  // Markup in every string is text, and characters that would hide or turn text are seen.
  for (const viewport of [{ width: 1280, height: 900 }, { width: 360, height: 780 }]) {
    await open(
      async (page) => {
        const [bundle, anchor] = vector('markup in every string').args.map(String);
        await give(page, 'bundle', bundle);
        await give(page, 'anchor', anchor);
        await says(page, VERIFIED);
        for (let row = 0; row < 4; row += 1) {
          await page.locator('.row').nth(row).click();
          const shown = await page.locator('#step').textContent();
          assert.match(shown, /<img src=x onerror=window\.broken=1>/, `row ${row}`);
          if (row < 2) assert.match(shown, /onerror=window\.broken=1>\\u\{202e\}\\u\{2066\}\\u\{200b\}\\u\{0\}/, `row ${row}`);
          await fits(page, `markup, ${viewport.width} pixels`);
        }
        await page.click('#tamper-tool');
        await says(page, 'Refused');
        await fits(page, 'markup, changed');
        const [broken, scripts, images, unseen] = await page.evaluate(() => {
          const text = document.body.innerText;
          return [window.broken, document.scripts.length, document.images.length, /[\u200b\u202a-\u202e\u2066-\u2069]/.test(text)];
        });
        assert.deepEqual([broken, scripts, images, unseen], [undefined, 4, 0, false]);
      },
      { viewport },
    );
  }

  // Long sessions: only what is in view is drawn.
  for (const folder of process.argv.slice(2)) {
    await open(async (page) => {
      const began = Date.now();
      await page.setInputFiles('#file-bundle', path.join(folder, 'session.bundle.json'));
      await page.setInputFiles('#file-anchor', path.join(folder, 'session.anchor.json'));
      const given = Date.now();
      await says(page, ALL_VERIFIED);
      const verified = Date.now();
      const steps = Number(await page.locator('.row').first().getAttribute('aria-setsize'));
      assert.ok((await page.locator('.row').count()) < 60);
      const slowest = await page.evaluate(async () => {
        const graph = document.querySelector('#graph');
        let slowest = 0;
        for (let n = 0; n <= 40; n += 1) {
          graph.scrollTop = (graph.scrollHeight * n) / 40;
          const start = performance.now();
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          slowest = Math.max(slowest, performance.now() - start);
        }
        return slowest;
      });
      await page.locator('#graph').focus();
      await page.keyboard.press('End');
      assert.match(await page.locator('#step').textContent(), new RegExp(`Step ${steps}:`));
      const start = Date.now();
      await page.click('#tamper-tool');
      await says(page, 'Refused');
      const refused = Date.now() - start;
      await page.click('#restore');
      await says(page, ALL_VERIFIED);
      await picture(page, `steps-${steps}`);
      console.log(
        `${steps} steps: files given in ${given - began} ms, verified and drawn ${verified - given} ms later; ` +
          `scrolled from end to end, the slowest two frames took ${slowest.toFixed(0)} ms; changed and refused in ${refused} ms`,
      );
    });
  }
});
console.log('Chromium: verify.html works from the disk without a network');
