/** One line of printable text: what a site writes is shown to operators, on terminals and web pages. */
export function plainText(text: string, mostCharacters: number): string {
  const plain = String(text).replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]+/gu, ' ');
  return [...plain].slice(0, mostCharacters).join('');
}
