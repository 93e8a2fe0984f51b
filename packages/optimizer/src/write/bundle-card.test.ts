import { memoryStorage, writeFile } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { bundleCard, CARD, type CardContent, licenseOf } from './bundle-card.js';

const CONTENT = {
  manifest: {
    createdBy: 'cachequant 1.2.3',
    createdAt: '2026-11-26T10:00:00Z',
    source: { name: 'fashion-sd', fingerprint: '0123456789abcdef0123', denoiserBytes: 17_190_000 },
    sampler: { name: 'PNDMScheduler', steps: 50, calls: 51 },
    guidanceScale: 4,
    schedule: { kind: 'dp', interval: 5, refreshCalls: [0, 5, 9] },
    corrections: { cache: 'forecast' },
    bits: { weights: 7, activations: 8, target: 'portable' },
    denoiser: { full: { inputs: { sample: 'request', encoder_hidden_states: 'request' } } },
  },
  verification: {
    images: 8,
    secondsPerImage: { original: 0.96, optimized: 0.235 },
    speedup: 4.08,
    psnr: 39.61,
    psnrInterval: [38.1, 40.8],
    ssim: 0.9912,
  },
  license: 'apache-2.0',
  denoiserBytes: 4_770_000,
} as unknown as CardContent;

describe('bundleCard(content)', () => {
  it('names base model and licence, settings, what was measured, and the command', () => {
    const card = bundleCard(CONTENT);
    expect(card).toMatch(/^---\nlicense: apache-2\.0\ntags:/);
    for (const part of [
      '# fashion-sd, optimized by CacheQuant',
      'fashion-sd with cached features and 7-bit weights that run as integers.',
      "**Licence**: apache-2.0, as the base model's",
      '| sampler | PNDMScheduler, 50 steps (51 network calls) |',
      '| cache | interval 5: 3 refreshes, dp |',
      '| time per image | 0.96 s | 0.23 s (4.08 times as fast) |',
      '| denoiser | 17.19 MB | 4.77 MB |',
      '39.6 dB (95 %: 38.1 to 40.8)',
      'npx cachequant generate <this folder> --prompt "…" --out pictures',
    ]) {
      expect(card).toContain(part);
    }
  });

  it('says where the licence is not known, and takes markup out of names', () => {
    const manifest = { ...CONTENT.manifest, source: { ...CONTENT.manifest.source, name: 'a\n# <b>|x' } };
    const card = bundleCard({ ...CONTENT, manifest, license: undefined });
    expect(card).toContain('that of the base model, whose card names none');
    expect(card).toContain('\n# a # b x, optimized by CacheQuant\n');
    expect(card).not.toContain('license:');
  });
});

describe('licenseOf(folder)', () => {
  async function licenseIn(card: string) {
    const folder = memoryStorage();
    await writeFile(folder, CARD, card);
    return licenseOf(folder);
  }

  it('reads the metadata of the card, and nothing else', async () => {
    expect(await licenseIn('---\nlicense: creativeml-openrail-m\ntags:\n- x\n---\n# A')).toBe(
      'creativeml-openrail-m',
    );
    expect(await licenseIn('---\r\nlicense: "mit"\r\n---\r\n')).toBe('mit');
    expect(await licenseIn('# A\n\nlicense: mit\n')).toBeUndefined();
    expect(await licenseIn('---\nlicense: <script>\n---\n')).toBeUndefined();
    expect(await licenseOf(memoryStorage())).toBeUndefined();
  });
});
