import { createRequire } from 'node:module';
import { CacheQuantError } from '@cachequant/tensor';

/**
 * The compiled worker's path. Looked up by the package's own name, so that it is also found when the rest
 * of the package is loaded from its TypeScript source.
 *
 * @throws CacheQuantError `runtime` when the package was not built
 */
export function findWorkerScript(): string {
  try {
    return createRequire(import.meta.url).resolve('@cachequant/runtime-node/worker');
  } catch (cause) {
    throw new CacheQuantError('runtime', 'the compiled worker is missing', {
      where: 'createNodeRuntime',
      expected: '@cachequant/runtime-node/dist/worker.js',
      hint: 'In the repository, build it with `npx tsc -b packages/runtime-node`; elsewhere, install the package again',
      cause,
    });
  }
}
