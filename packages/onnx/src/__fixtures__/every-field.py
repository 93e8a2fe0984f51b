"""Writes every-field.onnx and every-field.json with the onnx package."""
import json, sys
import numpy as np, onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh
out = sys.argv[1]
tensors = {}
def typed(name, dtype, dims, vals):
    t = h.make_tensor(name, dtype, dims, vals)   # typed fields
    assert not t.HasField('raw_data')
    tensors[name] = t
typed('float', T.FLOAT, [2, 2], [1.5, -2.25, 3e-9, float('inf')])
typed('double', T.DOUBLE, [3], [1.1, -2.2, 1e300])
typed('float16', T.FLOAT16, [3], [1.0, -0.5, 65504.0])
typed('bfloat16', T.BFLOAT16, [3], [1.0, -0.5, 3e38])
typed('int8', T.INT8, [4], [-128, 127, -1, 0])
typed('uint8', T.UINT8, [3], [0, 255, 7])
typed('int16', T.INT16, [3], [-32768, 32767, -2])
typed('uint16', T.UINT16, [2], [65535, 1])
typed('int32', T.INT32, [3], [-2**31, 2**31 - 1, -3])
typed('uint32', T.UINT32, [2], [2**32 - 1, 5])
typed('int64', T.INT64, [4], [-2**63, 2**63 - 1, -4, 300])
typed('uint64', T.UINT64, [2], [2**64 - 1, 6])
typed('bool', T.BOOL, [3], [True, False, True])
typed('int4', T.INT4, [3], [-8, 7, -1])
typed('uint4', T.UINT4, [5], [0, 15, 1, 2, 3])
typed('float8', T.FLOAT8E4M3FN, [2], [1.0, -448.0])
typed('complex64', T.COMPLEX64, [2], [1 + 2j, -3.5j])
typed('scalar', T.INT64, [], [42])
typed('empty', T.FLOAT, [0, 4], [])
raw = {}
for name, t in tensors.items():
    a = nh.to_array(t)
    if name in ('int4', 'uint4'):
        b = [int(v) & 15 for v in a.reshape(-1)]
        if len(b) % 2: b.append(0)
        data = bytes(b[i] | b[i + 1] << 4 for i in range(0, len(b), 2))
    else:
        data = np.ascontiguousarray(a).tobytes()
    raw[name] = {'elementType': t.data_type, 'dims': list(t.dims), 'bytes': data.hex()}
strings = h.make_tensor('strings', T.STRING, [2], [b'a', b'\xff'])
sparse = h.make_sparse_tensor(h.make_tensor('sparse', T.FLOAT, [1], [7.0]), h.make_tensor('sparse_indices', T.INT64, [1], [2]), [4])
branch = lambda name, op: h.make_graph([h.make_node(op, ['captured'], [name])], name + '_graph', [], [h.make_tensor_value_info(name, T.FLOAT, [2, 2])])
n_if = h.make_node('If', ['condition'], ['chosen'], name='choose', then_branch=branch('then_out', 'Neg'), else_branch=branch('else_out', 'Abs'))
n_if.metadata_props.add(key='origin', value='test')
n_const = [h.make_node('Constant', [], ['c_' + k], **{k: v}) for k, v in dict(value_int=3, value_ints=[1, 2], value_float=0.5, value_floats=[0.5, 1.5]).items()]
n_fn = h.make_node('Twice', ['float'], ['captured'], domain='local', overload='v2', doc_string='calls a function')
n_out = h.make_node('Clip', ['chosen', '', 'limit'], ['result'], name='clip')
fn = h.make_function('local', 'Twice', ['x'], ['y'], [h.make_node('Add', ['x', 'x'], ['y'])], [h.make_opsetid('', 21)], overload='v2')
fn.doc_string = 'adds to itself'
weird = onnx.NodeProto(op_type='Everything', domain='test', input=['sparse'], output=['unused'])
weird.attribute.append(onnx.AttributeProto(name='old', i=7))           # no type, as the first versions wrote
weird.attribute.append(onnx.AttributeProto(name='binary', type=3, s=b'\xff\xfe'))
weird.attribute.append(h.make_attribute('tensors', [tensors['int8'], tensors['int16']]))
weird.attribute.append(h.make_attribute('texts', ['a', 'b']))
weird.attribute.append(h.make_attribute('type', h.make_tensor_type_proto(T.FLOAT, [1])))
inputs = [h.make_tensor_value_info('condition', T.BOOL, []), h.make_tensor_value_info('float', T.FLOAT, [2, 2])]
seq = h.make_tensor_sequence_value_info('sequence', T.FLOAT, ['n', None])
inputs.append(seq)
vi = h.make_tensor_value_info('captured', T.FLOAT, ['batch', 2]); vi.doc_string = 'doubled'; vi.metadata_props.add(key='k', value='v')
noted = h.make_tensor_value_info('chosen', T.FLOAT, [2, 2]); noted.type.denotation = 'TENSOR'
bare = h.make_tensor_value_info('c_value_int', T.INT64, None)
g = h.make_graph([n_fn, n_if, n_out, *n_const, weird], 'every field', inputs, [h.make_tensor_value_info('result', T.FLOAT, [2, 2])],
    initializer=[*tensors.values(), strings, h.make_tensor('limit', T.FLOAT, [], [2.0])], value_info=[vi, noted, bare], sparse_initializer=[sparse])
g.quantization_annotation.add(tensor_name='float').quant_parameter_tensor_names.add(key='SCALE_TENSOR', value='limit')
g.doc_string = 'a graph'
m = h.make_model(g, functions=[fn], opset_imports=[h.make_opsetid('', 21), h.make_opsetid('local', 1), h.make_opsetid('test', 1)], ir_version=10, producer_name='onnx', producer_version='1.19')
m.metadata_props.add(key='author', value='someone')
open(out + '/every-field.onnx', 'wb').write(m.SerializeToString())
json.dump({'provenance': 'onnx ' + onnx.__version__ + ', typed fields by helper.make_tensor, bytes by numpy_helper.to_array', 'tensors': raw}, open(out + '/every-field.json', 'w'), indent=1)
