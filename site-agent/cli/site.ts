import type { Command } from 'commander';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { registerCheck } from './check.ts';
import { registerJudgeAgain } from './judge-again.ts';
import { registerLedger } from './ledger.ts';
import { registerModels } from './models.ts';
import { registerMonitor } from './monitor.ts';
import { registerPeople } from './people.ts';
import { registerPlans } from './plans.ts';
import { registerPredict } from './predict.ts';
import { registerReport } from './report.ts';
import { registerScore } from './score.ts';
import { registerStart } from './start.ts';
import { registerStatus } from './status.ts';
import { registerTrain } from './train.ts';

/** Adds the commands of a hospital's agent to `wardround site`. */
export function register(program: Command): void {
  const site = commandGroup(program, 'site', "a hospital's agent: enrol, check, run, approve, judge, predict");
  registerCheck(site);
  registerTrain(site);
  registerStart(site);
  registerStatus(site);
  registerPlans(site);
  registerLedger(site);
  registerModels(site);
  registerScore(site);
  registerMonitor(site);
  registerJudgeAgain(site);
  registerPeople(site);
  registerReport(site);
  registerPredict(site);
}
