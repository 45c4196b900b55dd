/** The rooms and who may enter which; `npm run rooms` holds them. See docs/architecture.md. */
const room = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });

module.exports = {
  forbidden: [
    room('no-circles', {}, { circular: true }, 'Modules that import each other cannot be read one at a time.'),
    room(
      'shared-imports-nothing',
      { path: '^shared/' },
      { path: '^(certs|coordinator|site-agent|simulations|cli|bench|test)/' },
      'shared is what both sides must agree on.',
    ),
    room(
      'certs-imports-shared',
      { path: '^certs/' },
      { path: '^(coordinator|site-agent|simulations|cli|bench|test)/' },
      'certs serves both sides and knows neither.',
    ),
    room(
      'sides-never-meet',
      { path: '^coordinator/' },
      { path: '^site-agent/' },
      'The coordinator never imports the site agent.',
    ),
    room(
      'sides-never-meet-back',
      { path: '^site-agent/' },
      { path: '^coordinator/' },
      'The site agent never imports the coordinator.',
    ),
    room(
      'only-main-and-simulations-see-both',
      { path: '^(coordinator|site-agent)/' },
      { path: '^(simulations|cli|bench|test)/' },
    ),
    room(
      'product-never-imports-tests',
      { path: '^(shared|certs|coordinator|site-agent|simulations|cli|bench)/' },
      { path: '^test/' },
    ),
    room(
      'grpc-types-stay-at-the-door',
      { pathNot: '^(coordinator/(service|client)|site-agent/client|test)/' },
      { path: 'node_modules/(@grpc/(grpc-js|reflection)|grpc-health-check)/' },
      'Only service/ and client/ name a grpc-js type.',
    ),
    room(
      'only-data-opens-files-of-patients',
      { pathNot: '^(site-agent/data|test|bench)/' },
      { path: 'node_modules/(@duckdb|sharp)/' },
    ),
    room(
      'runtimes-stay-in-training-and-judging',
      { pathNot: '^(site-agent/(training|judging)|test|bench)/' },
      { path: 'node_modules/(onnxruntime|@tensorflow)' },
    ),
    room(
      'rows-stay-in-data-training-judging',
      { path: '^(site-agent|coordinator|cli|shared)/', pathNot: '^site-agent/(data|training|judging)/' },
      { path: '^site-agent/data/site-table' },
      'Only data/, training/ and judging/ see rows.',
    ),
    room(
      'only-egress-sends',
      { path: '^site-agent/', pathNot: '^site-agent/(egress|client)/' },
      { path: '^shared/wire/federation-port' },
      'Exactly one module can send anything derived from patients.',
    ),
    room(
      'client-is-handed-to-egress',
      { path: '^site-agent/', pathNot: '^site-agent/(client|cli|main)' },
      { path: '^site-agent/client/' },
      'The transport is built in main and given to egress.',
    ),
    room(
      'store-is-behind-its-interface',
      { path: '^site-agent|^shared|^certs' },
      { path: 'node_modules/(kysely|pg)/' },
    ),
    room('not-to-unresolvable', {}, { couldNotResolve: true }),
    room(
      'no-dev-dependencies-in-the-product',
      { path: '^(shared|certs|coordinator|site-agent|simulations|cli)/' },
      { dependencyTypes: ['npm-dev'] },
    ),
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
