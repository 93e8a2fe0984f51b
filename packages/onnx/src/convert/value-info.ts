import { dtypeOf, elementTypeOf } from '../element-types.js';
import type { Dim, ValueInfo } from '../model.js';
import { encode, joinPieces } from '../proto/encode.js';
import { type DimensionProto, type TypeProto, VALUE_INFO, type ValueInfoProto } from '../proto/messages.js';
import { type Context, refuse, toNumber } from './context.js';

export function valueInfoFromProto(proto: ValueInfoProto, context: Context): ValueInfo {
  const name = proto.name ?? '';
  const tensor = proto.type?.tensorType;
  const what = `value '${name}'`;
  const elementType = toNumber(context, what, tensor?.elemType);
  const shape = tensor?.shape;
  if (shape !== undefined && shape.dim.length > context.limits.rank) {
    refuse(context, what, "the model goes past the limit 'rank'", { got: `${shape.dim.length} dimensions` });
  }
  return {
    name,
    dtype: dtypeOf(elementType),
    elementType,
    dims: shape?.dim.map((dim) => dimFromProto(dim, context, what)),
    ...(isPlain(proto.type) ? {} : { raw: joinPieces(encode(VALUE_INFO, proto).finish(), what) }),
    ...(proto.unknown === undefined ? {} : { unknown: proto.unknown }),
  };
}

/** Whether the type is absent or a tensor's without anything that ValueInfo has no place for. */
function isPlain(type: TypeProto | undefined): boolean {
  if (type === undefined) return true;
  const tensor = type.tensorType;
  if (tensor === undefined || type.unknown !== undefined || tensor.unknown !== undefined) return false;
  return (
    tensor.shape?.unknown === undefined && (tensor.shape?.dim ?? []).every((dim) => dim.unknown === undefined)
  );
}

/** Exporters write -1 or nothing for a dimension that is not known. */
function dimFromProto(proto: DimensionProto, context: Context, what: string): Dim {
  if (proto.dimParam !== undefined && proto.dimParam !== '') return proto.dimParam;
  if (proto.dimValue === undefined || proto.dimValue < 0n) return null;
  return toNumber(context, what, proto.dimValue);
}

export function valueInfoToProto(info: ValueInfo): ValueInfoProto {
  if (info.raw !== undefined) return { unknown: info.raw };
  return {
    name: info.name,
    ...(hasType(info) ? { type: { tensorType: tensorType(info) } } : {}),
    ...(info.unknown === undefined ? {} : { unknown: info.unknown }),
  };
}

function hasType(info: ValueInfo): boolean {
  return info.dtype !== null || info.elementType !== 0 || info.dims !== undefined;
}

function tensorType({ dtype, elementType, dims }: ValueInfo) {
  return {
    elemType: BigInt(dtype === null ? elementType : elementTypeOf(dtype)),
    ...(dims === undefined ? {} : { shape: { dim: dims.map(dimToProto) } }),
  };
}

function dimToProto(dim: Dim): DimensionProto {
  if (dim === null) return {};
  return typeof dim === 'number' ? { dimValue: BigInt(dim) } : { dimParam: dim };
}
