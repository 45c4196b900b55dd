import {
  classicalDomain,
  type FileAttribute,
  type FileModel,
  type FileNode,
  type FileTensor,
  type FileValue,
} from './file-model.ts';
import { elementType, fileTensor } from './file-tensor.ts';
import { defaultLimits, type OnnxLimits } from './limits.ts';
import { type Message, readMessage } from './message-table.ts';
import { OnnxError, shown } from './onnx-error.ts';
import { onnxTables } from './onnx-messages.ts';
import { checkOrder } from './value-order.ts';
import { WireReader } from './wire-format.ts';

/** Default operator sets that are read; what differs among them is brought to the form of set 17. */
export const operatorSets = { lowest: 13, highest: 22 } as const;
/** IR versions: 3 is the first with operator sets, 13 the newest known. */
const irVersions = { lowest: 3, highest: 13 } as const;

/** Counts what a file holds without decoding any of it, so that a file of a million nodes costs no memory. */
function scan(bytes: Uint8Array, limits: OnnxLimits): void {
  if (bytes.byteLength > limits.bytes) {
    throw new OnnxError('over_limit', `the file has ${bytes.byteLength} bytes; the most is ${limits.bytes}`);
  }
  const budget = { fields: limits.fields };
  const model = new WireReader(bytes, budget);
  while (!model.done) {
    const { field, kind } = model.tag();
    if (field !== 7 || kind !== 2) {
      model.skip(kind);
      continue;
    }
    const graph = new WireReader(model.part(), budget);
    let nodes = 0;
    let tensors = 0;
    while (!graph.done) {
      const entry = graph.tag();
      if (entry.field === 1) nodes++;
      if (entry.field === 5) tensors++;
      if (nodes > limits.nodes) {
        throw new OnnxError('over_limit', `the graph has more than ${limits.nodes} nodes`, { most: limits.nodes });
      }
      if (tensors > limits.tensors) {
        throw new OnnxError('over_limit', `the graph has more than ${limits.tensors} tensors`, {
          most: limits.tensors,
        });
      }
      graph.skip(entry.kind);
    }
  }
}

function checkName(name: string, limits: OnnxLimits): string {
  if (name.length > limits.nameLength) {
    throw new OnnxError('name_invalid', `the name ${shown(name)} has more than ${limits.nameLength} characters`);
  }
  // Letters of ASCII hold none of what is looked for.
  if (/^[\w./:-]*$/.test(name) && name !== '__proto__') return name;
  if (/[\p{Cc}\p{Cf}\p{Cs}]/u.test(name) || name === '__proto__' || name.trim() !== name) {
    throw new OnnxError(
      'name_invalid',
      `${shown(name)} cannot be a name: it holds control characters or spaces at its ends`,
    );
  }
  return name;
}

/** The attribute's type numbers of the format, and the field each must be in. */
const attributeFields: ReadonlyMap<number, string> = new Map([
  [1, 'f'],
  [2, 'i'],
  [3, 's'],
  [4, 't'],
  [6, 'floats'],
  [7, 'ints'],
  [8, 'strings'],
]);

function attributeOf(message: Message, where: string, limits: OnnxLimits): readonly [string, FileAttribute] {
  const name = message.get('name') as string | undefined;
  if (name === undefined || !/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name) || name === '__proto__') {
    throw new OnnxError('name_invalid', `${where} has an attribute named ${shown(name ?? '')}`);
  }
  const filled = [...attributeFields.values()].filter((field) => message.has(field));
  const declared = Number((message.get('type') as bigint | undefined) ?? 0n);
  const field = attributeFields.get(declared) ?? filled[0];
  if (declared !== 0 && !attributeFields.has(declared)) {
    throw new OnnxError('unsupported_form', `${where}: attribute ${name} has the type ${declared}, which is not read`);
  }
  if (filled.length > 1 || (filled[0] !== undefined && filled[0] !== field)) {
    throw new OnnxError('malformed', `${where}: attribute ${name} holds values of several types`);
  }
  const value = field === undefined ? undefined : message.get(field);
  switch (field) {
    // An absent number or list is the format's way of writing 0 and none.
    case 'i':
      return [name, { int: (value as bigint | undefined) ?? 0n }];
    case 'f':
      return [name, { float: (value as number | undefined) ?? 0 }];
    case 'ints':
      return [name, { ints: (value as bigint[] | undefined) ?? [] }];
    case 'floats':
      return [name, { floats: Array.from((value as ArrayLike<number> | undefined) ?? []) }];
    case 'strings':
      return [name, { strings: (value as string[] | undefined) ?? [] }];
    case 's': {
      const bytes = (value as Uint8Array | undefined) ?? new Uint8Array();
      if (bytes.byteLength > limits.attributeNumbers) {
        throw new OnnxError('over_limit', `${where}: attribute ${name} is a text of ${bytes.byteLength} bytes`);
      }
      try {
        return [name, { string: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }];
      } catch (cause) {
        throw new OnnxError('malformed', `${where}: attribute ${name} is not UTF-8`, {}, cause);
      }
    }
    case 't':
      if (value !== undefined) return [name, { tensor: fileTensor(value as Message, limits, `${where}.${name}`) }];
      break;
  }
  throw new OnnxError('malformed', `${where}: attribute ${name} has no value`);
}

function nodeOf(message: Message, index: number, limits: OnnxLimits): FileNode {
  const operator = (message.get('opType') as string | undefined) ?? '';
  if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(operator)) {
    throw new OnnxError('name_invalid', `node ${index} has the operator ${shown(operator)}`);
  }
  const name = checkName((message.get('name') as string | undefined) ?? '', limits);
  const where = `node ${index} (${operator})`;
  const domain = (message.get('domain') as string | undefined) ?? '';
  const inputs = (message.get('input') as string[] | undefined) ?? [];
  const outputs = (message.get('output') as string[] | undefined) ?? [];
  if (inputs.length > limits.ports || outputs.length > limits.ports) {
    throw new OnnxError('over_limit', `${where} has more than ${limits.ports} inputs or outputs`);
  }
  if (!outputs.some((output) => output !== '')) throw new OnnxError('malformed', `${where} has no output`);
  for (const value of [...inputs, ...outputs]) checkName(value, limits);
  if (operator === 'If' || operator === 'Loop' || operator === 'Scan') {
    throw new OnnxError('subgraph', `${where}: operators that hold a graph are refused`, { operator });
  }
  const attributes = new Map<string, FileAttribute>();
  for (const entry of (message.get('attribute') as Message[] | undefined) ?? []) {
    const [key, attribute] = attributeOf(entry, where, limits);
    if (attributes.has(key)) throw new OnnxError('duplicate_name', `${where} has two attributes ${key}`);
    const length = 'ints' in attribute ? attribute.ints.length : 'floats' in attribute ? attribute.floats.length : 0;
    // The weights of scikit-learn's linear models are attributes; they are bounded as tensors are.
    if (length > (domain === classicalDomain ? limits.elements : limits.attributeNumbers)) {
      throw new OnnxError('over_limit', `${where}: attribute ${key} has ${length} numbers`);
    }
    attributes.set(key, attribute);
  }
  return { name, operator, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes };
}

function fileValue(message: Message, limits: OnnxLimits): FileValue {
  const name = checkName((message.get('name') as string | undefined) ?? '', limits);
  const where = `value ${shown(name)}`;
  if (name === '') throw new OnnxError('name_invalid', 'an input or output of the graph has no name');
  const type = (message.get('type') as Message | undefined)?.get('tensorType') as Message | undefined;
  if (type === undefined) throw new OnnxError('unsupported_type', `${where} is not said to be a tensor`);
  const dims = (type.get('shape') as Message | undefined)?.get('dim') as Message[] | undefined;
  const shape = type.has('shape')
    ? (dims ?? []).map((dim): number | string => {
        const length = dim.get('value') as bigint | undefined;
        if (length === undefined) return `?${checkName((dim.get('parameter') as string | undefined) ?? '', limits)}`;
        if (length < 0n || length > BigInt(limits.elements)) {
          throw new OnnxError('over_limit', `${where} has the dimension ${length}`);
        }
        return Number(length);
      })
    : null;
  return { name, type: elementType(type.get('elemType'), where), shape };
}

function operatorSetsOf(message: Message): { standard: number; classical: number | null } {
  let standard: number | null = null;
  let classical: number | null = null;
  const domains = new Set<string>();
  for (const entry of (message.get('opsetImport') as Message[] | undefined) ?? []) {
    const written = (entry.get('domain') as string | undefined) ?? '';
    const domain = written === 'ai.onnx' ? '' : written;
    const version = (entry.get('version') as bigint | undefined) ?? 0n;
    if (domains.has(domain)) throw new OnnxError('duplicate_name', `operator set ${shown(domain)} is named twice`);
    domains.add(domain);
    if (domain === '') {
      if (version < BigInt(operatorSets.lowest) || version > BigInt(operatorSets.highest)) {
        throw new OnnxError(
          'unsupported_version',
          `the file uses operator set ${version}; sets ${operatorSets.lowest} to ${operatorSets.highest} are read. Export with opset_version=17, or convert with onnx.version_converter.`,
          { version: String(version) },
        );
      }
      standard = Number(version);
    } else if (domain === classicalDomain) {
      if (version < 1n || version > 5n) {
        throw new OnnxError(
          'unsupported_version',
          `the file uses version ${version} of ${classicalDomain}; 1 to 5 are read`,
        );
      }
      classical = Number(version);
    }
    // Others are refused when a node uses them: exporters name sets they do not need.
  }
  if (standard === null && classical === null) {
    throw new OnnxError('unsupported_version', 'the file does not say which operator set it uses');
  }
  return { standard: standard ?? operatorSets.lowest, classical };
}

/**
 * Reads an ONNX file that nobody vouches for.
 *
 * In time and memory bounded by the file and `limits`; nothing is decoded before it has been counted, and nothing refers
 * outside the bytes. What comes back has unique names, every value made before it is used, dense tensors of the sizes
 * they claim, operators of the default domain and of scikit-learn's alone.
 *
 * @throws OnnxError; whatever the bytes are, nothing else is thrown
 */
export function readOnnx(bytes: Uint8Array, limits: OnnxLimits = defaultLimits): FileModel {
  scan(bytes, limits);
  const message = readMessage(onnxTables(limits), bytes, { entries: limits.entries, fields: limits.fields });
  const ir = message.get('irVersion') as bigint | undefined;
  if (ir === undefined || ir < BigInt(irVersions.lowest) || ir > BigInt(irVersions.highest)) {
    throw new OnnxError(
      ir === undefined ? 'malformed' : 'unsupported_version',
      ir === undefined
        ? 'the file has no format version: it is not an ONNX file'
        : `the file has format version ${ir}; ${irVersions.lowest} to ${irVersions.highest} are read`,
    );
  }
  const { standard, classical } = operatorSetsOf(message);
  const graph = message.get('graph') as Message | undefined;
  if (graph === undefined) throw new OnnxError('malformed', 'the file holds no graph');
  const initializers = new Map<string, FileTensor>();
  for (const entry of (graph.get('initializer') as Message[] | undefined) ?? []) {
    const tensor = fileTensor(entry, limits);
    checkName(tensor.name, limits);
    if (tensor.name === '') throw new OnnxError('name_invalid', 'a stored tensor has no name');
    if (initializers.has(tensor.name)) {
      throw new OnnxError('duplicate_name', `two stored tensors are named ${shown(tensor.name)}`);
    }
    initializers.set(tensor.name, tensor);
  }
  const nodes = ((graph.get('node') as Message[] | undefined) ?? []).map((node, index) => nodeOf(node, index, limits));
  for (const [index, node] of nodes.entries()) {
    const known = node.domain === '' || (node.domain === classicalDomain && classical !== null);
    if (!known) {
      throw new OnnxError(
        'unknown_domain',
        `node ${index} uses ${node.operator} of ${shown(node.domain)}; only ONNX’s own operators are taken, of which docs/bring-your-own.md has the list`,
        { operator: node.operator },
      );
    }
  }
  const values = (field: string): FileValue[] =>
    ((graph.get(field) as Message[] | undefined) ?? []).map((value) => fileValue(value, limits));
  // Before IR version 4 every stored tensor was listed as an input too.
  const listed = values('input');
  const inputs = listed.filter(({ name }) => !initializers.has(name));
  const names = listed.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw new OnnxError('duplicate_name', 'two inputs have one name');
  const model: FileModel = {
    producer:
      `${(message.get('producerName') as string | undefined) ?? ''} ${(message.get('producerVersion') as string | undefined) ?? ''}`
        .replaceAll(/[^\x20-\x7e]/g, '')
        .slice(0, 80)
        .trim(),
    operatorSet: standard,
    classicalSet: classical,
    inputs,
    outputs: values('output'),
    initializers,
    nodes,
  };
  checkOrder(model);
  return model;
}
