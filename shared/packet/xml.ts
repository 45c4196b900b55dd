/** An element: its name, and its text or its children. */
export interface XmlElement {
  readonly name: string;
  readonly content: string | readonly XmlElement[];
}

export const element = (name: string, content: string | readonly XmlElement[]): XmlElement => ({ name, content });

function escapedText(text: string): string {
  return (
    text
      // XML 1.0 has no place for these, escaped or not.
      .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
  );
}

function written({ name, content }: XmlElement, depth: number, attributes = ''): string {
  const indent = '  '.repeat(depth);
  if (typeof content === 'string') return `${indent}<${name}${attributes}>${escapedText(content)}</${name}>`;
  if (content.length === 0) return `${indent}<${name}${attributes}/>`;
  return `${indent}<${name}${attributes}>\n${content.map((child) => written(child, depth + 1)).join('\n')}\n${indent}</${name}>`;
}

/** A whole document in UTF-8 with one default namespace. */
export function xmlDocument(root: XmlElement, namespace: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${written(root, 0, ` xmlns="${namespace}"`)}\n`;
}
