import { readManifest } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { loadOurs, sampleOnce } from './contestants.js';
import { ownBytes } from './memory-watch.js';

// A process that holds a bundle's denoiser and has made a few calls: <bundle>. Prints its memory.
const storage = nodeStorage(process.argv[2]!);
const manifest = await readManifest(storage);
const runtime = await createNodeRuntime();
const denoiser = await loadOurs(runtime, storage, manifest, { refreshCalls: [0, 4] });
await sampleOnce(denoiser, manifest, { sampler: 'dpmsolver++', steps: 6 });
console.log(`resident ${ownBytes(process.pid)}`);
await denoiser.dispose();
await runtime.dispose();
