import { barX, text } from '@observablehq/plot';
import { formatMs } from '../html/format.js';
import { type Markup, replaceForbidden } from '../html/markup.js';
import type { ReportData } from '../report-data.js';
import { figure, WIDTHS } from './figure.js';

type Operator = ReportData['coverage']['operators'][number];

const ROW_HEIGHT = 26;
const INTEGER_KERNELS = /^(QLinear|.*Integer|QGemm|QAttention|DynamicQuantize)/;

/** Whether an operator of this kind computes with integers. */
export function isIntegerOperator(opType: string): boolean {
  return INTEGER_KERNELS.test(opType);
}

/** Time by kind of operator, longest first; integer kernels are in their own colour. */
export function operatorBars(description: string, operators: readonly Operator[]): Markup {
  const longest = Math.max(...operators.map(({ ms }) => ms), Number.MIN_VALUE);
  return figure(description, (width) => ({
    height: operators.length * ROW_HEIGHT + 8,
    marginLeft: width === WIDTHS.wide ? 190 : 150,
    marginRight: 64,
    marginTop: 4,
    marginBottom: 4,
    x: { axis: null, domain: [0, longest] },
    y: { axis: null, domain: operators.map((_, row) => row), padding: 0.25 },
    marks: [
      barX([...operators], {
        x: 'ms',
        y: (_: Operator, row: number) => row,
        fill: ({ opType }: Operator) => (isIntegerOperator(opType) ? 'var(--full)' : 'var(--float)'),
        rx: 2,
      }),
      text([...operators], {
        x: 0,
        y: (_: Operator, row: number) => row,
        dx: -8,
        textAnchor: 'end',
        text: ({ opType }: Operator) => replaceForbidden(opType),
        fill: 'var(--ink)',
      }),
      text([...operators], {
        x: 'ms',
        y: (_: Operator, row: number) => row,
        dx: 6,
        textAnchor: 'start',
        text: ({ ms }: Operator) => formatMs(ms),
        fill: 'var(--muted)',
      }),
    ],
  }));
}
