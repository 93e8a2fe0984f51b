export { renderReport } from './render-report.js';
export type {
  PicturePair,
  ReportCandidate,
  ReportData,
  ReportLayer,
  ReportPicture,
  ReportRow,
  StageTimes,
} from './report-data.js';
