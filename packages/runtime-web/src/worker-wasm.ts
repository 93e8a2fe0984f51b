import * as ort from 'onnxruntime-web/wasm';
import { serve } from './serve.js';

serve(ort, 'wasm');
