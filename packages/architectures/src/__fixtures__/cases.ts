import { readdirSync, readFileSync } from 'node:fs';
import { elementCount, fromBytes } from '@cachequant/tensor';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { GraphOptions, Part } from '../architectures/architecture.js';
import { formula } from './formula.js';

const FOLDER = new URL('../../../../fixtures/architectures/', import.meta.url);

/** What diffusers or transformers computed for a small model; see fixtures/architectures/README.md. */
export interface Case {
  readonly className: string;
  readonly part?: Part;
  readonly options?: GraphOptions;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, CaseInput>>;
  readonly outputs: Readonly<Record<string, { readonly dims: number[]; readonly float32: string }>>;
}

interface CaseInput {
  readonly dtype: 'float32' | 'int64';
  readonly dims: number[];
  /** Left out where the formula gives them. */
  readonly values?: number[];
}

export const CASES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length));

export function readCase(name: string): Case {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));
}

/** The case's inputs for ONNX Runtime. */
export function feedsOf({ inputs }: Case): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, dims, values }]) => {
      const numbers = values ?? formula(`input:${name}`, dims);
      const data = dtype === 'int64' ? BigInt64Array.from(numbers, BigInt) : Float32Array.from(numbers);
      return [name, new Tensor(dtype, data as Float32Array, dims)];
    }),
  );
}

/** The largest difference over the largest number, of the worst output. */
export function relativeError({ outputs }: Case, computed: Record<string, Tensor>): number {
  return Math.max(
    ...Object.entries(outputs).map(([name, { dims, float32 }]) => {
      const expected = fromBytes('float32', new Uint8Array(Buffer.from(float32, 'base64')));
      const actual = computed[name]?.data as Float32Array | undefined;
      if (actual?.length !== elementCount(dims) || String(computed[name]!.dims) !== String(dims)) {
        throw new Error(`${name}: [${computed[name]?.dims}] instead of [${dims}]`);
      }
      return largest(expected.map((value, i) => value - actual[i]!)) / largest(expected);
    }),
  );
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Runs an ONNX file, given by its path or its bytes, once. */
export async function runOnce(
  model: string | Uint8Array,
  feeds: Record<string, Tensor>,
): Promise<Record<string, Tensor>> {
  const options = { intraOpNumThreads: 1, logSeverityLevel: 3 } as const;
  const session = await InferenceSession.create(model as string, options);
  const results = await session.run(feeds);
  await session.release();
  return results as Record<string, Tensor>;
}
