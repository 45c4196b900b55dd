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
  type YAMLMap,
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

interface Entry {
  readonly key: Node | null;
  readonly value: Node | null;
}

/** Finds nodes by path. Keys are indexed once a map: a file of a hundred thousand wrong keys must not take minutes to refuse. */
class NodeFinder {
  readonly #root: unknown;
  readonly #entries = new WeakMap<YAMLMap, ReadonlyMap<string, Entry>>();

  constructor(root: unknown) {
    this.#root = root;
  }

  entries(map: YAMLMap): ReadonlyMap<string, Entry> {
    let entries = this.#entries.get(map);
    if (entries === undefined) {
      entries = new Map(
        map.items.map(({ key, value }) => [
          isScalar(key) ? String(key.value) : '',
          { key: isNode(key) ? key : null, value: isNode(value) ? value : null },
        ]),
      );
      this.#entries.set(map, entries);
    }
    return entries;
  }

  /** The node at `path`, or its nearest parent that is there. */
  nearest(path: readonly PropertyKey[]): Node | null {
    let nearest = isNode(this.#root) ? this.#root : null;
    for (const part of path) {
      let next: unknown;
      if (isSeq(nearest) && typeof part === 'number') next = nearest.items[part];
      else if (isMap(nearest)) next = this.entries(nearest).get(String(part))?.value;
      if (!isNode(next)) return nearest;
      nearest = next;
    }
    return nearest;
  }
}

function syntaxProblems(document: Document.Parsed, counter: LineCounter): Problem[] {
  return [...document.errors, ...document.warnings].map((problem): Problem => {
    const { line, col } = counter.linePos(problem.pos[0]);
    const position = { line: Math.max(1, line), column: Math.max(1, col) };
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
      // Checked below; the library compares each key with each other.
      uniqueKeys: false,
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
    const finder = new NodeFinder(document.contents);
    visit(document, {
      Map(_, map) {
        const seen = new Set<string>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          const name = String(key.value);
          if (seen.has(name)) {
            found.push({
              code: 'duplicate_key',
              path: name,
              message: 'this key is written twice in the same place; remove one of them',
              position: at(key),
            });
          }
          seen.add(name);
        }
        return undefined;
      },
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
          const node = finder.nearest(path);
          if (node === null) return null;
          const written = key !== undefined && isMap(node) ? finder.entries(node).get(key)?.key : null;
          return at(written ?? node);
        },
      },
    };
  } catch (cause) {
    // The library recurses; only nesting beyond all reason brings it here.
    if (cause instanceof RangeError) return refusal('yaml_syntax', `nested more than ${maximumDepth} levels deep`);
    return refusal('yaml_syntax', `not readable as YAML: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
