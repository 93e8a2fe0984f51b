import { atInterval, buildCandidate, type CalibratedModel, replay } from '@cachequant/optimizer/experiments';
import { dot, line, ruleX } from '@observablehq/plot';
import { chart } from './chart.js';

const INTERVAL = 5;

/** One number of the cached tensor over all calls of an image: as it is, reused, and forecast. */
export async function forecastPicture(calibrated: CalibratedModel): Promise<string> {
  const values = await valuesOfOneNumber(calibrated);
  const { tables, refreshCalls } = await buildCandidate(
    atInterval(calibrated, INTERVAL),
    'uniform',
    'forecast',
  );
  const { a0, a1, b, channels } = tables;
  const at = MIDDLE_CHANNEL;
  const points = values.map((value, call) => {
    const newest = refreshCalls.findLast((step) => step <= call)!;
    const previous = refreshCalls.findLast((step) => step < newest) ?? newest;
    const row = call * channels + at;
    const forecast = a0[row]! * values[newest]! + a1[row]! * values[previous]! + b[row]!;
    return { call, value, reused: values[newest]!, forecast, isRefresh: call === newest };
  });
  return chart(
    [
      { name: 'what the network computes', color: '#222222' },
      { name: 'reused', color: '#2a8a57', dash: '5 3' },
      { name: 'forecast from two refreshes', color: '#b3123f' },
    ],
    { x: 'network call', y: 'one number of the cached tensor' },
    ({ colorOf }) => [
      ruleX(refreshCalls, { stroke: '#dddddd' }),
      line(points, { x: 'call', y: 'value', stroke: colorOf(0), strokeWidth: 2 }),
      line(points, {
        x: 'call',
        y: 'reused',
        stroke: colorOf(1),
        strokeDasharray: '5 3',
        strokeWidth: 1.5,
        curve: 'step-after',
      }),
      line(points, { x: 'call', y: 'forecast', stroke: colorOf(2), strokeWidth: 1.5 }),
      dot(
        points.filter(({ isRefresh }) => isRefresh),
        { x: 'call', y: 'value', fill: colorOf(0), r: 4 },
      ),
    ],
  );
}

const MIDDLE_CHANNEL = 32;

/** The middle of a channel, of the conditional half of the first calibration image. */
async function valuesOfOneNumber({ context, trajectory }: CalibratedModel): Promise<number[]> {
  const values: number[] = [];
  for await (const { image, features } of replay(context, trajectory)) {
    if (image > 0) break;
    const [batch, channels, height, width] = features.dims as [number, number, number, number];
    const place = ((batch - 1) * channels + MIDDLE_CHANNEL) * height * width;
    values.push(features.data[place + (height >> 1) * width + (width >> 1)]!);
  }
  return values;
}
