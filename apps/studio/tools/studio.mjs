// @ts-check
import { preview } from 'vite';
import { buildSite } from './build.mjs';
import { makeBundles } from './make-bundles.mjs';
import { site, studio } from './paths.mjs';

const port = 4680;
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

try {
  await main();
} catch (error) {
  if (!stop.signal.aborted) throw error;
  console.log('\nStopped. The next `npm run studio` goes on from here.');
  process.exitCode = 130;
}

async function main() {
  const onlyBuild = process.argv.includes('--build');
  const thorough = onlyBuild || process.argv.includes('--thorough');
  const bundles = await makeBundles({ thorough, signal: stop.signal });
  await buildSite({ bundles, site });
  console.log(`\nThe site is in ${site}, ready for any static host (docs/studio.md).`);
  if (onlyBuild) return;
  const server = await preview({
    root: studio,
    configFile: false,
    appType: 'mpa',
    preview: {
      port,
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      },
    },
  });
  console.log(`\nCacheQuant Studio:  ${server.resolvedUrls?.local[0] ?? ''}\n(Ctrl-C ends it)`);
  stop.signal.addEventListener('abort', () => server.httpServer.close(() => process.exit(0)));
}
