import { join } from 'node:path';
import { z } from 'zod';
import { readYamlFile } from '../shared/runtime/config-file.ts';

const socketAddress = z
  .string()
  .regex(
    /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{1,253}):\d{1,5}$/,
    'must be host:port, such as 127.0.0.1:7443 or [::1]:7443',
  )
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'the port must be at most 65535');

/** `coordinator.yaml`. Every setting may also come from the environment: `WARDROUND_COORDINATOR__LOG_LEVEL=debug`. */
export const coordinatorConfigSchema = z.strictObject({
  wardround: z.literal('coordinator/1'),
  /** What sites and operators dial; tokens carry it, and the server's certificate names it. */
  address: socketAddress,
  /** What the coordinator listens on: one port for everything. Port 0 takes a free one. */
  listen: socketAddress,
  /** Further names the server's certificate is made for. */
  hosts: z.array(z.string().min(1)).max(50).default([]),
  /** Life of server, operator and site certificates. */
  certificateDays: z.number().min(0.04).max(397).default(30),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Interval of heartbeats on the sites' streams. */
  heartbeatMs: z.int().min(500).max(60_000).default(5_000),
  /** Longest wait for a plan's target number of sites once its minimum is here. */
  settleMs: z.int().min(0).max(86_400_000).default(10_000),
  /** Wait before a round is tried again; doubles with each try. */
  retryDelayMs: z.int().min(0).max(300_000).default(2_000),
  /** How long calls under way may take to end when the coordinator stops. */
  drainMs: z.int().min(0).max(600_000).default(5_000),
});

export type CoordinatorConfig = z.output<typeof coordinatorConfigSchema>;

/**
 * Reads `coordinator.yaml` of a consortium's directory.
 * @throws ConfigError naming the file, every path that is wrong, the value found and what to do
 */
export async function readCoordinatorConfig(directory: string): Promise<CoordinatorConfig> {
  return readYamlFile(join(directory, 'coordinator.yaml'), coordinatorConfigSchema, {
    env: process.env,
    prefix: 'WARDROUND_COORDINATOR',
  });
}

/** Host and port of an address that has passed the schema; brackets are taken off. */
export function splitListen(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}
