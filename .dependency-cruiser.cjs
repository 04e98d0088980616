// The architecture as rules: a package imports only what lies below it.
const layers = [
  ['core'],
  ['config', 'observability'],
  ['resilience', 'security', 'persistence', 'actuator'],
  ['discovery', 'kafka', 'embedded-kafka'],
  ['http-client', 'messaging'],
  ['saga', 'gateway'],
  ['platform'],
];

/** Imports within one layer that the design allows, besides those downwards. */
const sideways = { observability: ['config'] };

/** Packages that may import less, or other, than their place in the layers says. */
const exactly = {
  'embedded-kafka': ['core'],
  contracts: ['core', 'messaging'],
  cli: ['core', 'persistence', 'embedded-kafka', 'messaging'],
  schematics: [],
};

/** Test files: they may import whatever they need. */
const SPEC = '(\\.(spec|bench|e2e-spec)\\.ts$)|(/testing/)|(^test/)';

const lib = (names) => `^libs/(${names.join('|')})/`;

function allowedFor(name, depth) {
  return exactly[name] ?? [...layers.slice(0, depth).flat(), ...(sideways[name] ?? [])];
}

const layerRules = [
  ...layers.flatMap((names, depth) => names.map((name) => [name, allowedFor(name, depth)])),
  ...['contracts', 'cli', 'schematics'].map((name) => [name, exactly[name]]),
].map(([name, allowed]) => ({
  name: `layer-of-${name}`,
  comment: `@rookery/${name} may import ${allowed.length === 0 ? 'no package of ours' : allowed.join(', ')}`,
  severity: 'error',
  from: { path: `^libs/${name}/src/`, pathNot: SPEC },
  to: { path: '^libs/', pathNot: lib([name, ...allowed]) },
}));

/** A file name with a role carries Nest glue; one without is an engine and knows nothing of Nest. */
const ROLE =
  '\\.(module|decorator|interceptor|guard|controller|handler|saga|repository|driver|health|filter|pipe|strategy|middleware|providers?|spec|bench|metrics|options)\\.ts$';

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'no-cycles',
      comment: 'A cycle hides which file needs which, and breaks decorators at start.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'apps-import-no-app',
      comment: 'Services meet over HTTP and messages only.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-import-no-app',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'testing-only-in-specs',
      comment: '@rookery/testing, and the ./testing entries of packages, never ship.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: ['^libs/testing/', SPEC] },
      to: { path: ['^libs/testing/', '^libs/[^/]+/src/testing/'] },
    },
    {
      name: 'engines-import-no-nest',
      comment:
        'An engine (a file without a role in its name) works without Nest; glue sits beside it.',
      severity: 'error',
      from: {
        path: '^libs/[^/]+/src/',
        pathNot: [ROLE, '/index\\.ts$', '^libs/(platform|testing)/', SPEC],
      },
      to: { path: '^@nestjs/|node_modules/@nestjs/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'packages-through-their-door',
      comment: 'Another package is imported by its name, never by a path into it.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: {
        path: '^libs/',
        pathNot: [
          '^libs/$1/',
          '^libs/[^/]+/src/(index|[^/]+/index)\\.ts$',
          '^libs/[^/]+/src/[^/]+\\.ts$',
        ],
      },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-production-use-of-dev-dependencies',
      comment: 'What runs must be installed by `npm ci --omit=dev`.',
      severity: 'error',
      from: { path: '^(libs|apps)/[^/]+/src/', pathNot: [SPEC, '^libs/testing/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|node_modules/\\.cache|files)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['rookery:source', 'types', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.d.ts'],
    },
  },
};
