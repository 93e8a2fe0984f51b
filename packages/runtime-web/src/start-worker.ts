import type { Backend, WasmPaths } from './protocol.js';

/** Where the browser gets what it needs; with a bundler, or an import map, nothing has to be said. */
export interface RuntimeAssets {
  /** Where onnxruntime-web's binary is, if not beside its module. */
  readonly wasmPaths?: WasmPaths;
  /**
   * Address of onnxruntime-web's module (`ort.wasm.bundle.min.mjs`, `ort.webgpu.bundle.min.mjs`) for each backend, on
   * a page without a bundler and without an import map that names them.
   */
  readonly modules?: Partial<Readonly<Record<Backend, string>>>;
  /** Starts `@cachequant/runtime-web/worker-wasm` or `…/worker-webgpu` for a bundler that does not find them. */
  readonly createWorker?: (backend: Backend) => Worker;
}

/**
 * Starts the worker of a backend. With a bundler, that is a file of the bundle; without one, a script of two imports
 * by address, since a worker knows nothing of the page's import map.
 */
export function startWorker(backend: Backend, assets: RuntimeAssets): Worker {
  if (assets.createWorker !== undefined) return assets.createWorker(backend);
  const module = assets.modules?.[backend] ?? addressInImportMap(`onnxruntime-web/${backend}`);
  if (module !== undefined) return startFromAddresses(backend, module);
  // Bundlers look for exactly this form.
  return backend === 'wasm'
    ? new Worker(new URL('./worker-wasm.js', import.meta.url), { type: 'module', name: 'cachequant' })
    : new Worker(new URL('./worker-webgpu.js', import.meta.url), { type: 'module', name: 'cachequant' });
}

/** Undefined when the page has no import map with that name, as is the case for what a bundler made. */
function addressInImportMap(specifier: string): string | undefined {
  try {
    return import.meta.resolve?.(specifier);
  } catch {
    return undefined;
  }
}

function startFromAddresses(backend: Backend, module: string): Worker {
  // Not in one expression with `new URL`, which bundlers would take for a file to copy.
  const here = import.meta.url;
  const serve = new URL('./serve.js', here).href;
  const script = `import * as ort from ${JSON.stringify(new URL(module, location.href).href)};
import { serve } from ${JSON.stringify(serve)};
serve(ort, ${JSON.stringify(backend)});`;
  const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = new Worker(address, { type: 'module', name: 'cachequant' });
  // The address must live until the worker has read it, and no longer.
  worker.addEventListener('message', () => URL.revokeObjectURL(address), { once: true });
  return worker;
}
