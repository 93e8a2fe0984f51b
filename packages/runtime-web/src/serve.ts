import type { WireTensor } from '@cachequant/tensor/worker-runtime';
import type { Ort } from './ort-tensor.js';
import type { Backend, Call, Calls, Reply } from './protocol.js';
import { createSessionHost } from './session-host.js';

interface WorkerPort {
  readonly name: string;
  addEventListener(type: 'message', listener: (event: MessageEvent<Call>) => void): void;
  postMessage(message: Reply, moved: ArrayBuffer[]): void;
}

/**
 * Answers the page's calls, one after another. Nothing that this file imports may import a package by its name:
 * a page without a bundler starts it from its address, and import maps do not reach into workers.
 */
export function serve(ort: Ort, backend: Backend): void {
  const port = globalThis as unknown as WorkerPort;
  // A bundler puts ONNX Runtime into this file, and ONNX Runtime starts its threads from the file it is in.
  if (port.name.startsWith('em-pthread')) return;
  const host = createSessionHost(ort, backend);
  let previous = Promise.resolve();
  port.addEventListener('message', ({ data: call }) => {
    previous = previous.then(async () => {
      try {
        const value = await perform(call);
        port.postMessage({ value }, call.kind === 'run' ? buffersOf(value) : []);
      } catch (error) {
        port.postMessage({ error: error instanceof Error ? error.message : String(error) }, []);
      }
    });
  });

  async function perform(call: Call): Promise<Calls[keyof Calls]['response']> {
    switch (call.kind) {
      case 'start':
        return host.start(call.request);
      case 'load':
        return host.load(call.request);
      case 'run':
        return host.run(call.request);
      case 'release':
        return host.release(call.request.session);
      case 'readHeld':
        return host.readHeld(call.request.held);
      case 'dropHeld':
        return host.dropHeld(call.request.held);
      case 'place':
        return host.place(call.request.tensor);
      case 'endProfiling':
        throw new Error('onnxruntime-web gives no access to its profile');
    }
  }
}

/** Results are moved to the page, not copied. */
function buffersOf(results: Calls[keyof Calls]['response']): ArrayBuffer[] {
  const tensors = Object.values(results as Record<string, WireTensor>);
  const buffers = tensors.flatMap((tensor) => ('data' in tensor ? [tensor.data.buffer as ArrayBuffer] : []));
  return [...new Set(buffers)];
}
