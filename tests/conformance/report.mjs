// Says what the results mean: report.mjs SUITE RESULT_FILE [EXPECTED_FAILURES]
//
// A required or optimal test that was not reached does not pass:
//   depends  a test that it builds on did not pass
//   setup    something went wrong before the point of the test
//   retry    the origin saw one request twice
// With a list of expected failures, exit 1 unless it names exactly the required tests that do not pass; those that differ
// are written to RESULT_FILE.differs, an id a line. Tests of Surrogate-Control, a header of no RFC, are counted apart, and so are those
// of CDN-Cache-Control, which is for caches that choose to know it.
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [suite, resultFile, expectedFile] = process.argv.slice(2)
const from = name => import(pathToFileURL(path.join(suite, name)))
const groups = (await from('tests/index.mjs')).default
const isCurrent = fs.existsSync(path.join(suite, 'test-engine'))
const surrogate = isCurrent ? { tests: [] } : (await from('tests/surrogate-control.mjs')).default
const results = JSON.parse(fs.readFileSync(resultFile, 'utf8'))

const runs = group => group.tests.filter(test => !test.browser_only).map(test => ({ ...test, kind: test.kind ?? 'required' }))
const tests = groups.flatMap(runs)
const byId = new Map([...tests, ...runs(surrogate)].map(test => [test.id, test]))

function outcome (test) {
  const result = results[test.id]
  if (result === undefined) return 'missing'
  if ((test.depends_on ?? []).some(id => byId.has(id) && outcome(byId.get(id)) !== 'pass')) return 'depends'
  if (result === true) return 'pass'
  if (result[0] === 'Setup') return result[1] === 'retry' ? 'retry' : 'setup'
  return 'fail'
}

function line (name, some) {
  if (some.length === 0) return
  const count = {}
  for (const test of some) count[outcome(test)] = (count[outcome(test)] ?? 0) + 1
  const rest = ['fail', 'depends', 'setup', 'retry', 'missing'].filter(kind => count[kind]).map(kind => `${count[kind]} ${kind}`)
  console.log(`${name.padEnd(22)} ${String(count.pass ?? 0).padStart(3)} of ${String(some.length).padStart(3)} pass`.padEnd(42) + rest.join(', '))
}

for (const kind of ['required', 'optimal', 'check']) line(kind, tests.filter(test => test.kind === kind && !test.cdn_only))
if (!isCurrent) line('(Surrogate-Control)', runs(surrogate))
for (const kind of isCurrent ? ['required', 'optimal', 'check'] : []) line(`CDN ${kind}`, tests.filter(test => test.kind === kind && test.cdn_only))
console.log('')
for (const group of groups) line(`  ${group.id}`, runs(group).filter(test => test.kind !== 'check'))

const failing = tests.filter(test => test.kind === 'required' && outcome(test) !== 'pass')
const expected = new Map(expectedFile === undefined
  ? []
  : fs.readFileSync(expectedFile, 'utf8').split('\n').filter(text => text.trim() !== '' && !text.startsWith('#'))
    .map(text => [text.split(/\s+/)[0], text.replace(/^\S+\s*/, '')]))

if (failing.length > 0) console.log('\nRequired tests that do not pass:')
for (const test of failing) {
  const result = results[test.id]
  const why = expected.get(test.id) ?? (Array.isArray(result) ? result[1] : `depends on ${test.depends_on}`)
  console.log(`  ${outcome(test).padEnd(8)}${expected.has(test.id) ? 'expected ' : '         '}${test.id}: ${why}`)
}
if (expectedFile === undefined) process.exit(tests.length > 0 ? 0 : 1)

const failingIds = new Set(failing.map(test => test.id))
const unexpected = [...failingIds].filter(id => !expected.has(id))
const stale = [...expected.keys()].filter(id => !failingIds.has(id))
const bare = [...expected].filter(([, reason]) => reason === '').map(([id]) => id)
if (unexpected.length > 0) console.log(`\nNot expected to fail: ${unexpected.join(' ')}`)
if (stale.length > 0) console.log(`\nListed as failing, but not so (take them off the list): ${stale.join(' ')}`)
if (bare.length > 0) console.log(`\nListed without a reason: ${bare.join(' ')}`)
fs.writeFileSync(`${resultFile}.differs`, unexpected.map(id => id + '\n').join(''))
process.exit(unexpected.length + stale.length + bare.length > 0 ? 1 : 0)
