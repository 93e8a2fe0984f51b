import {
  allocate,
  byteLengthOf,
  CacheQuantError,
  type DeviceTensor,
  elementCount,
  type Feeds,
  isDeviceTensor,
  type Tensor,
  type TensorInfo,
} from '../index.js';

/**
 * Compares feeds with what the model declares, so that mistakes are named before anything runs.
 *
 * @throws CacheQuantError `invalid-argument`
 */
export function checkFeeds(inputs: readonly TensorInfo[], feeds: Feeds): void {
  const names = inputs.map((input) => input.name);
  refuseUnknown('feed', Object.keys(feeds), names);
  for (const input of inputs) {
    const feed = feeds[input.name];
    if (feed === undefined) {
      throw refuse(`feed "${input.name}" is missing`, print(input), `feeds ${list(Object.keys(feeds))}`);
    }
    checkFeed(input, feed);
  }
}

/** @throws CacheQuantError `invalid-argument` when a name is not among the known ones */
export function refuseUnknown(what: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw refuse(`unknown ${what} ${list(unknown)}`, list(known), list(names));
}

function checkFeed(input: TensorInfo, feed: Tensor | DeviceTensor): void {
  const where = `feed "${input.name}"`;
  if (feed.dtype !== input.dtype) {
    throw refuse(`${where} has the wrong element type`, print(input), print(feed));
  }
  const fits =
    feed.dims.length === input.dims.length &&
    input.dims.every((dim, axis) => typeof dim !== 'number' || dim === feed.dims[axis]);
  if (!fits) throw refuse(`${where} has the wrong shape`, print(input), print(feed));
  if (!isDeviceTensor(feed)) checkData(where, feed);
}

function checkData(where: string, { dtype, dims, data }: Tensor): void {
  const sample = allocate(dtype, 0);
  const bytes = byteLengthOf(dtype, elementCount(dims));
  if (!(data instanceof sample.constructor)) {
    throw refuse(
      `${where} has the wrong array`,
      sample.constructor.name,
      data?.constructor.name ?? 'nothing',
    );
  }
  if (data.byteLength === bytes) return;
  const emptied = data.byteLength === 0;
  throw refuse(
    `${where} has the wrong length`,
    `${bytes} bytes for ${dtype}[${dims}]`,
    `${data.byteLength} bytes`,
    emptied ? 'An array named in `transfer` of an earlier run is empty; make a new one' : undefined,
  );
}

function refuse(summary: string, expected: string, got: string, hint?: string): CacheQuantError {
  const details = hint === undefined ? { expected, got } : { expected, got, hint };
  return new CacheQuantError('invalid-argument', summary, { where: 'run', ...details });
}

function print({ dtype, dims }: { dtype: string; dims: readonly (number | string | null)[] }): string {
  return `${dtype}[${dims.map((dim) => dim ?? '?').join(',')}]`;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', ');
}
