import { addToBundle } from '@cachequant/optimizer';
import { type ReportData, renderReport } from '@cachequant/report';
import { CacheQuantError, parseJson, readText, type Storage } from '@cachequant/tensor';
import { reportSchema } from './report-schema.js';

/** In a bundle: what its report shows. */
const REPORT_DATA = 'report.json';
/** In a bundle: the report. */
export const REPORT_PAGE = 'report.html';

/** Writes the report into a bundle, and what is needed to write it again. */
export async function writeReport(bundle: Storage, data: ReportData): Promise<void> {
  await addToBundle(bundle, {
    [REPORT_DATA]: `${JSON.stringify(data, encodeValue)}\n`,
    [REPORT_PAGE]: renderReport(data),
  });
}

/**
 * What the report of a bundle shows.
 * @throws CacheQuantError `bundle` when it is not there or was damaged
 */
export async function readReportData(bundle: Storage): Promise<ReportData> {
  const where = bundle.locate?.(REPORT_DATA) ?? REPORT_DATA;
  if (!(await bundle.stat(REPORT_DATA))) {
    throw new CacheQuantError('bundle', 'the bundle has no data for a report', {
      where,
      hint: 'Bundles that `cachequant optimize` writes have it: optimize the model again',
    });
  }
  const parsed = reportSchema.safeParse(parsedOrNothing(await readText(bundle, REPORT_DATA)));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new CacheQuantError('bundle', 'the data of the report are damaged', {
    where,
    got: [issue.path.map(String).join('.'), issue.message].filter((part) => part !== '').join(': '),
    hint: 'Copy the bundle again, or optimize the model again',
  });
}

/** Bytes become base64, float64 arrays lists, and what is not finite its name: JSON has none of these. */
function encodeValue(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Float64Array) return [...value];
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** What is not JSON, or too much of it, has none of the fields that are looked for. */
function parsedOrNothing(text: string): unknown {
  try {
    return parseJson(text, REPORT_DATA);
  } catch {
    return undefined;
  }
}
