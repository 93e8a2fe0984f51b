import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CacheQuantError } from '@cachequant/tensor';

/** The variable of the environment that names the library. */
const LIBRARY_VARIABLE = 'CACHEQUANT_OPENVINO';

const NAME = /^(lib)?openvino_c\.(so(\.\d+)*|(\d+\.)*dylib|dll)$/;
/** Where the library lies below what people name: a virtual environment's package, or the package itself. */
const BELOW = ['', 'libs', 'openvino/libs'];

const HINT =
  `Run \`pip install openvino\` and set ${LIBRARY_VARIABLE}, or the option \`library\`, to the folder that ` +
  '`python -c "import openvino, os; print(os.path.dirname(openvino.__file__))"` prints';

/**
 * The path of OpenVINO's C library.
 * @param given the file, or a folder that it lies in; left out: what the environment says
 * @throws CacheQuantError `runtime` when none is named or there is none
 */
export function findLibrary(given = process.env[LIBRARY_VARIABLE]): string {
  if (!given) throw missing('OpenVINO is not installed where it can be found', undefined);
  const found = statSync(given, { throwIfNoEntry: false });
  if (found?.isFile()) return given;
  for (const folder of found ? BELOW.map((below) => join(given, below)) : []) {
    const name = filesIn(folder).find((file) => NAME.test(file));
    if (name !== undefined) return join(folder, name);
  }
  throw missing("OpenVINO's C library is not there", given);
}

/** @throws CacheQuantError `runtime` */
export function missing(summary: string, got: string | undefined, cause?: unknown): CacheQuantError {
  return new CacheQuantError('runtime', summary, {
    where: 'createOpenVinoRuntime, library',
    expected: 'libopenvino_c.so, libopenvino_c.dylib or openvino_c.dll, or a folder with it',
    ...(got !== undefined && { got }),
    hint: HINT,
    cause,
  });
}

function filesIn(folder: string): string[] {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder).sort() : [];
}
