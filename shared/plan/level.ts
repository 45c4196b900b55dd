/**
 * The form in which a level of a categorical column or label is compared: the text without white space around it,
 * and a number in its shortest form, so that `1`, `1.0` and `+1` are one level. Codes with more digits than a
 * float64 keeps apart stay text.
 */
export function normalisedLevel(level: string): string {
  const text = level.trim();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return text;
  const value = Number(text);
  const digits = text.replace(/e.*$/i, '').replaceAll(/\D/g, '').replace(/^0+/, '').length;
  // Adding 0 turns -0 into 0.
  return Number.isFinite(value) && digits <= 15 ? String(value + 0) : text;
}
