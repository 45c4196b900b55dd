import { describe, expect, it } from 'vitest';
import { createQueue, type Queue } from '../../../shared/runtime/queue.ts';

async function readAll<T>(queue: Queue<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of queue) items.push(item);
  return items;
}

describe('createQueue', () => {
  it('gives items in order, and what waits before the end', async () => {
    const queue = createQueue<number>(10);
    for (const item of [1, 2, 3]) expect(queue.push(item)).toBe(true);
    queue.end();
    expect(queue.push(4)).toBe(false);
    expect(await readAll(queue)).toEqual([1, 2, 3]);
  });

  it('passes undefined, null and 0 through', async () => {
    const queue = createQueue<number | null | undefined>(4);
    for (const item of [undefined, null, 0]) queue.push(item);
    queue.end();
    expect(await readAll(queue)).toEqual([undefined, null, 0]);
  });

  it('takes no more than its limit, and again when there is room', async () => {
    const queue = createQueue<number>(2);
    expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);
    expect(queue.size).toBe(2);
    const reader = queue[Symbol.asyncIterator]();
    expect(await reader.next()).toEqual({ done: false, value: 1 });
    expect(queue.push(3)).toBe(true);
    expect(await reader.next()).toEqual({ done: false, value: 2 });
    expect(await reader.next()).toEqual({ done: false, value: 3 });
  });

  it('hands an item straight to a reader that waits', async () => {
    const queue = createQueue<string>(1);
    const reader = queue[Symbol.asyncIterator]();
    const [first, second] = [reader.next(), reader.next()];
    expect([queue.push('a'), queue.push('b'), queue.push('c'), queue.push('d')]).toEqual([true, true, true, false]);
    expect([(await first).value, (await second).value]).toEqual(['a', 'b']);
  });

  it('lets writers wait for room, in the order they came', async () => {
    const queue = createQueue<number>(1);
    const sent = [1, 2, 3, 4].map((item) => queue.send(item));
    const reader = queue[Symbol.asyncIterator]();
    for (const item of [1, 2, 3, 4]) expect(await reader.next()).toEqual({ done: false, value: item });
    expect(await Promise.all(sent)).toEqual([true, true, true, true]);
    expect(queue.size).toBe(0);
  });

  it('keeps a push that finds room from overtaking nobody it should not: memory stays bounded', async () => {
    const queue = createQueue<number>(3);
    let most = 0;
    const writer = (async () => {
      for (let item = 0; item < 200; item++) {
        await queue.send(item);
        most = Math.max(most, queue.size);
      }
      queue.end();
    })();
    const items = await readAll(queue);
    await writer;
    expect(items).toEqual(Array.from({ length: 200 }, (_, item) => item));
    expect(most).toBeLessThanOrEqual(3);
  });

  it('gives what waits before a failure, then the failure once, then the end', async () => {
    const queue = createQueue<number>(2);
    const failure = new Error('broken');
    queue.push(1);
    queue.fail(failure);
    queue.end();
    const reader = queue[Symbol.asyncIterator]();
    expect(await reader.next()).toEqual({ done: false, value: 1 });
    await expect(reader.next()).rejects.toBe(failure);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it('wakes a reader that waits when it ends or fails', async () => {
    const ended = createQueue<number>(1);
    const end = ended[Symbol.asyncIterator]().next();
    ended.end();
    expect(await end).toEqual({ done: true, value: undefined });
    const failed = createQueue<number>(1);
    const outcome = expect(failed[Symbol.asyncIterator]().next()).rejects.toThrow('broken');
    failed.fail(new Error('broken'));
    await outcome;
  });

  it('closes when its reader leaves, drops what waits and tells the writers', async () => {
    const queue = createQueue<number>(1);
    queue.push(1);
    const waiting = queue.send(2);
    for await (const item of queue) {
      expect(item).toBe(1);
      break;
    }
    expect(queue.closed).toBe(true);
    expect(queue.size).toBe(0);
    expect(queue.push(3)).toBe(false);
    // Room came when item 1 was read, so the writer was served before the reader left.
    expect(await waiting).toBe(true);
    expect(await queue.send(4)).toBe(false);
  });

  it('tells waiting writers when it ends', async () => {
    const queue = createQueue<number>(1);
    queue.push(1);
    const waiting = queue.send(2);
    queue.end();
    expect(await waiting).toBe(false);
    expect(await readAll(queue)).toEqual([1]);
  });

  it('lets a writer give up: its item is not sent later', async () => {
    const queue = createQueue<number>(1);
    const controller = new AbortController();
    queue.push(1);
    const waiting = queue.send(2, controller.signal);
    controller.abort(new Error('gave up'));
    await expect(waiting).rejects.toThrow('gave up');
    await expect(queue.send(3, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    queue.end();
    expect(await readAll(queue)).toEqual([1]);
  });

  it('has one reader and a limit that makes sense', () => {
    const queue = createQueue<number>(1);
    queue[Symbol.asyncIterator]();
    expect(() => queue[Symbol.asyncIterator]()).toThrow('one reader');
    for (const limit of [0, -1, 1.5, Number.NaN]) expect(() => createQueue(limit)).toThrow(RangeError);
  });
});
