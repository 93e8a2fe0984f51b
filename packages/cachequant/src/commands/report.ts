import { basename, dirname, resolve } from 'node:path';
import { openBundle } from '@cachequant/pipeline';
import { renderReport } from '@cachequant/report';
import { nodeStorage } from '@cachequant/runtime-node';
import { writeFile } from '@cachequant/tensor';
import type { Command } from 'commander';
import { readReportData } from '../bundle/report-file.js';
import { examples, type GlobalOptions } from '../command-context.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import { locateFolder } from '../model-sources/model-location.js';
import { requireWritableFile } from '../options/output-folder.js';

interface ReportOptions extends GlobalOptions {
  readonly out: string;
}

export function addReport(command: Command, io: CliIo): void {
  command
    .description(
      "Rewrites a bundle's report: what it gained, what it cost, and on which machine. One self-contained HTML file.",
    )
    .argument('<bundle>', 'a folder that `cachequant optimize` wrote')
    .requiredOption('--out <file.html>', 'where the report goes')
    .addHelpText('after', examples([['report ./my-bundle --out report.html', 'to read or to share']]))
    .action((given: string, _: unknown, command: Command) =>
      report(given, command.optsWithGlobals<ReportOptions>(), io),
    );
}

async function report(given: string, options: ReportOptions, io: CliIo): Promise<void> {
  const { storage } = await locateFolder(io.cwd, given);
  await requireWritableFile(resolve(io.cwd, options.out), `--out ${options.out}`);
  await openBundle(storage, { check: 'sizes' });
  const data = await readReportData(storage);
  const out = resolve(io.cwd, options.out);
  await writeFile(nodeStorage(dirname(out)), basename(out), renderReport(data));
  if (options.json) writeJson(io, { report: out });
  else writeLines(io.stdout, [out]);
}
