import {
  type ByteSource,
  bytesSource,
  type DType,
  fromBfloat16,
  fromBytes,
  fromFloat16,
  toBytes,
} from '@cachequant/tensor';
import { elementTypeOf } from '../element-types.js';
import type { OnnxModel, OnnxNode, Weight } from '../model.js';
import { getInt } from '../node.js';
import { cloneModel } from './clone-model.js';
import { removeDeadNodes } from './dead-nodes.js';
import { freshName } from './fresh-name.js';

const FLOAT32 = elementTypeOf('float32');

/**
 * Replaces every Cast of a 16-bit weight to float32, or of rows that are looked up in one, by a float32 weight, which is
 * converted a piece at a time when it is read. Graphs over 16-bit checkpoints then look as if their weights were
 * float32. The given model is not changed.
 */
export function widenWeights(model: OnnxModel): OnnxModel {
  const widened = cloneModel(model);
  const { graph } = widened;
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  castTablesFirst(widened);
  graph.nodes = graph.nodes.filter((node) => {
    const weight = castWeight(widened, node);
    if (weight === undefined || outputs.has(node.outputs[0]!)) return true;
    graph.initializers.set(weight.name, weight);
    return false;
  });
  removeDeadNodes(graph);
  return widened;
}

/** Casts tables before rows are looked up in them: the same values. */
function castTablesFirst(model: OnnxModel): void {
  const { graph } = model;
  const lookUps = new Map(
    graph.nodes.filter(({ opType }) => opType === 'Gather').map((node) => [node.outputs[0]!, node]),
  );
  graph.nodes = graph.nodes.flatMap((node) => {
    const lookUp = node.opType === 'Cast' ? lookUps.get(node.inputs[0]!) : undefined;
    if (lookUp === undefined) return [node];
    const [table, rows] = lookUp.inputs as [string, string];
    const widened = freshName(graph, `${table}_float32`);
    const cast = { ...node, inputs: [table], outputs: [widened] };
    if (castWeight(model, cast) === undefined) return [node];
    return [cast, { ...lookUp, inputs: [widened, rows], outputs: [...node.outputs] }];
  });
}

/** The float32 weight that a node makes of a 16-bit one. */
function castWeight({ graph }: OnnxModel, node: OnnxNode): Weight | undefined {
  if (node.opType !== 'Cast' || node.domain !== '' || getInt(node, 'to', 0) !== FLOAT32) return undefined;
  const weight = graph.initializers.get(node.inputs[0]!);
  const convert = weight?.dtype ? CONVERTERS[weight.dtype] : undefined;
  const range = weight && rangeOf(weight);
  if (!convert || !range) return undefined;
  const source = new WidenedBytes(range, convert);
  return {
    name: node.outputs[0]!,
    dtype: 'float32',
    elementType: FLOAT32,
    dims: [...weight.dims],
    data: { kind: 'range', source, offset: 0, length: source.size },
  };
}

type Convert = (bytes: Uint8Array) => Float32Array;

const CONVERTERS: Partial<Record<DType, Convert>> = {
  float16: (bytes) => fromFloat16(fromBytes('float16', bytes)),
  bfloat16: (bytes) => fromBfloat16(fromBytes('bfloat16', bytes)),
};

interface Range {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

function rangeOf({ name, data }: Weight): Range | undefined {
  if (data.kind === 'external') return undefined;
  if (data.kind === 'range') return data;
  return { source: bytesSource(name, data.bytes), offset: 0, length: data.bytes.byteLength };
}

/** The bytes of float32 numbers whose 16-bit forms lie in a range. */
class WidenedBytes implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #range: Range;
  readonly #convert: Convert;

  constructor(range: Range, convert: Convert) {
    this.name = range.source.name;
    this.size = range.length * 2;
    this.#range = range;
    this.#convert = convert;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const first = Math.floor(offset / 4);
    const end = Math.ceil(Math.min(offset + length, this.size) / 4);
    const { source, offset: start } = this.#range;
    const bits = await source.read(start + first * 2, (end - first) * 2);
    const bytes = toBytes(this.#convert(bits));
    return bytes.subarray(offset - first * 4, offset - first * 4 + length);
  }
}
