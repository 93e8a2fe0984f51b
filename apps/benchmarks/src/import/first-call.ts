import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { loadFloat } from '../contestants.js';
import { ownBytes } from '../memory-watch.js';
import { unetCall } from './unet-call.js';

// A process of its own: <folder with unet/model.onnx> <latent size>. Prints the seconds to the session and of its first
// call, and the memory that it keeps.
const [folder, size] = process.argv.slice(2) as [string, string];
const runtime = await createNodeRuntime();
const started = performance.now();
const denoiser = await loadFloat(runtime, nodeStorage(folder), 'unet/model.onnx');
const loaded = performance.now();
await denoiser.predict(unetCall(Number(size)));
const called = performance.now();
const [loadSeconds, callSeconds] = [(loaded - started) / 1000, (called - loaded) / 1000];
console.log(JSON.stringify({ loadSeconds, callSeconds, keptBytes: ownBytes(process.pid) }));
await denoiser.dispose();
await runtime.dispose();
