export { controlledStorage, modelCopy, modelStorage } from '../../../pipeline/src/__fixtures__/models.js';
