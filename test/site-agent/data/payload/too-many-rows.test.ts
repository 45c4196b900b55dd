import { expect, it } from 'vitest';
import { machineMemoryBytes } from '../../../../shared/runtime/machine-memory.ts';
import { attachPayload } from '../../../../site-agent/data/payload/attach-payload.ts';
import { planAround, series } from '../../../support/brought-plans.ts';

it('series that would fill the machine are refused before the system ends the agent', async () => {
  const { data } = planAround({ payload: series });
  // 12 steps of 5 channels in float32; a little less than there is, which the system would grant and then not have.
  const rows = Math.floor((0.8 * machineMemoryBytes()) / (12 * 5 * 4));
  const part = { table: { rows }, rowNumbers: [], payloadKeys: [] };
  const source = { kind: 'series' };
  await expect(attachPayload(part as never, data, source as never, {} as never)).rejects.toMatchObject({
    code: 'out_of_memory',
    details: { rows, bytes: rows * 240 },
  });
});
