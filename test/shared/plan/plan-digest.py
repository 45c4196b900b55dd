"""The digest of test/support/heart-plan.yaml, and of a short policy, made without any of Wardround's code:
python3 test/shared/plan/plan-digest.py

The plan is written out with every default. Canonical JSON (RFC 8785) of it is JSON with sorted keys and no white space;
of its numbers only 1e-7 is spelled differently by Python (1e-07).
"""
import hashlib
import json

plan = {
    "wardround": "plan/1",
    "name": "heart-disease",
    "purpose": "Risk of coronary artery disease on angiography, from what is known before it.\n",
    "task": {"kind": "binary"},
    "data": {
        "columns": [
            {
                "name": "age",
                "kind": "continuous",
                "unit": "years",
                "range": [18, 110],
                "missing": "impute",
                "edges": [40, 50, 55, 60, 70],
            },
            {"name": "sex", "kind": "categorical", "levels": ["female", "male"], "missing": "indicator"},
            {
                "name": "st_depression",
                "kind": "continuous",
                "description": "ST depression on exercise against rest",
                "unit": "mm",
                "range": [-4, 10],
                "missing": "indicator",
                "edges": [0.1, 0.8, 1.5, 2.5],
            },
        ],
        "label": {"name": "disease", "levels": ["0", "1"]},
        "patientKey": "patient",
        "time": "admitted",
        "trainingCutoff": "2024-01-01",
        "outcomeWindowDays": 0,
        "subgroups": [
            {"name": "women", "column": "sex", "level": "female"},
            {"name": "over 65", "column": "age", "atLeast": 65},
        ],
        "maximumProblemShare": 0.05,
    },
    "model": {"family": "mlp", "hidden": [16, 8], "activation": "relu"},
    "training": {
        "optimiser": {"kind": "adam", "rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
        "batch": 32,
        "work": {"epochs": 1},
        "l2": 0.0001,
        "seed": 7,
    },
    "federation": {
        "strategy": {"kind": "fedavg"},
        "rounds": 10,
        "sites": {"minimum": 3, "target": 4},
        "roundDeadlineSeconds": 600,
        "graceSeconds": 0,
        "retries": 2,
        "weightCap": 1000,
        "maximumDeltaNorm": 10,
        "minimumCount": 11,
        "judgementDeadlineSeconds": 86400,
    },
    "gate": {
        "wardround": "policy/1",
        "name": "default",
        "auroc": {"margin": 0.02, "floor": 0.7},
        "netBenefit": {"threshold": None, "margin": 0.002, "range": [0.05, 0.5]},
        "minimumEvents": 20,
        "minimumNonEvents": 100,
        "calibration": {
            "slope": [0.7, 1.4],
            "intercept": [-0.22, 0.22],
            "observedExpected": [0.8, 1.25],
            "ici": 0.03,
            "onFailure": "reject",
        },
        "shift": {"falseDiscoveryRate": 0.05, "psi": 0.2, "onFound": "report", "onUnitChange": "hold"},
        "missingness": {"maximumRate": 0.1, "referenceMultiple": 2, "onFailure": "hold"},
        "data": {"maximumUnseenShare": 0.01, "maximumPendingShare": 0.2, "maximumAgeDays": 730, "onFailure": "hold"},
        "subgroups": {"minimumEvents": 20, "margin": 0.05, "alpha": 0.05, "protected": [], "onUnjudged": "hold"},
        "slices": {"falseDiscoveryRate": 0.1, "minimumRows": 30, "minimumEvents": 11},
        "review": {"domainClassifier": 0.7},
        "looks": {"maximum": 4, "spending": "pocock"},
        "update": {
            "allowed": [],
            "alpha": 0.05,
            "updateShare": 0.5,
            "isotonicMinimum": {"rows": 1000, "events": 200},
            "forgettingMargin": 0.02,
        },
        "override": {"roles": []},
        "monitor": {
            "falseAlarmRate": 0.05,
            "lifetimePatients": 10000,
            "brierTolerance": 0.02,
            "warnEvidence": 5,
            "oddsRatio": 2,
            "windowPatients": 200,
            "windowWarn": 2,
            "windowAlarm": 3,
            "scaledWasserstein": 0.2,
            "jensenShannon": 0.1,
            "priorRatio": [0.5, 2],
            "volumeDeviations": 2,
            "maximumDays": 90,
        },
        "acceptRetrospective": False,
        "holdDays": 90,
    },
}


def digest(value):
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).replace("1e-07", "1e-7")
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


print("plan  ", digest(plan))
# name: Ward 3, auroc.floor 0.75, and every default.
policy = {
    **plan["gate"],
    "name": "Ward 3",
    "auroc": {"margin": 0.02, "floor": 0.75},
    "minimumEvents": 100,
    "calibration": {**plan["gate"]["calibration"], "slope": [0.8, 1.25]},
}
print("policy", digest(policy))
