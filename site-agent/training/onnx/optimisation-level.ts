/** Most operators of a graph that onnxruntime is let optimise; those of the families have some hundreds, recurrent ones over long series thousands. */
const mostOptimised = 8000;

/**
 * How much onnxruntime optimises a graph before it runs it on the CPU. It goes through the whole graph some sixty times, in an order that it works out
 * anew each time: a training step of 28,000 operators takes it 40 s, and 3 s when it is left as it is (onnxruntime 1.30, one core). Graphs come to it
 * without repeated and unneeded nodes, so that it finds little to do: steps that were tried, of a residual network, a transformer, a GRU and
 * chains of up to 12,000 operators, take the same time and give the same bits either way. Which of the two it is follows from the number of operators alone, so that it is the same on every machine.
 */
export function optimisationLevel(operators: number): 'all' | 'disabled' {
  return operators > mostOptimised ? 'disabled' : 'all';
}
