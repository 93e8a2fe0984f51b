import { formatDecibels, formatShare } from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import { legend, section, table } from '../html/section.js';
import { miniTimeline, scheduleTimeline } from '../plots/timeline.js';
import type { ReportCandidate, ReportData } from '../report-data.js';

/** When the network computes in full, and what else was considered. */
export function schedule(data: ReportData): Markup {
  const { refreshCalls, candidates, cacheHits } = data;
  const calls = callCount(data);
  const made = cacheHits.full + cacheHits.cached;
  const share = made > 0 ? cacheHits.cached / made : 0;
  return section(
    'schedule',
    'When the cache is refreshed',
    `Of ${made} calls per image, ${cacheHits.full} computed everything and ${cacheHits.cached} (${formatShare(share)}) took the deep features from the cache.`,
    html`${scheduleTimeline(`${calls} calls; refreshes at calls ${refreshCalls.join(', ')}.`, calls, refreshCalls)}
${legend([
  { color: 'full', label: 'refresh (with the number of the call)' },
  { color: 'cached', label: made < calls ? 'from the cache, or left out' : 'from the cache' },
])}
${candidateTable(candidates, calls)}`,
  );
}

function callCount({ times, distances, refreshCalls, cacheHits }: ReportData): number {
  return Math.max(
    times.optimized.calls.length,
    distances.calls,
    cacheHits.full + cacheHits.cached,
    ...refreshCalls.map((call) => call + 1),
    1,
  );
}

function candidateTable(candidates: readonly ReportCandidate[], calls: number): Markup | null {
  if (candidates.length === 0) return null;
  return table(
    'Schedules and corrections that were tried on the calibration images',
    [
      { heading: 'Schedule' },
      { heading: 'Correction' },
      { heading: 'Refreshes' },
      { heading: 'PSNR', numeric: true },
    ],
    distinctlyNamed(candidates)
      .sort((a, b) => b.psnr - a.psnr)
      .map((candidate) => ({
        cells: [
          html`${candidate.schedule}${candidate.chosen && html` <span class="badge">chosen</span>`}`,
          candidate.correction,
          miniTimeline(calls, candidate.refreshCalls),
          formatDecibels(candidate.psnr),
        ],
        emphasis: candidate.chosen,
      })),
    'stacked',
  );
}

/** Candidates of one name are told apart by how often they refresh, and where that is alike too, by a number. */
function distinctlyNamed(candidates: readonly ReportCandidate[]): ReportCandidate[] {
  const byRefreshes = told(candidates, ({ refreshCalls }) => `${refreshCalls.length} refreshes`);
  let number = 0;
  return told(byRefreshes, () => `no. ${++number}`);
}

function told(
  candidates: readonly ReportCandidate[],
  difference: (candidate: ReportCandidate) => string,
): ReportCandidate[] {
  const nameOf = ({ schedule, correction }: ReportCandidate) => JSON.stringify([schedule, correction]);
  return candidates.map((candidate) => {
    const alike = candidates.filter((other) => nameOf(other) === nameOf(candidate));
    if (alike.length === 1) return candidate;
    return { ...candidate, correction: `${candidate.correction}, ${difference(candidate)}` };
  });
}
