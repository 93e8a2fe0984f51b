export { EXIT_CODES, type ExitCode } from './exit-codes.js';
export type { CliIo, OutputStream } from './io.js';
export { run } from './run.js';
export { type ReportContext, type ReportSizes, reportDataOf } from './report-data-of.js';
