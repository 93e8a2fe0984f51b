import { openSource } from '@cachequant/onnx';
import type { PackedWeight } from '@cachequant/quantizer';
import type { Storage } from '@cachequant/tensor';

/** Weights of a denoiser as the integer graphs use them, in one file on disk. */
export interface PackedWeights {
  readonly compute: ReadonlyMap<string, PackedWeight>;
  readonly store: ReadonlyMap<string, PackedWeight>;
}

/** What `packWeights` saves: by layer id. */
export interface PackedRecord {
  readonly purpose: 'compute' | 'storage';
  readonly packed: PackedWeight;
}

/** A weight of a file in the work folder as one that can be read from there, a piece at a time. */
export async function weightIn(work: Storage, path: string, packed: PackedWeight): Promise<PackedWeight> {
  const { integers } = packed;
  if (integers.data.kind !== 'external') return packed;
  const { offset, length } = integers.data;
  const source = await openSource(work, path);
  return { ...packed, integers: { ...integers, data: { kind: 'range', source, offset, length } } };
}

/** Takes saved records apart by what they are for. */
export function sortPacked(records: Readonly<Record<string, PackedRecord>>): PackedWeights {
  const of = (purpose: PackedRecord['purpose']) =>
    new Map(
      Object.entries(records)
        .filter(([, record]) => record.purpose === purpose)
        .map(([id, record]) => [id, record.packed]),
    );
  return { compute: of('compute'), store: of('storage') };
}
