import { type OptimizeOptions, optimize } from '@cachequant/optimizer';
import { createWebRuntime, httpStorage } from '@cachequant/runtime-web';
import { memoryStorage } from '@cachequant/tensor';
import { createGenerator } from '@cachequant/web';

/** What a test wants to know of a bundle that was made on the page. */
export interface MadeOnPage {
  readonly bytes: number;
  readonly psnr: number;
  readonly plannedShare: number;
  readonly integerShare: number | undefined;
  readonly rgb: number[];
}

declare global {
  var optimizeHere: (
    model: { url: string; files: string[] },
    options: OptimizeOptions,
    prompt: string,
  ) => Promise<MadeOnPage>;
}

globalThis.optimizeHere = async ({ url, files }, options, prompt) => {
  const source = httpStorage(url, { files: Object.fromEntries(files.map((file) => [file, {}])) });
  await source.download(files);
  const out = memoryStorage();
  const runtime = await createWebRuntime({ device: 'wasm' });
  const { manifest, verification, pictures } = await optimize({
    source,
    work: memoryStorage(),
    out,
    runtime,
    options,
  });
  const generator = await createGenerator(out, { runtime });
  const { images } = await generator.generate(prompt, { seed: 7 });
  await generator.dispose();
  await runtime.dispose();
  const { coverage } = verification;
  return {
    bytes: Object.values(manifest.files).reduce((sum, { bytes }) => sum + bytes, 0),
    psnr: pictures[0]!.psnr,
    plannedShare: coverage.plannedShare,
    integerShare: coverage.integerShare,
    rgb: [...images[0]!.rgb],
  };
};
