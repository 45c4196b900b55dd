/** Bounds on what is read of a file, so that no file can take more time or memory than this. */
export interface OnnxLimits {
  /** Of the whole file. */
  readonly bytes: number;
  readonly nodes: number;
  /** Stored tensors, of the graph and inside Constant nodes. */
  readonly tensors: number;
  /** Values of one tensor, stored or computed while shapes are worked out. */
  readonly elements: number;
  /** Values of a tensor of integers or doubles that is written as a list instead of as bytes. */
  readonly integers: number;
  readonly rank: number;
  /** Characters of a name. */
  readonly nameLength: number;
  /** Inputs or outputs of one node. */
  readonly ports: number;
  /** Attributes of one node; numbers in one are bounded by `attributeNumbers`. */
  readonly attributes: number;
  readonly attributeNumbers: number;
  /** Constants that become part of the plan, in numbers over all of them. */
  readonly constants: number;
  /** Values of all constants of a plan once they are written out: a single number may stand for a whole tensor. */
  readonly constantElements: number;
  /** Numbers read and made, over the whole file, while constants and shapes are worked out. */
  readonly computed: number;
  /** Numbers in lists over the whole file; a name, node or attribute counts for sixteen. Numbers written as bytes cost nothing. */
  readonly entries: number;
  /** Fields over the whole file, those that are passed over too. */
  readonly fields: number;
  /** Values of a stored tensor that are read; of one that has more, type and shape alone are, and its data stay empty. */
  readonly kept: number;
}

/** 64 million weights in float32; a plan of 1 MiB holds about 10 000 nodes. */
export const defaultLimits: OnnxLimits = {
  bytes: 256 * 1024 * 1024,
  nodes: 10_000,
  tensors: 10_000,
  elements: 64 * 1024 * 1024,
  integers: 1024 * 1024,
  rank: 8,
  nameLength: 1000,
  ports: 512,
  attributes: 64,
  attributeNumbers: 4096,
  constants: 20_000,
  constantElements: 4 * 1024 * 1024,
  computed: 8 * 1024 * 1024,
  entries: 2 * 1024 * 1024,
  fields: 4 * 1024 * 1024,
  kept: Number.POSITIVE_INFINITY,
};

/**
 * Bounds on a released model whose shapes alone are read, before it is run as it is. A file of protocol buffers has no more bytes; weights
 * are not looked at; recurrences are written out step by step, so there may be more nodes than in a network that a plan holds: as many as a
 * training step may have, and some thousands that prepare the columns. A runtime opens these in 22 s where every node reads one and the same
 * value, 100,000 would take minutes, and it cannot be broken off meanwhile.
 */
export const modelLimits: OnnxLimits = {
  ...defaultLimits,
  bytes: 2 ** 31,
  nodes: 40_000,
  tensors: 200_000,
  elements: 2 ** 29,
  ports: 65_536,
  entries: 16 * 1024 * 1024,
  fields: 16 * 1024 * 1024,
  kept: 1024,
};
