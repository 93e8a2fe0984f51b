import {
  type DecisionRecord,
  type LayerMeasurement,
  type LayerScales,
  layerScales,
  PLAN,
  parseDecisionRecord,
} from '@cachequant/optimizer';
import type { Bundle } from '@cachequant/pipeline';
import { parseJson, type Runtime, readText, type Storage } from '@cachequant/tensor';

/** What `inspect --layers` says of a layer of a bundle. */
export interface BundleLayer {
  readonly id: string;
  readonly kind: string;
  readonly multiplyAdds: number;
  readonly compute: string;
  readonly storage: string;
  /** Empty where there is nothing to say. */
  readonly reason: string;
  /** Of what the layer computes with; weights that are stored as integers for a float layer are 8. */
  readonly bits: { readonly weights: number; readonly activations: number };
  /** Activation scales, one for each network call. */
  readonly scales: {
    readonly input: LayerScales['input'];
    readonly output: NonNullable<LayerScales['output']> | null;
  } | null;
  /** Signal to noise in decibels: of the layer by itself, and of the network with only this layer in integers. */
  readonly sqnr: number | null;
  readonly networkDb: number | null;
  /** In one full call on the machine that made the bundle. */
  readonly floatMs: number | null;
  readonly integerMs: number | null;
}

/** Puts together what a bundle's manifest, plan and graphs say of each layer. */
export async function bundleLayers(
  { storage, manifest }: Bundle,
  runtime: Runtime,
): Promise<readonly BundleLayer[]> {
  const plan = await readPlan(storage);
  const measured = new Map(plan?.layers.map((layer) => [layer.id, layer.measured]));
  const scales = await layerScales(storage, runtime, manifest);
  return manifest.layers.map(({ id, kind, macs, compute, storage: stored, reason }) => {
    const integer = compute === 'integer' && manifest.bits.target !== 'float';
    const of = scales.get(id);
    return {
      id,
      kind,
      multiplyAdds: macs,
      compute: integer ? 'integer' : 'float',
      storage: stored,
      reason,
      bits: {
        weights: integer ? manifest.bits.weights : stored === 'int8' ? 8 : 32,
        activations: integer ? manifest.bits.activations : 32,
      },
      scales: of ? { input: of.input, output: of.output ?? null } : null,
      ...numbersOf(measured.get(id)),
    };
  });
}

function numbersOf(measured: LayerMeasurement | undefined) {
  return {
    sqnr: measured?.sqnr ?? null,
    networkDb: measured?.networkDb ?? null,
    floatMs: measured?.floatMs ?? null,
    integerMs: measured?.integerMs ?? null,
  };
}

/** Bundles of earlier versions have a plan without numbers, or none. */
async function readPlan(storage: Storage): Promise<DecisionRecord | undefined> {
  if (!(await storage.stat(PLAN))) return undefined;
  const text = await readText(storage, PLAN);
  if (
    (parseJson(text, storage.locate?.(PLAN) ?? PLAN) as { formatVersion?: unknown } | null)?.formatVersion ===
    undefined
  )
    return undefined;
  return parseDecisionRecord(text, storage.locate?.(PLAN) ?? PLAN);
}
