import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml';
import type { Position, Problem, ProblemCode } from './problem.ts';

/** A YAML text turned into plain values, which remembers where each stood. */
export interface YamlSource {
  readonly value: unknown;
  /** Where the value at `path` stands, or where its nearest parent does when it is missing. With `key`, where that key of it is written. */
  locate(path: readonly PropertyKey[], key?: string): Position | null;
}

export type YamlResult =
  | { readonly ok: true; readonly source: YamlSource }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Levels of nesting a file may have; far more than any file of ours, far fewer than would exhaust the stack. */
const maximumDepth = 64;

function refusal(code: ProblemCode, message: string, position: Position | null = null, path = ''): YamlResult {
  return { ok: false, problems: [{ code, path, message, position }] };
}

function nodeAt(root: unknown, path: readonly PropertyKey[]): Node | null {
  let node: unknown = root;
  let nearest: Node | null = isNode(root) ? root : null;
  for (const part of path) {
    if (isSeq(node) && typeof part === 'number') node = node.items[part];
    else if (isMap(node)) {
      node = node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(part))?.value;
    } else return nearest;
    if (!isNode(node)) return nearest;
    nearest = node;
  }
  return nearest;
}

function syntaxProblems(document: Document.Parsed, counter: LineCounter): Problem[] {
  return [...document.errors, ...document.warnings].map((problem): Problem => {
    const { line, col } = counter.linePos(problem.pos[0]);
    const position = { line: Math.max(1, line), column: Math.max(1, col) };
    if (problem.code === 'DUPLICATE_KEY') {
      return {
        code: 'duplicate_key',
        path: '',
        message: 'this key is written twice in the same place; remove one of them',
        position,
      };
    }
    // The library's own text goes on with a copy of the lines; the position says it shorter.
    const text = (problem.message.split('\n')[0] as string).replace(/ at line \d+, column \d+:?$/, '');
    return { code: 'yaml_syntax', path: '', message: `not readable as YAML: ${text}`, position };
  });
}

/**
 * Reads one YAML 1.2 document (JSON is YAML too). Refused: more than `maximumBytes`, more than one document, a key written
 * twice, anchors and aliases (a few lines of them can expand without bound), tags of other types, and deep nesting.
 */
export function parseYaml(text: string, maximumBytes: number): YamlResult {
  const bytes = Buffer.byteLength(text, 'utf8');
  if (bytes > maximumBytes) {
    return refusal('too_large', `the file has ${bytes} bytes; the most is ${maximumBytes}. Is it the right file?`);
  }
  const counter = new LineCounter();
  try {
    const documents = parseAllDocuments(text.startsWith('\ufeff') ? text.slice(1) : text, {
      lineCounter: counter,
      uniqueKeys: true,
      version: '1.2',
      prettyErrors: false,
      logLevel: 'silent',
      stringKeys: true,
    });
    const document = Array.isArray(documents) ? documents[0] : undefined;
    if (document === undefined) return refusal('yaml_syntax', 'the file is empty');
    const problems = syntaxProblems(document, counter);
    if (problems.length > 0) return { ok: false, problems };
    if (documents.length > 1) {
      return refusal('yaml_syntax', 'the file holds several documents (a line of ---); keep one');
    }
    const found: Problem[] = [];
    const at = (node: Node): Position | null => {
      if (!node.range) return null;
      const { line, col } = counter.linePos(node.range[0]);
      return { line: Math.max(1, line), column: Math.max(1, col) };
    };
    visit(document, {
      Node(_, node, ancestors) {
        if (isAlias(node) || ('anchor' in node && node.anchor !== undefined)) {
          found.push({
            code: 'yaml_syntax',
            path: '',
            message: 'anchors (&name) and aliases (*name) are not taken; write the value out',
            position: at(node),
          });
          return visit.BREAK;
        }
        if (isCollection(node) && ancestors.filter(isCollection).length >= maximumDepth) {
          found.push({
            code: 'yaml_syntax',
            path: '',
            message: `nested more than ${maximumDepth} levels deep`,
            position: at(node),
          });
          return visit.BREAK;
        }
        return undefined;
      },
    });
    if (found.length > 0) return { ok: false, problems: found };
    const value: unknown = document.toJS({ maxAliasCount: 0 });
    if (value === null || value === undefined) return refusal('yaml_syntax', 'the file is empty');
    return {
      ok: true,
      source: {
        value,
        locate(path, key) {
          const node = nodeAt(document.contents, path);
          if (node === null) return null;
          if (key !== undefined && isMap(node)) {
            const written = node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)?.key;
            if (isNode(written)) return at(written);
          }
          return at(node);
        },
      },
    };
  } catch (cause) {
    // The library recurses; only nesting beyond all reason brings it here.
    if (cause instanceof RangeError) return refusal('yaml_syntax', `nested more than ${maximumDepth} levels deep`);
    return refusal('yaml_syntax', `not readable as YAML: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
