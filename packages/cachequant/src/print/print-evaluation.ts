import type { EvaluationSummary, MeanInterval } from '@cachequant/evaluate';
import { tableLines } from './print-table.js';

export function evaluationLines({
  images,
  measures,
  reference,
  differences,
  frechet,
  errorPerCall,
}: EvaluationSummary): string[] {
  const rows = [...new Set([...Object.keys(measures), ...Object.keys(reference)])].map((name) => [
    name,
    cell(name, measures[name]),
    cell(name, reference[name]),
    cell(name, differences[name], true),
  ]);
  const distances = Object.entries(frechet).map(([name, value]) => `${DISTANCES[name]} ${value.toFixed(2)}`);
  const last = errorPerCall.at(-1);
  return [
    `${images} images; in brackets the interval that holds 95 % of resamples`,
    ...(rows.length > 0 ? tableLines([['', 'mean', 'reference', 'difference'], ...rows]) : []),
    ...(distances.length > 0 ? [`  Fréchet distance: ${distances.join(', ')}`] : []),
    ...(last === undefined ? [] : [`  relative error of the final latents: ${(100 * last).toFixed(2)} %`]),
  ];
}

const DISTANCES: Readonly<Record<string, string>> = {
  toReal: 'to real pictures',
  referenceToReal: 'of the reference to real pictures',
  toReference: 'to the reference',
};

function cell(name: string, value: MeanInterval | undefined, signed = false): string {
  if (!value) return '';
  const digits = name === 'psnr' ? 2 : 4;
  const show = (number: number) => `${signed && number > 0 ? '+' : ''}${number.toFixed(digits)}`;
  const unit = name === 'psnr' ? ' dB' : '';
  return `${show(value.mean)}${unit} (${value.interval.map(show).join(' – ')})`;
}
