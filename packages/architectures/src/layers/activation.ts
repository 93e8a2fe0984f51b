import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';

type Function = (g: Scope, x: Tensor) => Tensor;

/** Written as exporters write them, which is what runtimes fuse. */
const FUNCTIONS = {
  silu: (g, x) => g.multiply(x, g.node('Sigmoid', [x])),
  swish: (g, x) => FUNCTIONS.silu(g, x),
  relu: (g, x) => g.node('Relu', [x]),
  mish: (g, x) => g.multiply(x, g.node('Tanh', [g.node('Softplus', [x])])),
  gelu: (g, x) => {
    const erf = g.node('Erf', [g.node('Div', [x, g.scalar(Math.SQRT2)])]);
    return g.multiply(g.multiply(x, g.add(erf, g.scalar(1))), g.scalar(0.5));
  },
  gelu_tanh: (g, x) => {
    const cubed = g.multiply(g.node('Pow', [x, g.scalar(3)]), g.scalar(0.044715));
    const inner = g.multiply(g.add(x, cubed), g.scalar(Math.sqrt(2 / Math.PI)));
    return g.multiply(g.multiply(x, g.scalar(0.5)), g.add(g.node('Tanh', [inner]), g.scalar(1)));
  },
  quick_gelu: (g, x) => g.multiply(x, g.node('Sigmoid', [g.multiply(x, g.scalar(1.702))])),
} satisfies Record<string, Function> as Record<ActivationName, Function>;

export type ActivationName = 'silu' | 'swish' | 'relu' | 'mish' | 'gelu' | 'gelu_tanh' | 'quick_gelu';

/** The names that `act_fn` of diffusers has. */
export const DIFFUSERS_ACTIVATIONS = ['silu', 'swish', 'mish', 'gelu', 'relu'] as const;

/** An activation function, element by element. */
export function activation(g: Scope, name: ActivationName, x: Tensor): Tensor {
  return FUNCTIONS[name](g, x);
}
