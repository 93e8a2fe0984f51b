import { CacheQuantError } from '@cachequant/tensor';
import type { AttributeValue, OnnxGraph, OnnxNode, Weight } from './model.js';

/** What `makeNode` takes for an attribute: plain numbers are integers; see `float` and `floats` for the others. */
export type AttributeInput =
  | number
  | bigint
  | string
  | readonly number[]
  | readonly bigint[]
  | readonly string[]
  | Weight
  | OnnxGraph
  | AttributeValue;

/** Name and domain of a new node; both are empty unless given. */
export interface NodeOptions {
  readonly name?: string;
  readonly domain?: string;
}

/**
 * Makes a node.
 * @param inputs '' stands for an optional input that is left out
 * @param attributes undefined ones are left out
 * @throws CacheQuantError `invalid-argument` for a plain number that is not whole
 */
export function makeNode(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeInput | undefined>> = {},
  { name = '', domain = '' }: NodeOptions = {},
): OnnxNode {
  const values = new Map<string, AttributeValue>();
  for (const [key, input] of Object.entries(attributes)) {
    if (input !== undefined) values.set(key, toAttribute(input, `${opType}.${key}`));
  }
  return { name, opType, domain, inputs: [...inputs], outputs: [...outputs], attributes: values };
}

/** An attribute of type float, which a plain number would not give. */
export function float(value: number): AttributeValue {
  return { type: 'float', value };
}

/** An attribute of type floats. */
export function floats(value: readonly number[]): AttributeValue {
  return { type: 'floats', value: [...value] };
}

function toAttribute(input: AttributeInput, where: string): AttributeValue {
  if (typeof input === 'string') return { type: 'string', value: input };
  if (typeof input === 'number' || typeof input === 'bigint')
    return { type: 'int', value: toInt(input, where) };
  if (isList(input)) return toList(input, where);
  if ('type' in input) return input;
  return 'nodes' in input ? { type: 'graph', value: input } : { type: 'tensor', value: input };
}

function isList(input: AttributeInput): input is readonly number[] | readonly bigint[] | readonly string[] {
  return Array.isArray(input);
}

function toList(list: readonly (number | bigint | string)[], where: string): AttributeValue {
  if (list.length > 0 && list.every((entry) => typeof entry === 'string')) {
    return { type: 'strings', value: [...list] };
  }
  return { type: 'ints', value: list.map((entry) => toInt(entry, where)) };
}

function toInt(value: number | bigint | string, where: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw new CacheQuantError('invalid-argument', 'this attribute is not a whole number', {
    where,
    got: String(value),
    hint: 'Wrap it in float() or floats()',
  });
}

interface Simple {
  int: bigint;
  ints: bigint[];
  float: number;
  string: string;
}

/** @throws CacheQuantError `onnx-format` when the attribute is there and of another type */
function getValue<T extends keyof Simple>(node: OnnxNode, name: string, type: T): Simple[T] | undefined {
  const attribute = node.attributes.get(name);
  if (attribute === undefined) return undefined;
  if (attribute.type === type) return attribute.value as Simple[T];
  throw new CacheQuantError('onnx-format', 'an attribute is of the wrong type', {
    where: `node '${node.name}' (${node.opType}), attribute '${name}'`,
    expected: type,
    got: attribute.type,
  });
}

/** An int attribute as a number; `otherwise` when it is absent. */
export function getInt<D extends number | undefined>(node: OnnxNode, name: string, otherwise: D): number | D {
  const value = getValue(node, name, 'int');
  return value === undefined ? otherwise : Number(value);
}

/** An ints attribute as numbers; `otherwise` when it is absent. */
export function getInts<D extends number[] | undefined>(
  node: OnnxNode,
  name: string,
  otherwise: D,
): number[] | D {
  return getValue(node, name, 'ints')?.map(Number) ?? otherwise;
}

/** The value of a float attribute, or `otherwise` where the node has none. */
export function getFloat<D extends number | undefined>(
  node: OnnxNode,
  name: string,
  otherwise: D,
): number | D {
  return getValue(node, name, 'float') ?? otherwise;
}

/** The value of a string attribute, or `otherwise` where the node has none. */
export function getString<D extends string | undefined>(
  node: OnnxNode,
  name: string,
  otherwise: D,
): string | D {
  return getValue(node, name, 'string') ?? otherwise;
}

/** How messages name a node; many exporters leave the name empty. */
export function describeNode(node: OnnxNode): string {
  const name =
    node.name === ''
      ? `that makes '${node.outputs.find((output) => output !== '') ?? ''}'`
      : `'${node.name}'`;
  return `node ${name} (${node.opType})`;
}
