import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@cachequant/source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@cachequant/source', 'node', 'import', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    tags: [{ name: 'full', description: 'slow, and rarely tells anything new: for `npm run test:full`' }],
  },
});
