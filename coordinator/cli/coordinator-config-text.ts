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

# debug, info, warn or error. The log holds no secrets and no patient data.
logLevel: info
`;
}
