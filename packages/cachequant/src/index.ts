export { EXIT_CODES, type ExitCode } from './exit-codes.js';
export { compareSizes } from './folder-sizes.js';
export type { CliIo, OutputStream } from './io.js';
export { type ReportContext, type ReportSizes, reportDataOf } from './report-data-of.js';
export { writeReport } from './report-file.js';
export { run } from './run.js';
