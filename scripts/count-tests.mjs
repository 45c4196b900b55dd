// Reads vitest's JSON report and prints what was skipped, with its name, and the counts as the last line.
import { readFileSync } from 'node:fs';

const [file] = process.argv.slice(2);
let report;
try {
  report = JSON.parse(readFileSync(file, 'utf8'));
} catch (error) {
  console.log(`No test report could be read: ${error.message}`);
  console.log('0 passed, 1 failed, 0 skipped');
  process.exit(1);
}
const tests = report.testResults.flatMap((suite) => suite.assertionResults);
const skipped = tests.filter(
  (test) => test.status === 'pending' || test.status === 'skipped' || test.status === 'todo',
);
// A file that could not even be loaded has no tests of its own to count.
const brokenSuites = report.testResults.filter(
  (suite) => suite.status === 'failed' && suite.assertionResults.length === 0,
);
const failed = tests.filter((test) => test.status === 'failed');
const passed = tests.filter((test) => test.status === 'passed');

for (const test of skipped) console.log(`skipped: ${test.fullName}`);
for (const test of failed) console.log(`failed: ${test.fullName}`);
for (const suite of brokenSuites) console.log(`failed to load: ${suite.name.replace(`${process.cwd()}/`, '')}`);
console.log(`${passed.length} passed, ${failed.length + brokenSuites.length} failed, ${skipped.length} skipped`);
process.exit(failed.length + brokenSuites.length > 0 || passed.length === 0 ? 1 : 0);
