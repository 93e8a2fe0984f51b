import { copyFile, link, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { externalLocations } from '@cachequant/onnx';
import { checkpointFolder } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { writeFile } from '@cachequant/tensor';

// A process of its own: <model> <out>. Writes the graphs of a diffusers folder as an exporter lays them out; their weights
// stay in the safetensors files, which are linked beside them.
const [model, out] = process.argv.slice(2) as [string, string];
const source = await checkpointFolder(nodeStorage(model));
if (source === undefined) throw new Error(`There are no safetensors in ${model}.`);
const target = nodeStorage(out);
for (const graph of await source.list()) {
  if (!graph.endsWith('/model.onnx')) continue;
  const folder = path.posix.dirname(graph);
  await writeFile(target, graph, await source.read(graph));
  for (const location of await externalLocations(source, graph)) {
    const there = source.locate!(`${folder}/${location}`)!;
    await placeLink(there, path.join(out, folder, location));
  }
  console.log(`built ${folder}`);
}

async function placeLink(there: string, here: string): Promise<void> {
  await mkdir(path.dirname(here), { recursive: true });
  await rm(here, { force: true });
  await link(there, here).catch(() => copyFile(there, here));
}
