import { type DType, toBfloat16, toBytes, toFloat16 } from '@cachequant/tensor';
import { cloneModel } from '../edit/clone-model.js';
import { elementTypeOf } from '../element-types.js';
import type { OnnxModel, OnnxNode, ValueInfo, Weight } from '../model.js';
import { makeNode } from '../node.js';
import { readWeight } from '../read/read-weight.js';

const FLOAT32 = elementTypeOf('float32');

/** What a graph may take as float32 whatever its image is: the sizes of Resize. */
const SIZES: ReadonlyMap<string, number> = new Map([['Resize', 1]]);

/**
 * The graph as exporters write it in 16 bits: weights, constants, casts, and all that lies between.
 * @param io whether inputs and outputs are in 16 bits too, or cast right after and right before
 */
export async function halfModel(
  model: OnnxModel,
  io: 'float16' | 'float32',
  dtype: 'float16' | 'bfloat16' = 'float16',
): Promise<OnnxModel> {
  const half = cloneModel(model);
  const { graph } = half;
  const elementType = elementTypeOf(dtype);
  const kept = new Set(
    graph.nodes.flatMap(({ opType, inputs }) => inputs.slice(SIZES.get(opType) ?? inputs.length)),
  );
  for (const [name, weight] of graph.initializers) {
    if (!kept.has(name)) graph.initializers.set(name, await narrowed(weight, dtype, elementType));
  }
  for (const node of graph.nodes) {
    const to = node.attributes.get('to');
    if (node.opType === 'Cast' && to?.type === 'int' && Number(to.value) === FLOAT32)
      to.value = BigInt(elementType);
    const value = node.attributes.get('value');
    if (value?.type === 'tensor' && !kept.has(node.outputs[0]!))
      value.value = await narrowed(value.value, dtype, elementType);
  }
  for (const info of graph.valueInfo.values()) narrowInfo(info, dtype, elementType);
  if (io === 'float16') {
    for (const info of [...graph.inputs, ...graph.outputs]) narrowInfo(info, dtype, elementType);
    return half;
  }
  const isFloat = ({ dtype: given }: ValueInfo) => given === 'float32';
  const rename = (from: string, to: string) => {
    for (const node of graph.nodes) {
      node.inputs = node.inputs.map((name) => (name === from ? to : name));
      node.outputs = node.outputs.map((name) => (name === from ? to : name));
    }
  };
  const casts: OnnxNode[] = [];
  for (const { name } of graph.inputs.filter(isFloat)) {
    rename(name, `${name}/half`);
    casts.push(makeNode('Cast', [name], [`${name}/half`], { to: elementType }));
  }
  for (const { name } of graph.outputs.filter(isFloat)) {
    rename(name, `${name}/half`);
    casts.push(makeNode('Cast', [`${name}/half`], [name], { to: FLOAT32 }));
  }
  graph.nodes.push(...casts);
  return half;
}

async function narrowed(weight: Weight, dtype: DType, elementType: number): Promise<Weight> {
  if (weight.dtype !== 'float32') return weight;
  const { data } = await readWeight(weight);
  const narrow = dtype === 'float16' ? toFloat16 : toBfloat16;
  const bytes = toBytes(narrow(Float32Array.from(data as Float32Array)));
  return { ...weight, dtype, elementType, data: { kind: 'bytes', bytes } };
}

function narrowInfo(info: ValueInfo, dtype: DType, elementType: number): void {
  if (info.dtype === 'float32') Object.assign(info, { dtype, elementType });
}

/** The model in float32, with the numbers that its weights have in 16 bits. */
export async function roundedModel(model: OnnxModel, round: (values: Float32Array) => Float32Array) {
  const rounded = cloneModel(model);
  const change = async (weight: Weight): Promise<Weight> => {
    if (weight.dtype !== 'float32') return weight;
    const { data } = await readWeight(weight);
    return {
      ...weight,
      data: { kind: 'bytes', bytes: toBytes(round(Float32Array.from(data as Float32Array))) },
    };
  };
  for (const [name, weight] of rounded.graph.initializers)
    rounded.graph.initializers.set(name, await change(weight));
  for (const { attributes } of rounded.graph.nodes) {
    const value = attributes.get('value');
    if (value?.type === 'tensor') value.value = await change(value.value);
  }
  return rounded;
}
