import { parentPort, workerData } from 'node:worker_threads';
import { buffersOf } from '@cachequant/tensor/worker-runtime';
import { Gate } from './gate.js';
import { type Call, CallState, type Calls, type Envelope, type Reply } from './protocol.js';
import { createSessionHost, type SessionHost } from './session-host.js';

const port = parentPort;
if (port === null) throw new Error('@cachequant/runtime-node/worker runs only as a worker thread');

const gate = new Gate((workerData as { gate: Int32Array<SharedArrayBuffer> }).gate);
let host: SessionHost | undefined;
let previous = Promise.resolve();

port.on('message', (message: Envelope | 'close') => {
  previous = previous.then(() => (message === 'close' ? close() : answer(message)));
});

async function answer(envelope: Envelope): Promise<void> {
  const { id, state } = envelope;
  if (
    state &&
    Atomics.compareExchange(state, 0, CallState.waiting, CallState.started) !== CallState.waiting
  ) {
    return;
  }
  if (!gate.enter()) return;
  try {
    const { value, moved } = await perform(envelope);
    port!.postMessage({ id, value } satisfies Reply, moved);
  } catch (error) {
    port!.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies Reply);
  } finally {
    gate.leave();
  }
}

async function close(): Promise<void> {
  await host?.close();
  port!.close();
}

interface Answer {
  readonly value: Calls[keyof Calls]['response'];
  readonly moved: ArrayBuffer[];
}

async function perform(call: Call): Promise<Answer> {
  if (call.kind === 'start') {
    host = await createSessionHost(call.request.threads);
    return { value: { version: host.version }, moved: [] };
  }
  if (host === undefined) throw new Error('the worker was not started');
  switch (call.kind) {
    case 'load':
      return { value: await host.load(call.request), moved: [] };
    case 'run': {
      const value = await host.run(call.request);
      return { value, moved: buffersOf(value) };
    }
    case 'endProfiling':
      return { value: host.endProfiling(call.request.session), moved: [] };
    case 'release':
      return { value: await host.release(call.request.session), moved: [] };
    case 'readHeld': {
      const value = host.readHeld(call.request.held);
      return { value, moved: buffersOf({ value }) };
    }
    case 'dropHeld':
      return { value: host.dropHeld(call.request.held), moved: [] };
  }
}
