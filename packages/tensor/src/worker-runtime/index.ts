export { externalLocations } from './external-locations.js';
export { describeGraph, type GraphDescription } from './graph-description.js';
export { PROBE_MODEL, probeInt8FullRange } from './int8-probe.js';
export { packFeeds } from './pack-feeds.js';
export {
  buffersOf,
  type CallOptions,
  type HeldTensor,
  type KernelEvent,
  type SessionCalls,
  type SessionDescription,
  type SessionWorker,
  type ValueDescription,
  type WireTensor,
  type Wrap,
} from './protocol.js';
export { type Hint, runtimeError } from './runtime-error.js';
export { openSession } from './worker-session.js';
export { WorkerTensor } from './worker-tensor.js';
