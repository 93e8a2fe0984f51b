import type { BundleLayer } from '../analysis/bundle-layers.js';
import { formatCount } from './format.js';
import { tableLines } from './print-table.js';

/** One line a layer of a bundle, the least exact first, those that were never measured last. */
export function bundleLayerLines(layers: readonly BundleLayer[]): string[] {
  const rank = ({ sqnr }: BundleLayer) => sqnr ?? Number.POSITIVE_INFINITY;
  const ranked = [...layers].sort((a, b) => rank(a) - rank(b));
  const heading = ['SQNR', 'float', 'int8', 'runs in', 'kept as', 'kind', 'mult-adds', 'scales', 'layer', ''];
  return tableLines(
    [
      heading,
      ...ranked.map((layer) => [
        layer.sqnr === null ? '' : `${layer.sqnr.toFixed(1)} dB`,
        formatMs(layer.floatMs),
        formatMs(layer.integerMs),
        layer.compute,
        `${layer.bits.weights} bits`,
        layer.kind,
        formatCount(layer.multiplyAdds),
        scaleRange(layer),
        layer.id,
        layer.reason,
      ]),
    ],
    { right: [0, 1, 2, 4, 6] },
  );
}

function formatMs(ms: number | null): string {
  return ms === null ? '' : `${ms.toFixed(3)} ms`;
}

/** The least and the largest input scale over the calls. */
function scaleRange({ scales }: BundleLayer): string {
  const values = (scales?.input ?? []).filter((scale) => scale !== null);
  if (values.length === 0) return '';
  return `${Math.min(...values).toPrecision(2)}…${Math.max(...values).toPrecision(2)}`;
}
