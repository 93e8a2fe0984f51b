import { readdirSync, readFileSync } from 'node:fs';

/** Samples the memory of a process and of everything it started. */
export interface MemoryWatch {
  /** The most that was seen so far, in bytes: anonymous and shared memory, not files that are mapped. */
  readonly peakBytes: number;
  /** The same with mapped files, which the system takes back when it needs room. */
  readonly peakResidentBytes: number;
  stop(): void;
}

const INTERVAL_MS = 250;

/** Works where there is a /proc; elsewhere the peak stays 0. */
export function watchMemory(pid: number): MemoryWatch {
  let [peak, resident] = [0, 0];
  const timer = setInterval(() => {
    const tree = processTree(pid);
    const sum = (bytes: (pid: number) => number) => tree.reduce((total, each) => total + bytes(each), 0);
    peak = Math.max(peak, sum(ownBytes));
    resident = Math.max(resident, sum(residentBytes));
  }, INTERVAL_MS);
  timer.unref();
  return {
    get peakBytes() {
      return peak;
    },
    get peakResidentBytes() {
      return resident;
    },
    stop: () => clearInterval(timer),
  };
}

/** RssAnon + RssShmem of one process. */
export function ownBytes(pid: number): number {
  return statusBytes(pid, /^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm);
}

function residentBytes(pid: number): number {
  return statusBytes(pid, /^VmRSS:\s+(\d+) kB$/gm);
}

function statusBytes(pid: number, lines: RegExp): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kibibytes = [...status.matchAll(lines)].map(([, value]) => Number(value));
    return 1024 * kibibytes.reduce((sum, value) => sum + value, 0);
  } catch {
    return 0;
  }
}

/** The process and its descendants. */
function processTree(root: number): number[] {
  const parents = new Map<number, number>();
  try {
    for (const name of readdirSync('/proc')) {
      const pid = Number(name);
      if (!Number.isInteger(pid)) continue;
      const parent = parentOf(pid);
      if (parent !== undefined) parents.set(pid, parent);
    }
  } catch {
    return [];
  }
  const found = new Set([root]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
