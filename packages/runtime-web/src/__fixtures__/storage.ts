import { directoryStorage, opfsStorage } from '@cachequant/runtime-web';
import { writeFile } from '@cachequant/tensor';
import { describeStorage } from '@cachequant/tensor/testing';
import { type PageResult, runSuite } from './page-suite.js';

declare global {
  var storageSuite: () => Promise<PageResult[]>;
  /** What a folder handle shows of files that were written before. */
  var readFolder: () => Promise<[path: string, size: number | undefined][]>;
}

let folders = 0;

globalThis.storageSuite = () =>
  runSuite((api) => {
    describeStorage('opfsStorage', async () => opfsStorage(`test/${folders++}`), api);
  });

globalThis.readFolder = async () => {
  const written = opfsStorage('folder');
  await writeFile(written, 'unet/model.onnx', 'abc');
  await writeFile(written, 'cachequant.json', '{}');
  const handle = await (await navigator.storage.getDirectory()).getDirectoryHandle('folder');
  const storage = await directoryStorage(handle);
  const paths = await storage.list();
  return Promise.all(paths.map(async (path) => [path, (await storage.stat(path))?.size] as [string, number]));
};
