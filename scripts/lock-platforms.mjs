// Completes package-lock.json with the packages that hold binaries of other platforms.
//
// npm leaves an optional package out of the lock file when the registry in use does not serve it (a mirror that holds one
// platform only), and `npm ci` then refuses the lock file as incomplete. Each such package gets an entry with its version,
// system and processor, read from its name, so that `npm ci` skips it where it does not fit. There is no integrity hash
// for these; `npm install` on a machine whose registry serves them adds it.
//
// Run after every `npm install`. With --check it changes nothing and fails when an entry is missing.
import { readFileSync, writeFileSync } from 'node:fs';

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = {
  arm: 'arm',
  armv7: 'arm',
  arm64: 'arm64',
  ia32: 'ia32',
  loong64: 'loong64',
  mips64el: 'mips64el',
  ppc64: 'ppc64',
  ppc64le: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  wasm32: 'wasm32',
  x64: 'x64',
};

function platformOf(name) {
  const words = name.slice(name.lastIndexOf('/') + 1).split(/[-.]/);
  // Some packages write both in one word: linuxmusl.
  const os = words.map((word) => word.replace(/musl$/, '')).find((word) => systems.includes(word));
  const processor = words.find(
    (word) => Object.hasOwn(processors, word.replace(/l$/, '')) || Object.hasOwn(processors, word),
  );
  const cpu = processor === undefined ? undefined : (processors[processor] ?? processors[processor.replace(/l$/, '')]);
  // A universal binary names the system only.
  if (os === undefined && cpu === undefined) return undefined;
  const libc = words.some((word) => word.includes('musl'))
    ? 'musl'
    : words.some((word) => word.startsWith('gnu')) && os === 'linux'
      ? 'glibc'
      : undefined;
  return {
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(libc === undefined ? {} : { libc: [libc] }),
    ...(os === undefined ? {} : { os: [os] }),
  };
}

const file = 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8'));
const packages = lock.packages;
const missing = [];
for (const [path, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const nested = `${path === '' ? '' : `${path}/`}node_modules/${name}`;
    const hoisted = `node_modules/${name}`;
    if (Object.hasOwn(packages, nested) || Object.hasOwn(packages, hoisted)) continue;
    const platform = platformOf(name);
    if (platform === undefined || !/^\d/.test(version)) {
      console.error(`${path} wants ${name}@${version}, which is not in ${file} and names no platform: add it by hand.`);
      process.exitCode = 1;
      continue;
    }
    missing.push(name);
    packages[hoisted] = { version, ...platform, ...(entry.dev === true ? { dev: true } : {}), optional: true };
  }
}

if (missing.length > 0 && process.argv.includes('--check')) {
  console.error(
    `${file} lacks ${missing.length} packages of other platforms, such as ${missing[0]}; run: node scripts/lock-platforms.mjs`,
  );
  process.exitCode = 1;
} else if (missing.length > 0) {
  const sorted = Object.keys(packages).sort((left, right) => left.localeCompare(right, 'en'));
  lock.packages = Object.fromEntries(sorted.map((path) => [path, packages[path]]));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${file}: ${missing.length} packages of other platforms added.`);
}
