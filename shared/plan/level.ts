/**
 * The form in which a level of a categorical column or of the label is compared: trimmed, and a plain decimal number without
 * a leading +, leading zeros or a fraction of zeros, so that `1.0`, `01` and `1` are one level. Digits are kept as text: no
 * rounding, so long codes stay apart.
 */
export function normaliseLevel(level: string): string {
  const text = level.trim();
  const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (match === null) return text;
  const whole = (match[2] as string).replace(/^0+(?=\d)/, '');
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  const digits = fraction === '' ? whole : `${whole}.${fraction}`;
  return match[1] === '-' && digits !== '0' ? `-${digits}` : digits;
}
