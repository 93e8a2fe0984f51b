import type { Limits } from '../limits.js';
import { type ByteRange, WIRE } from './reader.js';

/**
 * How a field is read: `int` is a varint as a bigint; `bytes` is a view; `data` is bytes that may have been left
 * in the file; `packed` collects the encoded elements of a numeric list without decoding them.
 */
export type Kind = 'int' | 'float' | 'string' | 'bytes' | 'data' | 'packed' | 'message';

/** The wire type of each kind; repeated numbers may also come packed. */
export const WIRE_OF: Readonly<Record<Kind, number>> = {
  int: WIRE.varint,
  float: WIRE.fixed32,
  string: WIRE.bytes,
  bytes: WIRE.bytes,
  data: WIRE.bytes,
  packed: WIRE.bytes,
  message: WIRE.bytes,
};

/** A field of type V: an array when it is repeated. */
export interface Field<V> {
  readonly number: number;
  readonly kind: Kind;
  readonly repeated: boolean;
  /** What a repeated field's entries are counted as. */
  readonly limit: keyof Limits;
  readonly schema?: () => Schema<unknown>;
  /** Never set; ties the type to the field. */
  readonly type?: V;
}

/** Fields that are not listed are kept as bytes, in `unknown`. */
export interface Schema<T> {
  readonly message: string;
  readonly fields: readonly NamedField[];
  readonly byNumber: ReadonlyMap<number, NamedField>;
  /** Never set; ties the type to the schema. */
  readonly type?: T;
}

export interface NamedField extends Field<unknown> {
  readonly name: string;
}

/** What a message may carry besides its listed fields. */
export interface Unknown {
  unknown?: Uint8Array;
}

export function schema<T extends Unknown>(
  message: string,
  fields: { [K in Exclude<keyof T, 'unknown'>]-?: Field<T[K]> },
): Schema<T> {
  const named = Object.entries<Field<unknown>>(fields).map(([name, field]) => ({ ...field, name }));
  return { message, fields: named, byNumber: new Map(named.map((field) => [field.number, field])) };
}

const single = <V>(number: number, kind: Kind): Field<V | undefined> => ({
  number,
  kind,
  repeated: false,
  limit: 'items',
});
const many = <V>(number: number, kind: Kind, limit: keyof Limits = 'items'): Field<V[]> => ({
  number,
  kind,
  repeated: true,
  limit,
});

export const int = (number: number) => single<bigint>(number, 'int');
export const ints = (number: number) => many<bigint>(number, 'int');
export const float = (number: number) => single<number>(number, 'float');
export const floats = (number: number) => many<number>(number, 'float');
export const string = (number: number) => single<string>(number, 'string');
export const strings = (number: number) => many<string>(number, 'string');
export const bytes = (number: number) => single<Uint8Array>(number, 'bytes');
export const bytesList = (number: number) => many<Uint8Array>(number, 'bytes');
export const data = (number: number) => single<Uint8Array | ByteRange>(number, 'data');
export const packed = (number: number) => many<Uint8Array>(number, 'packed');

export function message<M>(number: number, of: () => Schema<M>): Field<M | undefined> {
  return { ...single<M>(number, 'message'), schema: of };
}

export function messages<M>(number: number, of: () => Schema<M>, limit?: keyof Limits): Field<M[]> {
  return { ...many<M>(number, 'message', limit), schema: of };
}
