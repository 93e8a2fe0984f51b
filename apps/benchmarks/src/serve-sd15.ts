import { readManifest } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { loadOurs, sampleOnce } from './contestants.js';
import { call } from './measure.js';
import { ownBytes } from './memory-watch.js';

// A process that holds a bundle's denoiser and makes a few calls: <bundle>. Prints its memory, and what starting took.
const storage = nodeStorage(process.argv[2]!);
const manifest = await readManifest(storage);
const runtime = await createNodeRuntime();
const denoiser = await loadOurs(runtime, storage, manifest, { refreshCalls: [0, 4] });
// Since the process began.
const loadedMs = performance.now();
await denoiser.predict(call(manifest, 0));
const firstCallMs = performance.now();
await sampleOnce(denoiser, manifest, { sampler: 'dpmsolver++', steps: 6 });
console.log(JSON.stringify({ residentBytes: ownBytes(process.pid), loadedMs, firstCallMs }));
await denoiser.dispose();
await runtime.dispose();
