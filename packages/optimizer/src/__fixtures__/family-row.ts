import { readFile } from 'node:fs/promises';
import type { OptimizeSummary } from '../optimize-summary.js';
import type { FamilyCase } from './family-case.js';

/** A row of docs/models.md. */
export interface FamilyRow {
  readonly family: string;
  readonly pipeline: string;
  readonly asks: string;
  /** Pictures that were compared with those of diffusers. */
  readonly golden: number;
  /** "6 steps of DDIMScheduler, 8-bit integers, interval 2". */
  readonly run: string;
  /** Mean PSNR in decibels of the bundle's pictures against the float model's. */
  readonly psnr: number;
  /** Multiply-adds of a cached call, of those of a full one; null where no call is cached. */
  readonly cachedShare: number | null;
  readonly refused: readonly string[];
}

/**
 * Decibels by which processors may differ from the row that was recorded: they round apart, and those without VNNI have
 * weights of seven bits (2.4 dB less for a lone graph, the most of all families).
 */
const SAME_DECIBELS = 3;

/** The row of what ran; its PSNR stays the recorded one while this machine measures about the same. */
export async function familyRow(
  file: URL,
  { family, pipeline, asks, golden, refusals }: FamilyCase,
  { manifest, verification }: OptimizeSummary,
): Promise<FamilyRow> {
  const { sampler, bits, schedule, cut } = manifest;
  const numbers = bits.target === 'float' ? 'float' : bits.weights <= 4 ? '4-bit weights' : '8-bit integers';
  const cached = schedule.refreshCalls.length < sampler.calls;
  const cache = cached ? `interval ${schedule.interval}` : 'no cache';
  const recorded = await recordedRow(file);
  const isSame = recorded && Math.abs(recorded.psnr - verification.psnr) <= SAME_DECIBELS;
  return {
    family,
    pipeline,
    asks,
    golden: golden.length,
    run: `${sampler.steps} steps of ${sampler.name}, ${numbers}, ${cache}`,
    psnr: isSame ? recorded.psnr : Math.round(verification.psnr),
    cachedShare: cached ? Number(cut.cachedShare.toFixed(3)) : null,
    refused: refusals.map(({ what }) => what),
  };
}

async function recordedRow(file: URL): Promise<FamilyRow | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as FamilyRow;
  } catch {
    return undefined;
  }
}
