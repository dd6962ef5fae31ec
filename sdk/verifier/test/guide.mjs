import { readFile } from 'node:fs/promises';
import init, { verifyBundle } from '@quorate/verifier';

await init();
const bundle = await readFile('session.bundle.json', 'utf8');
const trustAnchor = await readFile('anchor.json', 'utf8');
try {
  const report = verifyBundle(bundle, trustAnchor);
  console.log(`${report.subject}: ${report.steps} steps, ${report.log.verdict}`);
  for (const sentence of report.not_proven) console.log(`not proven: ${sentence}`);
} catch (error) {
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
