import { type DeviceTensor, type Feeds, fromBytes, isDeviceTensor, type Tensor, toBytes } from '../index.js';
import { buffersOf, type SessionWorker, type WireTensor } from './protocol.js';
import { foreignTensor, WorkerTensor } from './worker-tensor.js';

export interface PackedFeeds {
  readonly feeds: Record<string, WireTensor>;
  readonly moved: ArrayBuffer[];
}

/** Makes feeds ready for the worker: copies, or the caller's own memory for those listed in `transfer`. */
export function packFeeds(feeds: Feeds, transfer: readonly string[], worker: SessionWorker): PackedFeeds {
  const packed: Record<string, WireTensor> = {};
  for (const [name, feed] of Object.entries(feeds)) {
    const { dtype } = feed;
    const dims = [...feed.dims];
    if (isDeviceTensor(feed)) {
      packed[name] = { dtype, dims, held: heldNumber(feed, worker, `run, feed "${name}"`) };
      continue;
    }
    const data = transfer.includes(name) && isMovable(feed, feeds) ? feed.data : copy(feed);
    packed[name] = { dtype, dims, data };
  }
  return { feeds: packed, moved: buffersOf(packed) };
}

/** The same elements in memory of their own, never shared between threads. */
function copy({ dtype, data }: Tensor): Tensor['data'] {
  return fromBytes(dtype, new Uint8Array(toBytes(data)));
}

/** Memory that something else also looks at is never taken away. */
function isMovable({ data }: Tensor, feeds: Feeds): boolean {
  const users = Object.values(feeds).filter(
    (feed) => !isDeviceTensor(feed) && feed.data.buffer === data.buffer,
  );
  return (
    data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength && users.length === 1
  );
}

function heldNumber(feed: DeviceTensor, worker: SessionWorker, where: string): number {
  if (!(feed instanceof WorkerTensor)) throw foreignTensor(where);
  return feed.heldBy(worker, where);
}
