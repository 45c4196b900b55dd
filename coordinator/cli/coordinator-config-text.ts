/** The `coordinator.yaml` that `consortium init` writes: every setting, its default and what it does. */
export function coordinatorConfigText(settings: {
  readonly address: string;
  readonly listen: string;
  readonly certificateDays: number;
}): string {
  return `# Settings of this consortium's coordinator. Paths are relative to this directory.
wardround: coordinator/1

# What sites and operators dial; tokens carry it, and the server's certificate names it.
address: ${JSON.stringify(settings.address)}

# What the coordinator listens on: one port for everything. 127.0.0.1 is this machine only.
listen: ${JSON.stringify(settings.listen)}

# Life of server, operator and site certificates. They renew by themselves at two thirds of it.
certificateDays: ${settings.certificateDays}

# Further host names and IP addresses sites or operators dial; the server's certificate names them too.
hosts: []

# debug, info, warn, error or silent. The log holds no secrets and no patient data.
logLevel: info

# Interval of heartbeats with the sites; a side that hears nothing for two of them dials again.
# heartbeatMs: 5000

# Longest wait for a plan's target number of sites once its minimum is here; each round waits anew for a site that is
# missing. Runs keep the value they were started with.
# settleMs: 10000

# Wait before a round is tried again; doubles with each try, up to five minutes.
# retryDelayMs: 2000

# How long calls under way may take to end when the coordinator stops.
# drainMs: 5000
`;
}
