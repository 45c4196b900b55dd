/** A tensor fed to a graph. */
export interface FedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A tensor fed for one of the network's, such as `frozen/NAME`. */
export interface NamedFeed extends FedTensor {
  /** Name of the network's tensor. */
  readonly weight: string;
}

/** A tensor carried from step to step: the graph reads `name` and writes `next`. */
export interface CarriedTensor extends FedTensor {
  readonly next: string;
}

/** A tensor of the optimiser's state, and the value of each of its elements at the first step of a round. */
export interface SlotTensor extends CarriedTensor {
  readonly initial: number;
}

/** What a graph with a forward pass is fed, beside the tensors that are trained. */
export interface ForwardFeeds {
  /** `features` [rows, F] and `payload` [rows, ...], those the network takes. */
  readonly rowInputs: readonly FedTensor[];
  /** [rows], or [rows, 2] for survival. */
  readonly labels: FedTensor;
  /** `frozen/NAME`. */
  readonly frozen: readonly NamedFeed[];
  /**
   * `random/K`: uniforms in [0, 1), new ones each step. Drawn for the whole batch, row after row: a part of the batch takes its rows of them. The first
   * axis of each is the rows.
   */
  readonly random: readonly FedTensor[];
  /** `anchor/NAME`: where the moving tensors started; empty without the pull, which also takes the scalar `proximal`. */
  readonly anchors: readonly NamedFeed[];
}
