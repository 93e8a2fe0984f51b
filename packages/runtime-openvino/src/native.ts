import koffi, { type LibraryHandle } from 'koffi';
import { missing } from './library.js';

type Func = ReturnType<LibraryHandle['func']>;

/** A pointer into the library. */
export type Pointer = bigint;

/** What is called of OpenVINO's C library (openvino/c/openvino.h). Functions return a status, 0 for success. */
export interface Native {
  readonly version: string;
  createCore(): Pointer;
  setProperty(core: Pointer, device: string, name: string, value: string): void;
  readModel(core: Pointer, path: string): Promise<Pointer>;
  compile(core: Pointer, model: Pointer, device: string): Promise<Pointer>;
  inputType(compiled: Pointer, name: string): number;
  createRequest(compiled: Pointer): Pointer;
  createTensor(type: number, dims: readonly number[], bytes: Uint8Array): Pointer;
  setTensor(request: Pointer, name: string, tensor: Pointer): void;
  infer(request: Pointer): Promise<void>;
  /** A copy of an output. */
  output(
    request: Pointer,
    name: string,
  ): { readonly dims: number[]; readonly bytes: Uint8Array<ArrayBuffer> };
  free(kind: 'core' | 'model' | 'compiled_model' | 'infer_request' | 'tensor', pointer: Pointer): void;
}

/** The first status that comes without a message of its own. */
const REFUSED_ARGUMENT = -14;

// Signatures name them.
koffi.struct('cachequant_ov_shape', { rank: 'int64_t', dims: 'int64_t *' });
koffi.struct('cachequant_ov_version', { build: 'const char *', description: 'const char *' });

/**
 * Opens the library.
 * @throws CacheQuantError `runtime` for a file that is no such library
 */
export function openNative(path: string): Native {
  const lib = load(path);
  const fn = (signature: string) => lib.func(signature);
  const message = fn('const char *ov_get_last_err_msg()');
  const info = fn('const char *ov_get_error_info(int status)');
  const check = (status: number): void => {
    if (status === 0) return;
    // A refused argument leaves the message of an earlier error.
    const own = status > REFUSED_ARGUMENT ? message() : undefined;
    throw new Error(own || info(status) || `status ${status}`);
  };
  const later = (call: Func, args: readonly unknown[]): Promise<void> =>
    new Promise((resolve, reject) => {
      call.async(...args, (error: Error | null, status: number) => {
        try {
          if (error) throw error;
          check(status);
          resolve();
        } catch (reason) {
          reject(reason);
        }
      });
    });
  const create = fn('int ov_core_create(_Out_ void **core)');
  const property = fn('int ov_core_set_property(void *core, const char *device, ...)');
  const read = fn(
    'int ov_core_read_model(void *core, const char *path, const char *weights, _Out_ void **model)',
  );
  const compile = fn(
    'int ov_core_compile_model(void *core, void *model, const char *device, size_t properties, _Out_ void **compiled)',
  );
  const input = fn(
    'int ov_compiled_model_input_by_name(void *compiled, const char *name, _Out_ void **port)',
  );
  const portType = fn('int ov_port_get_element_type(void *port, _Out_ int *type)');
  const freePort = fn('void ov_output_const_port_free(void *port)');
  const request = fn('int ov_compiled_model_create_infer_request(void *compiled, _Out_ void **request)');
  const tensor = fn('int ov_tensor_create(int type, cachequant_ov_shape shape, _Out_ void **tensor)');
  const data = fn('int ov_tensor_data(void *tensor, _Out_ void **data)');
  const size = fn('int ov_tensor_get_byte_size(void *tensor, _Out_ size_t *size)');
  const shapeOf = fn('int ov_tensor_get_shape(void *tensor, _Out_ cachequant_ov_shape *shape)');
  const freeShape = fn('int ov_shape_free(cachequant_ov_shape *shape)');
  const setTensor = fn('int ov_infer_request_set_tensor(void *request, const char *name, void *tensor)');
  const getTensor = fn(
    'int ov_infer_request_get_tensor(void *request, const char *name, _Out_ void **tensor)',
  );
  const infer = fn('int ov_infer_request_infer(void *request)');
  const frees = Object.fromEntries(
    ['core', 'model', 'compiled_model', 'infer_request', 'tensor'].map((kind) => [
      kind,
      fn(`void ov_${kind}_free(void *pointer)`),
    ]),
  );
  const made = (call: (out: (Pointer | null)[]) => number): Pointer => {
    const out: (Pointer | null)[] = [null];
    check(call(out));
    return out[0]!;
  };
  const memoryOf = (pointer: Pointer): Uint8Array => {
    const bytes: (number | bigint)[] = [0];
    check(size(pointer, bytes));
    const length = Number(bytes[0]);
    if (length === 0) return new Uint8Array(0);
    return new Uint8Array(
      koffi.view(
        made((out) => data(pointer, out)),
        length,
      ),
    );
  };
  const dimsOf = (pointer: Pointer): number[] => {
    const shape: { rank?: number; dims?: Pointer | null } = {};
    const status = shapeOf(pointer, shape);
    // The library refuses to describe a scalar, which has no dimensions.
    if (status === REFUSED_ARGUMENT) return [];
    check(status);
    const dims = [...new BigInt64Array(koffi.view(shape.dims!, 8 * Number(shape.rank)))].map(Number);
    freeShape(shape);
    return dims;
  };
  const native: Native = {
    version: versionOf(fn),
    createCore: () => made((out) => create(out)),
    setProperty: (core, device, name, value) => check(property(core, device, 'str', name, 'str', value)),
    async readModel(core, file) {
      const out: (Pointer | null)[] = [null];
      await later(read, [core, file, null, out]);
      return out[0]!;
    },
    async compile(core, model, device) {
      const out: (Pointer | null)[] = [null];
      await later(compile, [core, model, device, 0, out]);
      return out[0]!;
    },
    inputType(compiled, name) {
      const port = made((out) => input(compiled, name, out));
      const type = [0];
      try {
        check(portType(port, type));
      } finally {
        freePort(port);
      }
      return type[0]!;
    },
    createRequest: (compiled) => made((out) => request(compiled, out)),
    createTensor(type, dims, bytes) {
      const sizes = BigInt64Array.from([...dims, 0], BigInt);
      const pointer = made((out) => tensor(type, { rank: dims.length, dims: sizes }, out));
      memoryOf(pointer).set(bytes);
      return pointer;
    },
    setTensor: (of, name, pointer) => check(setTensor(of, name, pointer)),
    infer: (of) => later(infer, [of]),
    output(of, name) {
      const pointer = made((out) => getTensor(of, name, out));
      try {
        const dims = dimsOf(pointer);
        return { dims, bytes: memoryOf(pointer).slice() };
      } finally {
        native.free('tensor', pointer);
      }
    },
    free: (kind, pointer) => frees[kind]!(pointer),
  };
  return native;
}

function load(path: string): LibraryHandle {
  try {
    return koffi.load(path);
  } catch (cause) {
    throw missing("OpenVINO's C library cannot be loaded", `${path}: ${(cause as Error).message}`, cause);
  }
}

function versionOf(fn: (signature: string) => Func): string {
  const version: { build?: string } = {};
  fn('int ov_get_openvino_version(_Out_ cachequant_ov_version *version)')(version);
  return (version.build ?? 'unknown').split('-')[0]!;
}
