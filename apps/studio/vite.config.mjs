// @ts-check
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  build: {
    rollupOptions: {
      // Comments in dependencies that Rollup does not understand are no news.
      onwarn: (warning, show) => warning.code === 'INVALID_ANNOTATION' || show(warning),
    },
    target: 'es2022',
    emptyOutDir: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
  worker: { format: 'es' },
});
