/** Where a slice of an axis of `length` begins and how many elements it has, by ONNX's rules for negative and excessive bounds. */
export function sliceBounds(
  length: number,
  start: number,
  end: number,
  step: number,
): { readonly start: number; readonly count: number } {
  const fromFront = (bound: number): number => (bound < 0 ? bound + length : bound);
  const within = (bound: number, least: number, most: number): number => Math.min(Math.max(bound, least), most);
  if (step > 0) {
    const from = within(fromFront(start), 0, length);
    const to = within(fromFront(end), 0, length);
    return { start: from, count: Math.max(0, Math.ceil((to - from) / step)) };
  }
  const from = within(fromFront(start), 0, length - 1);
  const to = within(fromFront(end), -1, length - 1);
  return { start: from, count: Math.max(0, Math.ceil((to - from) / step)) };
}
