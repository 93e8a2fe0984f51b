import type { BundleManifest, Verification } from '@cachequant/pipeline';
import { readText, type Storage } from '@cachequant/tensor';

/** The file that says what a bundle is, as model hubs show it. */
export const CARD = 'README.md';

/** What a card says; sizes in bytes. */
export interface CardContent {
  readonly manifest: Omit<BundleManifest, 'files' | 'formatVersion'>;
  readonly verification: Verification;
  /** Of the base model, as its card's metadata names it. */
  readonly license: string | undefined;
  readonly denoiserBytes: number;
}

/** The licence in the metadata of a model folder's card (`license: apache-2.0` between lines of dashes). */
export async function licenseOf(source: Storage): Promise<string | undefined> {
  if ((await source.stat(CARD)) === undefined) return undefined;
  const [, metadata] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(await readText(source, CARD)) ?? [];
  return /^license:\s*["']?([\w.-]+)["']?\s*$/m.exec(metadata ?? '')?.[1];
}

/** A bundle's card: what it was made of, its settings, what was measured, and how to run it. */
export function bundleCard({ manifest, verification, license, denoiserBytes }: CardContent): string {
  const name = plain(manifest.source.name);
  const { id, revision, adapters = [], fingerprint } = manifest.source;
  return `${metadataLines(license, id)}
# ${name}, optimized by CacheQuant

A bundle of [CacheQuant](https://github.com/cachequant/cachequant): ${name} with cached features and ${describeBits(manifest)}.
It holds everything that pictures need; the original is not needed.

- **Base model**: ${id === undefined ? name : `[${name}](https://huggingface.co/${id})${revision === undefined ? '' : `, commit \`${plain(revision).slice(0, 12)}\``}`} (fingerprint \`${fingerprint.slice(0, 16)}\`)${adapters.map((adapter) => `\n- **Merged LoRA**: ${plain(adapter.name)}, at ${adapter.strength}`).join('')}
- **Licence**: ${license ? `${license}, as the base model's` : 'that of the base model, whose card names none that could be read here'}
- **Made by**: ${plain(manifest.createdBy)}, ${manifest.createdAt.slice(0, 10)}

## Run it

\`\`\`
npx cachequant generate <this folder> ${exampleOf(manifest)}
\`\`\`

In a program, \`createBundleGenerator\` of \`@cachequant/pipeline\`; on a web page, \`createGenerator\` of \`@cachequant/web\`.

## Settings

| | |
| --- | --- |
${settingRows(manifest)
  .map(([label, value]) => `| ${label} | ${value} |`)
  .join('\n')}

Away from them it warns, with the loss that was measured.

## Measured

On ${verification.images} held-out ${verification.images === 1 ? 'image' : 'images'}, the original and the bundle in turn on the machine that made it; \`verification.json\`
and \`report.html\` have the rest.

| | original | bundle |
| --- | ---: | ---: |
| time per image | ${seconds(verification.secondsPerImage.original)} | ${seconds(verification.secondsPerImage.optimized)} (${verification.speedup.toFixed(2)} times as fast) |
| denoiser | ${megabytes(manifest.source.denoiserBytes)} | ${megabytes(denoiserBytes)} |
| PSNR to the original | | ${likeness(verification)} |
| SSIM | | ${verification.ssim.toFixed(3)} |
`;
}

function metadataLines(license: string | undefined, id: string | undefined): string {
  const lines = [
    ...(license ? [`license: ${license}`] : []),
    ...(id === undefined ? [] : [`base_model: ${id}`]),
    'tags:',
    '  - cachequant',
    '  - onnx',
    '  - diffusion',
  ];
  return ['---', ...lines, '---', ''].join('\n');
}

function settingRows({ sampler, guidanceScale, schedule, bits, corrections }: CardContent['manifest']) {
  return [
    ['sampler', `${sampler.name}, ${sampler.steps} steps (${sampler.calls} network calls)`],
    ['guidance scale', String(guidanceScale)],
    ['cache', `interval ${schedule.interval}: ${schedule.refreshCalls.length} refreshes, ${schedule.kind}`],
    ['correction of the cache', corrections.cache],
    [
      'bits',
      bits.target === 'float' ? 'float32' : `weights ${bits.weights}, activations ${bits.activations}`,
    ],
  ] as const;
}

function describeBits({ bits }: CardContent['manifest']): string {
  return bits.target === 'float' ? 'weights in float' : `${bits.weights}-bit weights that run as integers`;
}

function exampleOf({ denoiser }: CardContent['manifest']): string {
  const takesText = Object.keys(denoiser.full.inputs).some((name) => /hidden_states/.test(name));
  return `${takesText ? '--prompt "…" ' : ''}--out pictures`;
}

function likeness({ psnr, psnrInterval }: Verification): string {
  if (!Number.isFinite(psnr)) return 'identical';
  return `${psnr.toFixed(1)} dB (95 %: ${psnrInterval.map((bound) => bound.toFixed(1)).join(' to ')})`;
}

/** Names come from outside: they stay on their line and begin no markup. */
function plain(text: string): string {
  return text.replace(/[\s|<>`[\]*_]+/g, ' ').trim();
}

const seconds = (value: number) => `${value.toFixed(2)} s`;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
