import { defineConfig } from 'vitest/config';

// `.ci/run` sets this to get a report it can count.
const reportFile = process.env.WARDROUND_TEST_REPORT;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/fixed-seed.ts'],
    pool: 'forks',
    // For machines a few times slower, with other work to do: no test is to fail by the time it takes.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    // Tests that open onnxruntime by themselves: see shared/runtime/no-telemetry.ts.
    env: { ORT_DISABLE_TELEMETRY: '1', ORT_TELEMETRY_DISABLED: '1' },
    expect: { poll: { timeout: 60_000 } },
    ...(reportFile === undefined ? {} : { reporters: ['default', 'json'], outputFile: { json: reportFile } }),
  },
});
