// @ts-check
// Puts the package and what it needs, but ONNX Runtime, into one file for pages without a bundler; beside it, the
// worker's part, which the page hands to the worker by its address.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** @param {string} path */
const inPackage = (path) => fileURLToPath(new URL(path, import.meta.url));

await build({
  entryPoints: {
    standalone: inPackage('dist/index.js'),
    serve: inPackage('node_modules/@cachequant/runtime-web/dist/serve.js'),
  },
  outdir: inPackage('dist'),
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  sourcemap: true,
  external: ['onnxruntime-web/*'],
  logLevel: 'warning',
});
