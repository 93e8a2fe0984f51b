export { renderReport } from './render-report.js';
export type {
  PicturePair,
  ReportCandidate,
  ReportData,
  ReportPicture,
  ReportRow,
  StageTimes,
} from './report-data.js';
