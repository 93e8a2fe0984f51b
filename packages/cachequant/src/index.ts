export { compareSizes } from './bundle/folder-sizes.js';
export { type ReportContext, type ReportSizes, reportDataOf } from './bundle/report-data-of.js';
export { writeReport } from './bundle/report-file.js';
export { EXIT_CODES, type ExitCode } from './exit-codes.js';
export type { CliIo, OutputStream } from './io.js';
export type { ModelOrigin } from './model-sources/model-origin.js';
export {
  type ModelSourceRequest,
  type OpenedModelSource,
  openModelSource,
} from './model-sources/open-model-source.js';
export type { SourceContext } from './model-sources/source-context.js';
export type { NamedLora } from './model-sources/source-options.js';
export { run } from './run.js';
