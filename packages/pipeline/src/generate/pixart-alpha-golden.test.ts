import { describeGolden } from '../__fixtures__/golden-pipeline.js';

await describeGolden('tiny/pixart-alpha');
