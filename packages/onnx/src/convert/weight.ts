import { elementCount } from '@cachequant/tensor';
import { byteLengthOfElements, dtypeOf, elementTypeOf, STRING_TYPE } from '../element-types.js';
import type { Weight, WeightData } from '../model.js';
import type { StringStringEntryProto, TensorProto } from '../proto/messages.js';
import { type Context, refuse, toNumber } from './context.js';
import { typedDataToBytes } from './tensor-data.js';

const EXTERNAL = 1n;
const LOCATION_KEYS = { location: 'location', offset: 'offset', length: 'length' } as const;

/** @param owner what the tensor belongs to, for messages */
export function weightFromProto(proto: TensorProto, context: Context, owner: string): Weight {
  const name = proto.name ?? '';
  const what = `${owner} '${name}'`;
  const elementType = toNumber(context, what, proto.dataType);
  const dims = readDims(proto, context, what);
  const needed = byteLengthOfElements(elementType, elementCount(dims));
  const data =
    proto.dataLocation === EXTERNAL
      ? externalData(proto.externalData, needed, context, what)
      : embeddedData(proto, elementType, needed, context, what);
  const length = data.kind === 'bytes' ? data.bytes.byteLength : data.length;
  if (needed !== undefined && length !== needed) {
    refuse(context, what, 'shape and data disagree', {
      expected: `${needed} bytes for [${dims}] of ${dtypeOf(elementType) ?? `type ${elementType}`}`,
      got: `${length}`,
    });
  }
  const weight: Weight = { name, dtype: dtypeOf(elementType), elementType, dims, data };
  return proto.unknown === undefined ? weight : { ...weight, unknown: proto.unknown };
}

function readDims(proto: TensorProto, context: Context, what: string): number[] {
  if (proto.dims.length > context.limits.rank) {
    refuse(context, what, "the model goes past the limit 'rank'", {
      expected: `at most ${context.limits.rank} dimensions`,
      got: `${proto.dims.length}`,
    });
  }
  const dims = proto.dims.map((dim) => toNumber(context, what, dim));
  if (dims.some((dim) => dim < 0) || !Number.isSafeInteger(elementCount(dims) * 16)) {
    refuse(context, what, 'these are no dimensions of a tensor', { got: `[${dims}]` });
  }
  return dims;
}

function embeddedData(
  proto: TensorProto,
  elementType: number,
  needed: number | undefined,
  context: Context,
  what: string,
): WeightData {
  const raw = proto.rawData;
  if (raw instanceof Uint8Array) return { kind: 'bytes', bytes: raw };
  if (raw !== undefined) return { kind: 'range', ...raw };
  if (elementType === STRING_TYPE || needed === undefined) return { kind: 'bytes', bytes: new Uint8Array(0) };
  return { kind: 'bytes', bytes: typedDataToBytes(proto, elementType, needed, context, what) };
}

function externalData(
  entries: readonly StringStringEntryProto[],
  needed: number | undefined,
  context: Context,
  what: string,
): WeightData {
  const fields = new Map(entries.map(({ key, value }) => [key ?? '', value ?? '']));
  const location = fields.get(LOCATION_KEYS.location);
  if (location === undefined || location === '') refuse(context, what, 'external data without a location');
  const offset = readSize(fields.get(LOCATION_KEYS.offset) ?? '0', context, what);
  const length = fields.get(LOCATION_KEYS.length);
  if (length !== undefined)
    return { kind: 'external', location: location!, offset, length: readSize(length, context, what) };
  if (needed === undefined) refuse(context, what, 'external data without a length');
  return { kind: 'external', location: location!, offset, length: needed! };
}

function readSize(text: string, context: Context, what: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    refuse(context, what, 'external data at no valid place', { got: `'${text}'` });
  return value;
}

/** @param data in place of the weight's own, when it has been written elsewhere */
export function weightToProto(weight: Weight, data: WeightData = weight.data): TensorProto {
  return {
    dims: weight.dims.map(BigInt),
    dataType: BigInt(weight.dtype === null ? weight.elementType : elementTypeOf(weight.dtype)),
    ...(weight.name === '' ? {} : { name: weight.name }),
    floatData: [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    externalData: data.kind === 'external' ? locationEntries(data) : [],
    ...dataFields(weight, data),
    ...(weight.unknown === undefined ? {} : { unknown: weight.unknown }),
  };
}

function dataFields(weight: Weight, data: WeightData): Pick<TensorProto, 'rawData' | 'dataLocation'> {
  if (data.kind === 'external') return { dataLocation: EXTERNAL };
  if (data.kind === 'range') return { rawData: data };
  return weight.elementType === STRING_TYPE ? {} : { rawData: data.bytes };
}

function locationEntries(data: Extract<WeightData, { kind: 'external' }>): StringStringEntryProto[] {
  return Object.values(LOCATION_KEYS).map((key) => ({ key, value: String(data[key]) }));
}
