import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, test } from 'vitest';
import { readReportData } from './report-file.js';

test.each([
  ['are cut off', '{"title":'],
  ['are nested too deep', '['.repeat(1e6)],
  ['are of another form', '{"rows":"none"}'],
])('readReportData refuses data that %s', async (_, text) => {
  const storage = memoryStorage();
  await writeFile(storage, 'report.json', text);
  await expect(readReportData(storage)).rejects.toMatchObject({
    code: 'bundle',
    message: expect.stringContaining('the data of the report are damaged'),
  });
});
