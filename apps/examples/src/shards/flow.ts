import { spawn } from 'node:child_process';
import { FlowProducer, QueueEvents, Worker } from 'bullmq';

// Shards as a BullMQ flow, over workers on any machines that share a file system: the parent merges when all its children
// are done. Start workers, then give the work out:
//   node flow.js worker
//   node flow.js 4 optimize ./my-model --out ./my-bundle
const [first = '', ...command] = process.argv.slice(2);
const connection = {
  url: process.env.CACHEQUANT_QUEUE ?? 'redis://127.0.0.1:6379',
  maxRetriesPerRequest: null,
};
const program = (process.env.CACHEQUANT ?? 'cachequant').split(' ');
const QUEUE = 'cachequant-shards';

/** Fails the job with what the command said; a job that lost its worker is tried again, and goes on where that stopped. */
function run(argv: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program[0]!, [...program.slice(1), ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text) => {
      said = (said + text).slice(-2000);
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`exit code ${code}: ${said}`))));
  });
}

if (first === 'worker') {
  const worker = new Worker<string[]>(QUEUE, ({ data }) => run(data), { connection, maxStalledCount: 3 });
  process.once('SIGTERM', () => void worker.close());
} else {
  const count = Number(first);
  const flow = new FlowProducer({ connection });
  const events = new QueueEvents(QUEUE, { connection });
  await events.waitUntilReady();
  const { job } = await flow.add({
    name: 'merge',
    queueName: QUEUE,
    data: [...command, '--merge'],
    children: Array.from({ length: count }, (_, i) => ({
      name: `shard ${i + 1}`,
      queueName: QUEUE,
      data: [...command, '--shard', `${i + 1}/${count}`],
      opts: { attempts: 3, failParentOnFailure: true },
    })),
  });
  try {
    await job.waitUntilFinished(events);
    console.log(`merged ${count} shards`);
  } finally {
    await Promise.all([flow.close(), events.close()]);
  }
}
