import { type DeviceTensor, type Feeds, isDeviceTensor, type Tensor } from '@cachequant/tensor';
import { foreignTensor, NodeDeviceTensor } from './held-tensor.js';
import { copy } from './host-tensor.js';
import type { WireTensor } from './protocol.js';
import type { WorkerClient } from './worker-client.js';

export interface PackedFeeds {
  readonly feeds: Record<string, WireTensor>;
  readonly moved: ArrayBuffer[];
}

/** Makes feeds ready for the worker: copies, or the caller's own memory for those listed in `transfer`. */
export function packFeeds(feeds: Feeds, transfer: readonly string[], client: WorkerClient): PackedFeeds {
  const packed: Record<string, WireTensor> = {};
  const moved = new Set<ArrayBuffer>();
  for (const [name, feed] of Object.entries(feeds)) {
    const { dtype, dims } = feed;
    if (isDeviceTensor(feed)) {
      packed[name] = { dtype, dims: [...dims], held: heldNumber(feed, client, `run, feed "${name}"`) };
      continue;
    }
    const buffer =
      transfer.includes(name) && isMovable(feed, feeds) ? (feed.data.buffer as ArrayBuffer) : copy(feed.data);
    packed[name] = { dtype, dims: [...dims], buffer };
    moved.add(buffer);
  }
  return { feeds: packed, moved: [...moved] };
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

function heldNumber(feed: DeviceTensor, client: WorkerClient, where: string): number {
  if (!(feed instanceof NodeDeviceTensor)) throw foreignTensor(where);
  return feed.heldBy(client, where);
}
