import {
  type AdapterDescription,
  type Backend,
  describeAdapter,
  type HttpStorageOptions,
} from '@cachequant/runtime-web';
import { CacheQuantError, throwIfAborted } from '@cachequant/tensor';
import { type ChosenGraphs, chooseGraphs, type Precision } from './choose-graphs.js';
import { type ModelLocation, type OpenedSource, openSource } from './open-source.js';

/** The choices of {@link createGenerator} that {@link preflight} judges. */
export interface PreflightOptions extends Pick<HttpStorageOptions, 'files' | 'signal'> {
  readonly device?: 'auto' | Backend;
  readonly precision?: Precision;
  readonly threads?: number;
  readonly allowFallback?: boolean;
}

/** What stands in the way of a model on this page, or is worth knowing before it is fetched. */
export interface PreflightFinding {
  /** Whether `createGenerator` with the same options would fail. */
  readonly blocking: boolean;
  readonly message: string;
  readonly hint: string;
}

/** What would run on this device, what it takes, and what speaks against it. */
export interface Preflight {
  readonly works: boolean;
  readonly findings: readonly PreflightFinding[];
  /** What would compute; undefined when nothing can. */
  readonly backend: Backend | undefined;
  /** Of the bundle's graphs for that backend; undefined for its own graphs and for a model folder. */
  readonly precision: Precision | undefined;
  readonly adapter: AdapterDescription | undefined;
  readonly crossOriginIsolated: boolean;
  /** Of all that generating needs, before compression, what is stored already among it; undefined without sizes. */
  readonly modelBytes: number | undefined;
  /** Of ONNX Runtime's binary, before compression. */
  readonly runtimeBytes: number;
  /** A rough need: weights on their way and as they are computed with, and room for activations. */
  readonly memoryBytes: number | undefined;
}

/** Of onnxruntime-web 1.30. */
const RUNTIME_BYTES = { wasm: 14e6, webgpu: 27e6 } as const;
/** What one WebAssembly memory can have. */
const WASM_BYTES = 4 * 2 ** 30;
/** The file on its way to the worker, ONNX Runtime's copy, and what 8-bit weights become in float. */
const COPIES = { wasm: 3, webgpu: 5 } as const;
const BASE_BYTES = 150e6;

/**
 * Says before the download what will not work on this page with this model, and why. Only the manifest is fetched,
 * and the sizes of files that it does not tell.
 *
 * @throws CacheQuantError `storage` and `bundle` for a model that cannot be read at all, `aborted`
 */
export async function preflight(location: ModelLocation, options: PreflightOptions = {}): Promise<Preflight> {
  throwIfAborted(options.signal);
  const source = await openSource(location, options);
  const adapter = await describeAdapter();
  const found = choose(source, options, adapter);
  const findings: PreflightFinding[] = [...found.findings, ...threadFindings(options)];
  const backend = found.chosen?.backend;
  const modelBytes = found.chosen && (await source.bytes(found.chosen));
  const memoryBytes = backend && modelBytes && BASE_BYTES + COPIES[backend] * modelBytes;
  if (memoryBytes) findings.push(...memoryFindings(memoryBytes, backend));
  if (modelBytes && typeof location === 'string') findings.push(...(await storageFindings(modelBytes)));
  return {
    works: !findings.some(({ blocking }) => blocking),
    findings,
    backend,
    precision: found.chosen?.variant?.precision,
    adapter,
    crossOriginIsolated: globalThis.crossOriginIsolated === true,
    modelBytes,
    runtimeBytes: backend ? RUNTIME_BYTES[backend] : 0,
    memoryBytes,
  };
}

interface Found {
  readonly chosen: ChosenGraphs | undefined;
  readonly findings: readonly PreflightFinding[];
}

function choose(
  { manifest }: OpenedSource,
  { device = 'auto', precision, allowFallback = false }: PreflightOptions,
  adapter: AdapterDescription | undefined,
): Found {
  const findings: PreflightFinding[] = [];
  if (device === 'webgpu' && adapter === undefined) {
    findings.push({
      blocking: !allowFallback,
      message: 'This browser gives no WebGPU adapter.',
      hint: "Take `device: 'auto'`, or allow the fallback to WebAssembly",
    });
    if (!allowFallback) return { chosen: undefined, findings };
  }
  if (adapter?.software && device === 'webgpu') {
    findings.push({
      blocking: false,
      message: 'WebGPU is computed by the processor here, which is slower than WebAssembly.',
      hint: "Take `device: 'auto'`",
    });
  }
  try {
    return { chosen: chooseGraphs(manifest, { device, precision, adapter }), findings };
  } catch (error) {
    if (!CacheQuantError.is(error)) throw error;
    findings.push({ blocking: true, message: error.message, hint: error.hint ?? '' });
    return { chosen: undefined, findings };
  }
}

function threadFindings({ threads, allowFallback = false }: PreflightOptions): PreflightFinding[] {
  if (globalThis.crossOriginIsolated === true || threads === 1) return [];
  return [
    {
      blocking: threads !== undefined && !allowFallback,
      message: 'The page is not cross-origin isolated, so WebAssembly has one thread.',
      hint: 'Serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
    },
  ];
}

function memoryFindings(bytes: number, backend: Backend | undefined): PreflightFinding[] {
  const findings: PreflightFinding[] = [];
  if (bytes > WASM_BYTES) {
    findings.push({
      // An estimate refuses nobody.
      blocking: false,
      message: `The model takes about ${gigabytes(bytes)} of memory, more than the 4 GB of WebAssembly.`,
      hint: 'Use a bundle with weights of fewer bits, or a smaller model',
    });
  }
  // Rounded by browsers, to 8 GB at most.
  const { deviceMemory } = globalThis.navigator as { readonly deviceMemory?: number };
  if (deviceMemory !== undefined && bytes > (deviceMemory * 2 ** 30) / 2) {
    findings.push({
      blocking: false,
      message: `The model takes about ${gigabytes(bytes)} of memory on ${backend}; the device has ${deviceMemory} GB.`,
      hint: 'Close other tabs, or use a smaller model',
    });
  }
  return findings;
}

async function storageFindings(bytes: number): Promise<PreflightFinding[]> {
  const estimate = await globalThis.navigator.storage?.estimate?.().catch(() => undefined);
  const { quota, usage = 0 } = estimate ?? {};
  if (quota === undefined || quota - usage >= bytes) return [];
  return [
    {
      blocking: false,
      message: `The browser gives this site ${gigabytes(quota - usage)} more of storage; the model takes ${gigabytes(bytes)}.`,
      hint: 'It will be kept in memory and fetched again at the next visit',
    },
  ];
}

function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
