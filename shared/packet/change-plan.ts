import type { LadderStep } from '../plan/judgement.ts';
import { stepWords } from '../report/words.ts';
import { type Entry, entry, listed, open, type PacketDocument, said, tabled } from './document.ts';
import {
  acceptanceCriteria,
  estimateOf,
  federationText,
  inputs,
  modelText,
  monitoring,
  noticesRecord,
  outcome,
  performance,
  planSource,
  policySource,
  purpose,
  softwareSource,
  subgroupPerformance,
  trainingRecord,
  updatesRecord,
} from './facts.ts';
import { knownJudgements, type PacketRecord, policyOf } from './record.ts';

/** One kind of change the plan and the signed policy allow. Anything else has another plan digest, which a hospital must approve anew. */
interface Modification {
  readonly id: string;
  readonly name: string;
  readonly inputs: string;
  readonly automatic: string;
  readonly scope: 'every hospital' | 'one hospital';
  readonly kind: 'release' | 'update' | 'return';
  readonly step?: LadderStep;
}

/** Finite list, derived from plan and policy: further releases, each allowed local update, and the way back. */
export function modifications(record: PacketRecord): readonly Modification[] {
  const { name } = record.plan.plan;
  return [
    {
      id: 'M1',
      name: `A further federated release of ${name}: new weights of the same model family, from the same columns, outcome and preprocessing rules`,
      inputs: 'new training rows of the hospitals, before the training cut-off of the plan that is used',
      automatic:
        'manual: an operator starts a run; each hospital approves the plan; each hospital takes it into use only through its gate',
      scope: 'every hospital',
      kind: 'release',
    },
    ...policyOf(record).update.allowed.map(
      (step, index): Modification => ({
        id: `M${index + 2}`,
        name: `Local update of a release: ${stepWords[step]}`,
        inputs: "the hospital's own earlier judged patients with outcomes; it is judged on later ones",
        automatic:
          'automatic: the gate takes the simplest allowed update that passes, where calibration fails without one',
        scope: 'one hospital',
        kind: 'update',
        step,
      }),
    ),
    {
      id: `M${policyOf(record).update.allowed.length + 2}`,
      name: 'Return to the version before',
      inputs: 'none',
      automatic: 'automatic where harm is shown; manual by the hospital at any time',
      scope: 'one hospital',
      kind: 'return',
    },
  ];
}

function dataManagement(record: PacketRecord, change: Modification): Entry {
  const { data } = record.plan.plan;
  const ref = `${change.id}, data management`;
  const asks = 'How data for the change are collected, kept apart, checked and controlled.';
  if (change.kind === 'return') {
    return entry(
      ref,
      asks,
      said('No data are used: a version that was accepted before is used again.', softwareSource(record)),
    );
  }
  const checks = listed(
    [
      `Rows that do not fit the data contract are left out and counted; above ${data.maximumProblemShare * 100}% of them a hospital refuses to train.`,
      data.trainingCutoff === null
        ? 'The plan has no dates: each hospital declares a holdout, kept apart from training.'
        : `Rows before ${data.trainingCutoff} train; only patients predicted later judge, and none whose earlier outcome may have trained a version.`,
      ...(change.kind === 'update'
        ? [
            `The earliest ${policyOf(record).update.updateShare * 100}% of the judged patients fit the update; only later ones judge it.`,
          ]
        : ['Rows stay at the hospital; what leaves it is in its ledger.']),
    ],
    planSource(record),
  );
  return entry(
    ref,
    asks,
    checks,
    ...(change.kind === 'release'
      ? [
          open(
            'How hospitals and their patients are chosen so that they represent those the model is for, and how reference outcomes are established.',
            'the manufacturer or provider',
          ),
        ]
      : []),
  );
}

function retraining(record: PacketRecord, change: Modification): Entry {
  const ref = `${change.id}, re-training`;
  const asks = 'What is changed and what is not, and by which method.';
  if (change.kind === 'release') {
    return entry(
      ref,
      asks,
      said(modelText(record.plan.plan), planSource(record)),
      said(federationText(record.plan.plan), planSource(record)),
      trainingRecord(record),
    );
  }
  if (change.kind === 'return') return entry(ref, asks, said('Nothing is trained.', softwareSource(record)));
  return entry(
    ref,
    asks,
    said(
      change.step === 'last_layer' || change.step === 'full'
        ? 'Layers of the released network are trained on at the hospital; the rest of the model, its columns and its preprocessing stay as released.'
        : "The released model stays as it is; its risks pass through a recalibration fitted on the hospital's earlier patients. The update becomes a signed local variant with its own digest and names its parent.",
      softwareSource(record),
    ),
    said(`The closed test between updates is done at ${policyOf(record).update.alpha}.`, policySource(record)),
  );
}

function evaluation(record: PacketRecord, change: Modification): Entry {
  const ref = `${change.id}, performance evaluation`;
  const asks =
    'Acceptance criteria set beforehand, test data apart from training, the statistical plan, and what happens on failure.';
  if (change.kind === 'return') {
    return entry(
      ref,
      asks,
      said(
        'The version returned to passed this gate when it was accepted; it is not judged anew before the return.',
        softwareSource(record),
      ),
    );
  }
  const { update, calibration } = policyOf(record);
  return entry(
    ref,
    asks,
    acceptanceCriteria(record),
    ...(change.kind === 'update'
      ? [
          said(
            `On later patients only: calibration in range, AUROC at the floor; for an update that trains layers also non-inferior to the model in use, and at most ${update.forgettingMargin} of AUROC forgotten on the consortium's case mix.`,
            policySource(record),
          ),
          updatesRecord(record),
        ]
      : [performance(record), subgroupPerformance(record)]),
    said(
      `On failure the release is rejected or held, and the model in use stays. Calibration that fails without a repair: ${calibration.onFailure}. The gate decides by a pure function of policy, package and evidence; a decision can be replayed byte for byte.`,
      policySource(record),
    ),
    open(
      'Whether these criteria keep the device as safe and effective as it was assessed to be, and why the margins are the right ones.',
      'the manufacturer or provider',
    ),
  );
}

function updateProcedures(record: PacketRecord, change: Modification): Entry {
  const { override } = policyOf(record);
  return entry(
    `${change.id}, update procedures`,
    'Roll-out, word to users, labelling, monitoring after it, and the way back.',
    said(
      change.kind === 'return'
        ? 'The version before is used from the moment of the return; the change of state is told to the consortium.'
        : 'A hospital uses it from the moment its own gate accepts it, and never before; the version before is kept for the way back.',
      softwareSource(record),
    ),
    said(
      override.roles.length < 2
        ? 'Nobody may accept a held release against the gate: the policy names fewer than two roles. Being stricter is always allowed.'
        : `Two people in two different roles of these may together accept a held release: ${override.roles.join(', ')}. Each statement is signed and recorded. Being stricter is always allowed.`,
      policySource(record),
    ),
    monitoring(record),
    open('How users are told of the change, and the labelling after it.', 'the manufacturer or provider'),
    open('Who at the hospital tells its users, and when.', 'the hospital'),
  );
}

function impact(record: PacketRecord, change: Modification): Entry {
  const measured = knownJudgements(record)
    .filter(
      ({ decision, update }) =>
        decision === 'accept' && (change.kind === 'update' ? update === change.step : change.kind === 'release'),
    )
    .map(({ site, version, at, evidence }) => [
      site,
      version,
      at.slice(0, 10),
      evidence.current === null ? 'no model in use' : estimateOf(evidence.auroc.difference),
      estimateOf(evidence.performance?.new.calibration.observedExpected, 2),
    ]);
  return entry(
    `${change.id}, impact`,
    'Benefit and risk of the change, and how the protocol controls the risk.',
    change.kind === 'return'
      ? said(
          'Controls: only a version accepted here before can be returned to; each return is recorded.',
          softwareSource(record),
        )
      : measured.length === 0
        ? said('No accepted change of this kind is on record, so nothing was measured yet.', 'judgements')
        : tabled(
            ['hospital', 'release', 'judged', 'AUROC less current (95%)', 'observed over expected (95%)'],
            measured,
            'judgements that accepted such a change',
          ),
    open(
      'Expected benefit of this change to patients, and its risks, also to those in no subgroup of the plan.',
      'the manufacturer or provider',
    ),
  );
}

function decisionsRecord(record: PacketRecord): Entry {
  const judgements = knownJudgements(record);
  return entry(
    'Record 1',
    'Every decision of the gate under this plan and its forerunners on record.',
    judgements.length === 0
      ? said('No judgement is on record.', 'judgements')
      : tabled(
          ['when', 'hospital', 'release', 'decision', 'local update', 'reasons', 'evidence'],
          judgements.map(({ at, site, version, decision, update, reasons, evidenceDigest }) => [
            at,
            site,
            version,
            decision,
            update === null ? '' : stepWords[update],
            [...new Set(reasons.map(({ code }) => code))].join(', '),
            evidenceDigest?.slice(0, 16) ?? 'kept at the hospital',
          ]),
          'evidence files and shared judgements',
        ),
  );
}

function peopleRecord(record: PacketRecord): Entry {
  const people = record.site?.people ?? [];
  return entry(
    'Record 2',
    'Every decision of people against the gate.',
    record.site === null
      ? said(
          'Names and reasons stay at the hospitals; by role they are in the notices of record 3.',
          softwareSource(record),
        )
      : people.length === 0
        ? said('Nobody decided against the gate at this hospital.', `decisions of people at ${record.site.site}`)
        : tabled(
            ['when', 'release', 'what', 'role', 'name', 'reason', 'signature', 'evidence'],
            people.map(({ at, version, kind, role, name, reason, signed, evidence }) => [
              at,
              version,
              kind,
              role,
              name,
              reason,
              signed ? 'holds' : 'does not hold',
              evidence.slice(0, 16),
            ]),
            `decisions of people at ${record.site.site}`,
          ),
  );
}

/** Each modification with where its method, its acceptance and its impact stand, and what on record bears on it. */
function traceability(record: PacketRecord): Entry {
  const judgements = knownJudgements(record);
  const evidence = (change: Modification): string => {
    const bearing = judgements.filter(({ update }) =>
      change.kind === 'update' ? update === change.step : change.kind === 'release',
    );
    if (change.kind === 'return') return 'record 3';
    return bearing.length === 0
      ? 'none yet'
      : bearing.map(({ site, version, decision }) => `${version} at ${site}: ${decision}`).join('; ');
  };
  return entry(
    'Traceability',
    'From each modification to its protocol, its impact and what is on record.',
    tabled(
      ['modification', 'data', 're-training', 'evaluation', 'update', 'impact', 'on record'],
      modifications(record).map((change) => [
        `${change.id}: ${change.name}`,
        `${change.id}, data management`,
        `${change.id}, re-training`,
        `${change.id}, performance evaluation`,
        `${change.id}, update procedures`,
        `${change.id}, impact`,
        evidence(change),
      ]),
      'parts 1 to 3 and the record',
    ),
  );
}

/** The predetermined change-control plan in its three parts with the traceability table, and what happened under it. */
export function changePlan(record: PacketRecord): PacketDocument {
  const changes = modifications(record);
  return {
    name: 'change-plan',
    title: 'Predetermined change-control plan',
    framework:
      'Parts as in FDA, Marketing Submission Recommendations for a Predetermined Change Control Plan for AI-Enabled Device Software Functions (final December 2024, re-issued August 2025); AI Act Article 43(4) and Annex IV 2(f) ask for the same.',
    introduction:
      'Derived from the plan and the signed policy. The list of modifications is finite: anything else, such as another column, outcome, purpose or model family, gives another plan digest, and the software refuses it until the hospital has approved that plan.',
    sections: [
      {
        title: 'Part 1. Description of modifications',
        entries: [
          entry('Device', 'What is changed.', purpose(record), inputs(record), outcome(record)),
          entry(
            'List',
            'Each modification: what, from what, automatic or by hand, everywhere or at one hospital.',
            tabled(
              ['', 'modification', 'inputs', 'automatic or manual', 'where'],
              changes.map((change) => [change.id, change.name, change.inputs, change.automatic, change.scope]),
              `${planSource(record)}; ${policySource(record)}`,
            ),
            open('The rationale of each modification.', 'the manufacturer or provider'),
          ),
        ],
      },
      {
        title: 'Part 2. Modification protocol',
        entries: changes.flatMap((change) => [
          dataManagement(record, change),
          retraining(record, change),
          evaluation(record, change),
          updateProcedures(record, change),
        ]),
      },
      {
        title: 'Part 3. Impact assessment',
        entries: [
          ...changes.map((change) => impact(record, change)),
          entry(
            'Together',
            'Benefit and risk of the modifications together.',
            said(
              'A local update is fitted to one release; a further release is compared with the model in use with its update, on the same patients. Error is spent over repeated looks at a release, and the false-alarm budget of the monitor covers all signals together.',
              policySource(record),
            ),
            open(
              'Benefit and risk of the modifications together, also over many releases.',
              'the manufacturer or provider',
            ),
          ),
        ],
      },
      { title: 'Traceability', entries: [traceability(record)] },
      {
        title: 'What happened under this plan',
        entries: [
          decisionsRecord(record),
          peopleRecord(record),
          entry('Record 3', 'Changes of state, alarms and returns.', noticesRecord(record)),
        ],
      },
    ],
  };
}
